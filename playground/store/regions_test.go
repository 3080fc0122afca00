package store

import (
	"context"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/pingcap/kvproto/pkg/cdcpb"
	"github.com/pingcap/kvproto/pkg/kvrpcpb"
)

// shape tells the regions by their bounds.
func (c *testCluster) shape() string {
	var out []string
	for _, r := range c.hub.regions.list() {
		out = append(out, strings.Join([]string{"[", string(r.rawStart), ",", string(decodeKey(r.meta.EndKey)), ")"}, ""))
	}
	return strings.Join(out, " ")
}

func TestSplitKeepsTheOldIdOnTheRightAndBumpsTheVersion(t *testing.T) {
	c := newTestCluster(t)
	old := c.regionOf("a").meta
	metas, err := c.hub.regions.split(old.Id, [][]byte{[]byte("m"), []byte("d"), []byte("d")})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.shape(); got != "[,d) [d,m) [m,)" {
		t.Error(got)
	}
	if len(metas) != 3 || metas[2].Id != old.Id {
		t.Errorf("%v", metas)
	}
	for _, m := range metas {
		if m.RegionEpoch.Version != old.RegionEpoch.Version+2 || m.RegionEpoch.ConfVer != old.RegionEpoch.ConfVer {
			t.Errorf("epoch %v", m.RegionEpoch)
		}
	}
	again, err := c.hub.regions.split(c.regionOf("d").meta.Id, [][]byte{[]byte("d"), []byte("z")}) // its start, and not its own
	if err != nil || len(again) != 1 || c.shape() != "[,d) [d,m) [m,)" {
		t.Errorf("%v, %v: %s", again, err, c.shape())
	}
}

func TestMergeKeepsTheRightIdAndAHigherVersion(t *testing.T) {
	c := newTestCluster(t)
	c.split("d", "m")
	left, right := c.regionOf("d").meta, c.regionOf("m").meta
	m, err := c.hub.regions.merge(left.Id)
	if err != nil || c.shape() != "[,d) [d,)" {
		t.Fatalf("%v: %s", err, c.shape())
	}
	if m.Id != right.Id || m.RegionEpoch.Version <= max(left.RegionEpoch.Version, right.RegionEpoch.Version) {
		t.Errorf("%v", m)
	}
	if _, err := c.hub.regions.merge(right.Id); err == nil {
		t.Error("the last region has no right neighbour")
	}
}

