package pd

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/pingcap/kvproto/pkg/keyspacepb"
	"github.com/pingcap/kvproto/pkg/metapb"
	"github.com/pingcap/kvproto/pkg/pdpb"
)

// testPD is a bootstrapped PD without etcd, whose clock stands still.
type testPD struct {
	*Server
	t    *testing.T
	time time.Time
}

func newTestPD(t *testing.T) *testPD {
	t.Helper()
	p := &testPD{t: t, time: time.UnixMilli(1_700_000_000_000)}
	p.Server = newServer(Config{ClientAddr: "127.0.0.1:1", PeerAddr: "127.0.0.1:2", Version: "v8.5.4"}, func() time.Time { return p.time })
	if _, err := p.Bootstrap(context.Background(), &pdpb.BootstrapRequest{Header: p.requestHeader(), Store: &metapb.Store{Id: 1},
		Region: meta(2, "", "", 1)}); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *testPD) requestHeader() *pdpb.RequestHeader {
	return &pdpb.RequestHeader{ClusterId: p.clusterID}
}

// ---- timestamps ----

func TestTimestampsGrowWhateverTheClockDoes(t *testing.T) {
	p := newTestPD(t)
	last := uint64(0)
	for i, step := range []time.Duration{0, 0, time.Millisecond, -time.Hour, 0, 2 * time.Hour, 0} {
		p.time = p.time.Add(step)
		for _, count := range []int64{1, 10_000, serialMax, 1} {
			physical, logical, err := p.clock.next(count)
			if err != nil {
				t.Fatal(err)
			}
			newest := compose(&pdpb.Timestamp{Physical: physical, Logical: logical})
			if logical > serialMax || newest-uint64(count)+1 <= last {
				t.Errorf("step %d, count %d: first %d, last before %d", i, count, newest-uint64(count)+1, last)
			}
			last = newest
		}
	}
}

func TestTimestampsAreUniqueAcrossClients(t *testing.T) {
	p := newTestPD(t)
	var mu sync.Mutex
	var wait sync.WaitGroup
	seen := map[uint64]bool{}
	for range 8 {
		wait.Go(func() {
			for range 2000 {
				ts := compose(p.clock.timestamp())
				mu.Lock()
				if seen[ts] {
					t.Errorf("%d twice", ts)
				}
				seen[ts] = true
				mu.Unlock()
			}
		})
	}
	wait.Wait()
}

func TestImpossibleTimestampCountsAreRefused(t *testing.T) {
	p := newTestPD(t)
	for _, count := range []int64{0, -1, serialMax + 1, math.MaxUint32} {
		if _, _, err := p.clock.next(count); err == nil {
			t.Errorf("count %d was granted", count)
		}
	}
}

// ---- GC ----

// hold updates a service safe point and tells the minimum that PD answers.
func (p *testPD) hold(service string, ts uint64, ttl int64) string {
	p.t.Helper()
	resp, err := p.UpdateServiceGCSafePoint(context.Background(), &pdpb.UpdateServiceGCSafePointRequest{Header: p.requestHeader(),
		ServiceId: []byte(service), SafePoint: ts, TTL: ttl})
	if err != nil || resp.Header.Error != nil {
		p.t.Fatal(err, resp)
	}
	return fmt.Sprintf("%s %d", resp.ServiceId, resp.MinSafePoint)
}

func (p *testPD) expectHold(service string, ts uint64, ttl int64, want string) {
	p.t.Helper()
	if got := p.hold(service, ts, ttl); got != want {
		p.t.Errorf("%s at %d: got %q, want %q", service, ts, got, want)
	}
}

func TestServiceSafePointsHoldBackGC(t *testing.T) {
	p := newTestPD(t)
	p.expectHold(gcWorkerID, 100, math.MaxInt64, "gc_worker 100")
	p.expectHold("ticdc", 150, 60, "gc_worker 100")
	p.expectHold("br", 120, 60, "gc_worker 100")
	p.expectHold(gcWorkerID, 200, math.MaxInt64, "br 120") // as far as the services allow
	p.expectHold("br", 0, 0, "gc_worker 120")              // a TTL of 0 removes it
	p.expectHold(gcWorkerID, 200, math.MaxInt64, "ticdc 150")
	p.expectHold("ticdc", 180, 60, "gc_worker 150")
}

