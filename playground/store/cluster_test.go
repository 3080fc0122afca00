package store

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/pingcap/kvproto/pkg/cdcpb"
	"github.com/pingcap/kvproto/pkg/errorpb"
	"github.com/pingcap/kvproto/pkg/kvrpcpb"
	"github.com/pingcap/kvproto/pkg/metapb"
	"github.com/pingcap/kvproto/pkg/pdpb"
	"github.com/pingcap/log"
	upd "github.com/pingcap/tidb/pkg/store/mockstore/unistore/pd"
	"go.uber.org/zap"
	"google.golang.org/grpc"
)

const testClusterID = 7

// fakePD is the part of PD that a store needs. beforeReply, if set, runs while
// a timestamp that was taken is on its way to who asked for it.
type fakePD struct {
	upd.Client // nil: other calls must not happen

	mu          sync.Mutex
	ts, id      uint64
	beforeReply func()
}

func (p *fakePD) next() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ts++
	return p.ts
}

func (p *fakePD) GetTS(context.Context) (int64, int64, error) {
	ts := p.next()
	p.mu.Lock()
	hook := p.beforeReply
	p.mu.Unlock()
	if hook != nil {
		hook()
	}
	return int64(ts >> 18), int64(ts & (1<<18 - 1)), nil
}

func (p *fakePD) AllocID(context.Context) (uint64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.id++
	return p.id, nil
}

func (p *fakePD) AskBatchSplit(ctx context.Context, r *metapb.Region, n int) (*pdpb.AskBatchSplitResponse, error) {
	resp := &pdpb.AskBatchSplitResponse{}
	for range n {
		region, _ := p.AllocID(ctx)
		peer, _ := p.AllocID(ctx)
		resp.Ids = append(resp.Ids, &pdpb.SplitID{NewRegionId: region, NewPeerIds: []uint64{peer}})
	}
	return resp, nil
}

func (p *fakePD) Bootstrap(context.Context, *metapb.Store, *metapb.Region) (*pdpb.BootstrapResponse, error) {
	return &pdpb.BootstrapResponse{Header: &pdpb.ResponseHeader{}}, nil
}

func (p *fakePD) GetClusterID(context.Context) uint64                      { return testClusterID }
func (p *fakePD) PutStore(context.Context, *metapb.Store) error            { return nil }
func (p *fakePD) ReportBatchSplit(context.Context, []*metapb.Region) error { return nil }
func (p *fakePD) ReportRegion(*pdpb.RegionHeartbeatRequest)                {}
func (p *fakePD) GetGCSafePoint(context.Context) (uint64, error)           { return 0, nil }

// testCluster is a store without listeners, whose time is a counter.
type testCluster struct {
	*engine
	t  *testing.T
	pd *fakePD
}

func newTestCluster(t *testing.T) *testCluster {
	t.Helper()
	pd := &fakePD{ts: uint64(time.Now().UnixMilli()) << 18}
	e, err := openEngine(context.Background(), pd, t.TempDir(), &metapb.Store{Address: "store"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.mvcc.Close(); err != nil {
			t.Error(err)
		}
		if err := e.db.Close(); err != nil {
			t.Error(err)
		}
	})
	return &testCluster{engine: e, t: t, pd: pd}
}

// tick does what the resolver does: a fresh timestamp, then a round.
func (c *testCluster) tick() uint64 {
	ts := c.pd.next()
	c.hub.advance(ts)
	return ts
}

func (c *testCluster) regionOf(key string) *region { return c.hub.regions.find([]byte(key)) }

func (c *testCluster) split(at ...string) {
	c.t.Helper()
	for _, k := range at {
		if _, err := c.hub.regions.split(c.regionOf(k).meta.Id, [][]byte{[]byte(k)}); err != nil {
			c.t.Fatal(err)
		}
	}
}

// ---- transactions ----

// testTxn is a transaction as TiDB's client would run it; the first key is the
// primary one. Values: "" deletes.
type testTxn struct {
	c        *testCluster
	start    uint64
	keys     []string
	values   map[string]string
	source   uint64
	onePC    bool
	async    bool
	minTS    uint64 // of async commit
	commitTS uint64
}

// begin starts a transaction that writes "key", "value", "key", "value"...
func (c *testCluster) begin(pairs ...string) *testTxn {
	x := &testTxn{c: c, start: c.pd.next(), values: map[string]string{}}
	for i := 0; i < len(pairs); i += 2 {
		x.keys = append(x.keys, pairs[i])
		x.values[pairs[i]] = pairs[i+1]
	}
	return x
}

func (x *testTxn) context(key string) *kvrpcpb.Context {
	m := x.c.regionOf(key).meta
	return &kvrpcpb.Context{RegionId: m.Id, RegionEpoch: m.RegionEpoch, Peer: m.Peers[0], TxnSource: x.source}
}