func TestRequestsWithAnOldEpochOrTheWrongStoreAreRefused(t *testing.T) {
	c := newTestCluster(t)
	stale := c.begin("a", "1").context("a")
	c.split("d")
	get := func(ctx *kvrpcpb.Context) *kvrpcpb.GetResponse {
		resp, err := c.server.KvGet(context.Background(), &kvrpcpb.GetRequest{Context: ctx, Key: []byte("a"), Version: c.pd.next()})
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	if e := get(stale).RegionError; e.GetEpochNotMatch() == nil {
		t.Error(e)
	}
	wrong := c.begin("a", "1").context("a")
	wrong.Peer.StoreId += 100
	e := get(wrong).RegionError
	wrong.Peer.StoreId -= 100 // it is the region's own
	if e.GetStoreNotMatch() == nil {
		t.Error(e)
	}
	gone := c.begin("a", "1").context("a")
	gone.RegionId = 999
	if e := get(gone).RegionError; e.GetRegionNotFound() == nil {
		t.Error(e)
	}
}

func TestSplitAndMergeEndSubscriptionsAndTheNextOnesMissNothing(t *testing.T) {
	c, s := subscribed(t)
	x := c.begin("a", "1", "z", "2").mustPrewrite()
	checkpoint := s.tickResolved()
	id := c.regionOf("a").meta.Id
	ended := func(request, region uint64) string {
		return describe(&cdcpb.Event{RequestId: request, RegionId: region, Event: &cdcpb.Event_Error{Error: epochNotMatch()}})[0]
	}
	c.split("m")
	s.take(ended(1, id))
	x.commitTS = c.pd.next()
	if err := x.commitKey("a"); err != nil {
		t.Fatal(err)
	}
	s.requests <- c.request(2, "a", checkpoint)
	expect(t, s.take("initialized"), "committed a=1", "initialized")
	s.requests <- c.request(3, "z", checkpoint)
	expect(t, s.take("initialized"), "prewrite z=2", "initialized")
	left, right := c.regionOf("a").meta.Id, c.regionOf("z").meta.Id
	if _, err := c.hub.regions.merge(left); err != nil {
		t.Fatal(err)
	}
	s.take(ended(2, left))
	s.take(ended(3, right))
	s.requests <- c.request(4, "a", checkpoint)
	expect(t, s.take("initialized"), "prewrite z=2", "committed a=1", "initialized")
	if err := x.commitKey("z"); err != nil {
		t.Fatal(err)
	}
	expect(t, s.take("commit z=2"), "commit z=2")
}

func TestLargeRegionsAreSplitBySize(t *testing.T) {
	c := newTestCluster(t)
	for _, k := range []string{"a", "b", "c", "d", "e", "f"} {
		c.begin(k, strings.Repeat("v", 1000)).mustRun()
	}
	c.hub.regions.splitBySize(c.regionOf("a"), 100_000)
	if got := c.shape(); got != "[,)" {
		t.Errorf("split below the limit: %s", got)
	}
	c.hub.regions.splitBySize(c.regionOf("a"), 3000)
	if got := c.shape(); got != "[,c) [c,e) [e,)" {
		t.Error(got)
	}
}

// ---- the control endpoint ----

func (c *testCluster) control(method, target string) (status int, body string) {
	w := httptest.NewRecorder()
	c.hub.controlHandler().ServeHTTP(w, httptest.NewRequest(method, target, nil))
	return w.Code, strings.TrimSpace(w.Body.String())
}

func TestControlSplitsMergesAndMakesTrouble(t *testing.T) {
	c, s := subscribed(t)
	id := c.regionOf("a").meta.Id
	for kind, want := range map[string]string{"not_leader": "not leader", "epoch_not_match": "epoch not match",
		"region_not_found": "region not found", "server_is_busy": "server is busy", "congested": "congested"} {
		if status, body := c.control("POST", "/error?kind="+kind); status != http.StatusOK || body != "1" {
			t.Errorf("%s: %d %s", kind, status, body)
		}
		got := s.take(lastError(1, id, want))
		if len(got) != 1 {
			t.Error(got)
		}
		s.requests <- c.request(1, "a", c.pd.next())
		s.take("initialized")
	}
	if status, _ := c.control("POST", "/split?key="+hex.EncodeToString([]byte("m"))); status != http.StatusOK || c.shape() != "[,m) [m,)" {
		t.Error(c.shape())
	}
	if status, _ := c.control("POST", "/merge?region=999"); status != http.StatusBadRequest {
		t.Error(status)
	}
	for _, bad := range []string{"/error?kind=flood", "/split", "/split?key=xy", "/error?region=x", "/record?from_ts=x", "/snapshot?prefix=x"} {
		if status, _ := c.control("POST", bad); status != http.StatusBadRequest {
			t.Errorf("%s: %d", bad, status)
		}
	}
	if _, body := c.control("POST", "/kill_streams"); body != "1" {
		t.Error(body)
	}
	if err := <-s.ended; err == nil {
		t.Error("the stream was not broken")
	}
}

func lastError(request, region uint64, kind string) string {
	want := describe(&cdcpb.Event{RequestId: request, RegionId: region, Event: &cdcpb.Event_Error{Error: regionNotFound(region)}})[0]
	return strings.Replace(want, "region not found", kind, 1)
}

func TestControlHoldsBackResolvedTimestamps(t *testing.T) {
	c, s := subscribed(t)
	before := s.tickResolved()
	c.control("POST", "/resolved?on=0")
	c.tick()
	s.mu.Lock()
	if slices.Contains(s.got, "resolved") {
		t.Error("sent while held back")
	}
	s.mu.Unlock()
	c.control("POST", "/resolved?on=1")
	if after := s.tickResolved(); after <= before {
		t.Error(before, after)
	}
}

func TestRecordAndSnapshotTellWhatIsCommitted(t *testing.T) {
	c := newTestCluster(t)
	first := c.begin("a", "1", "b", "2").mustRun()
	second := c.begin("a", "").mustRun()
	c.begin("c", "open").mustPrewrite()
	after := c.begin("d", "3").mustRun() // above the open one's start: not yet
	c.tick()
	_, body := c.control("GET", "/record")
	want := []string{line(first, `["P","61","31"],["P","62","32"]`), line(second, `["D","61"]`)}
	expect(t, strings.Split(body, "\n"), want...)
	if _, body = c.control("GET", "/record?from_ts="+number10(first.commitTS)); body != want[1] {
		t.Error(body)
	}
	_, body = c.control("GET", "/snapshot?ts="+number10(first.commitTS))
	if strings.Count(body, "\n") != 1 || !strings.Contains(body, `{"key":"61","value":"31"`) {
		t.Error(body)
	}
	if _, body = c.control("GET", "/snapshot?prefix=64&ts="+number10(after.commitTS)); !strings.Contains(body, `"value":"33"`) {
		t.Error(body)
	}
}