func TestServiceSafePointBehindGCIsRefusedAndToldTheMinimum(t *testing.T) {
	p := newTestPD(t)
	p.hold(gcWorkerID, 100, math.MaxInt64)
	p.expectHold("late", 99, 60, "gc_worker 100") // the answer is above what was asked for
	p.expectHold(gcWorkerID, 300, math.MaxInt64, "gc_worker 300")
	p.expectHold(gcWorkerID, 250, math.MaxInt64, "gc_worker 300") // GC does not go back
}

func TestServiceSafePointsExpire(t *testing.T) {
	p := newTestPD(t)
	p.hold("ticdc", 50, 60)
	p.hold("forever", 70, math.MaxInt64)
	p.expectHold(gcWorkerID, 100, math.MaxInt64, "ticdc 50")
	p.time = p.time.Add(59 * time.Second)
	p.expectHold("ticdc", 50, 60, "ticdc 50") // renewed
	p.time = p.time.Add(60 * time.Second)
	p.expectHold(gcWorkerID, 100, math.MaxInt64, "forever 70")
	p.time = p.time.Add(1e6 * time.Hour)
	p.expectHold(gcWorkerID, 100, math.MaxInt64, "forever 70")
}

func TestGCBarriersAndServiceSafePointsAreTheSame(t *testing.T) {
	p := newTestPD(t)
	ctx := context.Background()
	p.hold(gcWorkerID, 100, math.MaxInt64)
	set, err := p.SetGCBarrier(ctx, &pdpb.SetGCBarrierRequest{Header: p.requestHeader(), BarrierId: "b", BarrierTs: 110, TtlSeconds: 60})
	if err != nil || set.Header.Error != nil {
		t.Fatal(set, err)
	}
	if set, _ = p.SetGCBarrier(ctx, &pdpb.SetGCBarrierRequest{Header: p.requestHeader(), BarrierId: "late", BarrierTs: 99, TtlSeconds: 60}); set.Header.Error == nil {
		t.Error("a barrier behind the txn safe point was set")
	}
	p.expectHold(gcWorkerID, 200, math.MaxInt64, "b 110")
	adv, _ := p.AdvanceTxnSafePoint(ctx, &pdpb.AdvanceTxnSafePointRequest{Header: p.requestHeader(), Target: 200})
	if adv.NewTxnSafePoint != 110 || adv.BlockerDescription == "" {
		t.Error(adv)
	}
	if adv, _ = p.AdvanceTxnSafePoint(ctx, &pdpb.AdvanceTxnSafePointRequest{Header: p.requestHeader(), Target: 90}); adv.Header.Error == nil {
		t.Error("the txn safe point went back")
	}
	gc, _ := p.AdvanceGCSafePoint(ctx, &pdpb.AdvanceGCSafePointRequest{Header: p.requestHeader(), Target: 500})
	if gc.NewGcSafePoint != 110 {
		t.Error(gc)
	}
	del, _ := p.DeleteGCBarrier(ctx, &pdpb.DeleteGCBarrierRequest{Header: p.requestHeader(), BarrierId: "b"})
	if del.DeletedBarrierInfo.GetBarrierTs() != 110 {
		t.Error(del)
	}
	p.expectHold(gcWorkerID, 200, math.MaxInt64, "gc_worker 200")
}