// prewriteKey writes one key's lock, or with 1PC all keys, which must then be
// in one region.
func (x *testTxn) prewriteKey(keys ...string) error {
	for {
		req := &kvrpcpb.PrewriteRequest{Context: x.context(keys[0]), PrimaryLock: []byte(x.keys[0]), StartVersion: x.start, LockTtl: 3000,
			TryOnePc: x.onePC, UseAsyncCommit: x.async, MinCommitTs: x.start + 1}
		if x.async && keys[0] == x.keys[0] {
			for _, k := range x.keys[1:] {
				req.Secondaries = append(req.Secondaries, []byte(k))
			}
		}
		for _, k := range keys {
			m := &kvrpcpb.Mutation{Op: kvrpcpb.Op_Put, Key: []byte(k), Value: []byte(x.values[k])}
			if x.values[k] == "" {
				m.Op = kvrpcpb.Op_Del
			}
			req.Mutations = append(req.Mutations, m)
		}
		resp, err := x.c.server.KvPrewrite(context.Background(), req)
		switch {
		case err != nil:
			return err
		case resp.RegionError != nil:
			continue // the region was split meanwhile
		case len(resp.Errors) > 0:
			return fmt.Errorf("%v", resp.Errors[0])
		}
		x.minTS = max(x.minTS, resp.MinCommitTs)
		if resp.OnePcCommitTs > 0 {
			x.commitTS = resp.OnePcCommitTs
		}
		return nil
	}
}

func (x *testTxn) prewrite() error {
	if x.onePC {
		return x.prewriteKey(x.keys...)
	}
	for _, k := range x.keys {
		if err := x.prewriteKey(k); err != nil {
			return err
		}
	}
	return nil
}

func (x *testTxn) commitKey(key string) error {
	for {
		resp, err := x.c.server.KvCommit(context.Background(), &kvrpcpb.CommitRequest{Context: x.context(key), Keys: [][]byte{[]byte(key)},
			StartVersion: x.start, CommitVersion: x.commitTS})
		switch {
		case err != nil:
			return err
		case resp.RegionError != nil:
			continue
		case resp.Error != nil:
			return fmt.Errorf("%v", resp.Error)
		}
		return nil
	}
}

func (x *testTxn) commit() error {
	if x.commitTS > 0 { // 1PC
		return nil
	}
	if x.commitTS = x.minTS; !x.async || x.minTS == 0 {
		x.commitTS = x.c.pd.next()
	}
	for _, k := range x.keys {
		if err := x.commitKey(k); err != nil {
			return err
		}
	}
	return nil
}

func (x *testTxn) rollback() error {
	for _, k := range x.keys {
		for {
			resp, err := x.c.server.KvBatchRollback(context.Background(), &kvrpcpb.BatchRollbackRequest{Context: x.context(k),
				StartVersion: x.start, Keys: [][]byte{[]byte(k)}})
			if err != nil {
				return err
			}
			if resp.Error != nil {
				return fmt.Errorf("%v", resp.Error)
			}
			if resp.RegionError == nil {
				break
			}
		}
	}
	return nil
}

func (x *testTxn) mustPrewrite() *testTxn {
	x.c.t.Helper()
	if err := x.prewrite(); err != nil {
		x.c.t.Fatal(err)
	}
	return x
}

// mustRun prewrites and commits.
func (x *testTxn) mustRun() *testTxn {
	x.c.t.Helper()
	if err := x.mustPrewrite().commit(); err != nil {
		x.c.t.Fatal(err)
	}
	return x
}

// ---- streams ----

// testStream is the client's end of an EventFeedV2 stream.
type testStream struct {
	grpc.ServerStream // nil
	c                 *testCluster
	ctx               context.Context
	cancel            context.CancelFunc
	requests          chan *cdcpb.ChangeDataRequest
	ended             chan error // what the handler returned

	mu       sync.Mutex
	got      []string // see describe
	events   []*cdcpb.Event
	cork     chan struct{}     // while not nil, Send waits for it
	resolved map[uint64]uint64 // the last one by request
}

func (c *testCluster) open(multiplexing bool) *testStream {
	ctx, cancel := context.WithCancel(context.Background())
	s := &testStream{c: c, ctx: ctx, cancel: cancel, requests: make(chan *cdcpb.ChangeDataRequest, 1000), ended: make(chan error, 1), resolved: map[uint64]uint64{}}
	go func() {
		err := c.hub.feed(s, multiplexing)
		cancel()
		s.ended <- err
	}()
	c.t.Cleanup(cancel)
	return s
}

func (s *testStream) Context() context.Context { return s.ctx }