func TestHTTPListsServiceSafePoints(t *testing.T) {
	p := newTestPD(t)
	p.hold(gcWorkerID, 100, math.MaxInt64)
	p.hold("ticdc", 150, 60)
	w := httptest.NewRecorder()
	p.httpHandler().ServeHTTP(w, httptest.NewRequest("GET", "/pd/api/v1/gc/safepoint", nil))
	var got struct {
		List []struct {
			ID      string `json:"service_id"`
			Expires int64  `json:"expired_at"`
			TS      uint64 `json:"safe_point"`
		} `json:"service_gc_safe_points"`
		Min uint64 `json:"min_service_gc_safe_point"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if w.Code != http.StatusOK || got.Min != 100 || len(got.List) != 2 || got.List[1].TS != 150 || got.List[1].Expires != p.time.Add(time.Minute).Unix() {
		t.Errorf("%d %+v", w.Code, got)
	}
}

// ---- who is asked ----

func TestRequestsForAnotherClusterAreRefused(t *testing.T) {
	p := newTestPD(t)
	if _, err := p.GetAllStores(context.Background(), &pdpb.GetAllStoresRequest{Header: &pdpb.RequestHeader{ClusterId: 1}}); err == nil {
		t.Error("answered")
	}
	again, err := p.Bootstrap(context.Background(), &pdpb.BootstrapRequest{Header: p.requestHeader()})
	if err != nil || again.Header.Error.GetType() != pdpb.ErrorType_ALREADY_BOOTSTRAPPED {
		t.Error(again, err)
	}
}

// ---- regions ----

func meta(id uint64, start, end string, version uint64) *metapb.Region {
	return &metapb.Region{Id: id, StartKey: []byte(start), EndKey: []byte(end), RegionEpoch: &metapb.RegionEpoch{Version: version},
		Peers: []*metapb.Peer{{Id: id + 100, StoreId: 1}}}
}

func put(tree *regionTree, metas ...*metapb.Region) {
	for _, m := range metas {
		tree.put(&regionInfo{meta: m, leader: m.Peers[0]})
	}
}

func ids(list []*regionInfo) (out []uint64) {
	for _, r := range list {
		out = append(out, r.meta.Id)
	}
	return out
}

func expectIDs(t *testing.T, list []*regionInfo, want ...uint64) {
	t.Helper()
	if got := ids(list); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestRegionsFollowSplitsAndMergesAndIgnoreOldNews(t *testing.T) {
	tree := newRegionTree()
	put(&tree, meta(1, "", "", 1))
	put(&tree, meta(2, "", "m", 2), meta(1, "m", "", 2)) // split
	expectIDs(t, tree.scan("", "", 0), 2, 1)
	put(&tree, meta(1, "", "", 1)) // late heartbeat
	expectIDs(t, tree.scan("", "", 0), 2, 1)
	put(&tree, meta(3, "", "c", 3), meta(2, "c", "m", 3))
	expectIDs(t, tree.scan("", "", 0), 3, 2, 1)
	put(&tree, meta(1, "c", "", 4)) // merge of 2 into 1
	expectIDs(t, tree.scan("", "", 0), 3, 1)
	if tree.byID[2] != nil || tree.byID[1].meta.RegionEpoch.Version != 4 {
		t.Error("the merged region is still known")
	}
}

func TestRegionLookups(t *testing.T) {
	tree := newRegionTree()
	put(&tree, meta(1, "", "d", 1), meta(2, "d", "m", 1), meta(3, "m", "", 1))
	for key, want := range map[string]uint64{"": 1, "c": 1, "d": 2, "lz": 2, "m": 3, "zz": 3} {
		if got := tree.find(key).meta.Id; got != want {
			t.Errorf("%q is in %d, want %d", key, got, want)
		}
	}
	if tree.prev("e").meta.Id != 1 || tree.prev("a") != nil {
		t.Error("prev")
	}
	expectIDs(t, tree.scan("c", "e", 0), 1, 2)
	expectIDs(t, tree.scan("d", "m", 0), 2)
	expectIDs(t, tree.scan("e", "", 1), 2)
	expectIDs(t, tree.scan("n", "", 0), 3)
}

// TiDB's GC worker asks for pages until one is empty; it spun for ever when each page was full.
func TestKeyspacePagesEnd(t *testing.T) {
	keyspaces := &keyspaceService{pd: newTestPD(t).Server}
	first, err := keyspaces.GetAllKeyspaces(context.Background(), &keyspacepb.GetAllKeyspacesRequest{})
	if err != nil || len(first.Keyspaces) != 1 {
		t.Fatal(first, err)
	}
	next, err := keyspaces.GetAllKeyspaces(context.Background(), &keyspacepb.GetAllKeyspacesRequest{StartId: first.Keyspaces[0].Id + 1})
	if err != nil || len(next.Keyspaces) != 0 {
		t.Fatal(next, err)
	}
}