func (s *testStream) Recv() (*cdcpb.ChangeDataRequest, error) {
	select {
	case r, ok := <-s.requests:
		if !ok {
			return nil, io.EOF
		}
		return r, nil
	case <-s.ctx.Done():
		return nil, s.ctx.Err()
	}
}

func (s *testStream) Send(m *cdcpb.ChangeDataEvent) error {
	s.mu.Lock()
	cork := s.cork
	s.mu.Unlock()
	if cork != nil {
		select {
		case <-cork:
		case <-s.ctx.Done():
			return s.ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range m.Events {
		s.events = append(s.events, e)
		s.got = append(s.got, describe(e)...)
	}
	if m.ResolvedTs != nil {
		s.resolved[m.ResolvedTs.RequestId] = m.ResolvedTs.Ts
		for _, id := range m.ResolvedTs.Regions { // as without batches
			s.events = append(s.events, &cdcpb.Event{RequestId: m.ResolvedTs.RequestId, RegionId: id, Event: &cdcpb.Event_ResolvedTs{ResolvedTs: m.ResolvedTs.Ts}})
		}
		s.got = append(s.got, "resolved")
	}
	return nil
}

// describe tells an event in a short notation, without timestamps.
func describe(e *cdcpb.Event) (out []string) {
	if err := e.GetError(); err != nil {
		return []string{fmt.Sprintf("error %d/%d %s", e.RequestId, e.RegionId, errorKind(err))}
	}
	for _, r := range e.GetEntries().GetEntries() {
		out = append(out, describeRow(r))
	}
	return out
}

func describeRow(r *cdcpb.Event_Row) string {
	switch r.Type {
	case cdcpb.Event_INITIALIZED:
		return "initialized"
	case cdcpb.Event_ROLLBACK:
		return fmt.Sprintf("rollback %s", r.Key)
	}
	kind := map[cdcpb.Event_LogType]string{cdcpb.Event_PREWRITE: "prewrite", cdcpb.Event_COMMIT: "commit", cdcpb.Event_COMMITTED: "committed"}[r.Type]
	text := fmt.Sprintf("%s %s=%s", kind, r.Key, r.Value)
	if r.OpType == cdcpb.Event_Row_DELETE {
		text = fmt.Sprintf("%s %s deleted", kind, r.Key)
	}
	if len(r.OldValue) > 0 {
		text += fmt.Sprintf(" was %s", r.OldValue)
	}
	return text
}

func errorKind(e *cdcpb.Error) string {
	switch {
	case e.NotLeader != nil:
		return "not leader"
	case e.RegionNotFound != nil:
		return "region not found"
	case e.EpochNotMatch != nil:
		return "epoch not match"
	case e.DuplicateRequest != nil:
		return "duplicate request"
	case e.Compatibility != nil:
		return "compatibility"
	case e.ClusterIdMismatch != nil:
		return "cluster id mismatch"
	case e.ServerIsBusy != nil:
		return "server is busy"
	case e.Congested != nil:
		return "congested"
	}
	return e.String()
}

// request makes a registration of the region that holds key.
func (c *testCluster) request(id uint64, key string, checkpoint uint64) *cdcpb.ChangeDataRequest {
	m := c.regionOf(key).meta
	return &cdcpb.ChangeDataRequest{Header: &cdcpb.Header{ClusterId: testClusterID, TicdcVersion: "8.5.4"}, RegionId: m.Id, RegionEpoch: m.RegionEpoch,
		StartKey: m.StartKey, EndKey: m.EndKey, CheckpointTs: checkpoint, RequestId: id}
}

// take waits until the stream has received what, and returns all up to it.
func (s *testStream) take(what string) (all []string) {
	s.c.t.Helper()
	s.c.eventually("receive "+what, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		for i, g := range s.got {
			if g == what {
				all, s.got = s.got[:i+1:i+1], s.got[i+1:]
				return true
			}
		}
		return false
	})
	return all
}

// tickResolved does a round and returns the resolved ts of request 1 after it.
func (s *testStream) tickResolved() uint64 {
	s.c.t.Helper()
	s.c.tick()
	s.take("resolved")
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.resolved[1]
}

func (c *testCluster) eventually(what string, f func() bool) {
	c.t.Helper()
	for end := time.Now().Add(10 * time.Second); !f(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			c.t.Fatalf("did not %s", what)
		}
	}
}

func epochNotMatch() *cdcpb.Error {
	return &cdcpb.Error{EpochNotMatch: &errorpb.EpochNotMatch{}}
}

func regionNotFound(id uint64) *cdcpb.Error {
	return &cdcpb.Error{RegionNotFound: &errorpb.RegionNotFound{RegionId: id}}
}

func TestMain(m *testing.M) {
	log.ReplaceGlobals(zap.NewNop(), &log.ZapProperties{})
	os.Exit(m.Run())
}
