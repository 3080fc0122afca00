package store

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pingcap/kvproto/pkg/cdcpb"
)

// Transactions of every kind, splits, merges, region errors and broken streams
// run at once, while a client follows the whole key space. It must end up with
// exactly the committed versions, and no commit may come at or below a resolved
// ts that it was told before.
func TestNothingIsLostUnderTransactionsSplitsAndErrors(t *testing.T) {
	const workers, transactions = 6, 120
	c := newTestCluster(t)
	f := &follower{c: c, versions: map[string]map[uint64]string{}}
	f.reopen()

	var writing sync.WaitGroup
	stop := make(chan struct{})
	for w := range workers {
		writing.Go(func() {
			rng := rand.New(rand.NewPCG(1, uint64(w)))
			for i := range transactions {
				c.randomTransaction(rng, fmt.Sprintf("%d.%d", w, i))
			}
		})
	}
	var troubling sync.WaitGroup
	troubling.Go(func() {
		rng := rand.New(rand.NewPCG(2, 0))
		for {
			select {
			case <-stop:
				return
			default:
				c.randomTrouble(rng)
			}
		}
	})
	go func() { writing.Wait(); close(stop) }()
	for running := true; running; {
		select {
		case <-stop:
			running = false
		default:
		}
		c.tick()
		f.follow()
	}
	troubling.Wait()
	c.control("POST", "/resolved?on=1")
	if n := c.hub.locks.Len(); n != 0 {
		t.Fatalf("%d locks are left", n)
	}
	last := c.pd.next()
	c.eventually("catch up", func() bool { c.tick(); f.follow(); return f.frontier() > last })
	for _, problem := range f.problems {
		t.Error(problem)
	}
	f.compare()
	t.Logf("%d versions of %d keys, %d registrations", f.count, c.hub.history.Len(), f.requests)
}

// randomTransaction runs one of a random kind, which may fail on a conflict; it
// leaves no lock.
func (c *testCluster) randomTransaction(rng *rand.Rand, value string) {
	x := c.begin()
	for range 1 + rng.IntN(4) {
		k := string(rune('a' + rng.IntN(20)))
		if _, ok := x.values[k]; !ok {
			x.keys = append(x.keys, k)
		}
		if x.values[k] = value; rng.IntN(4) == 0 {
			x.values[k] = ""
		}
	}
	switch rng.IntN(4) {
	case 0:
		x.onePC = true // of keys in one region
		x.keys = x.keys[:1]
	case 1:
		x.async = true
	}
	if err := x.prewrite(); err != nil || rng.IntN(5) == 0 && x.commitTS == 0 {
		if err := x.rollback(); err != nil {
			c.t.Errorf("rollback: %v", err)
		}
		return
	}
	if err := x.commit(); err != nil {
		c.t.Errorf("commit: %v", err)
	}
}

func (c *testCluster) randomTrouble(rng *rand.Rand) {
	regions := c.hub.regions.list()
	r := regions[rng.IntN(len(regions))]
	switch rng.IntN(12) {
	case 0, 1:
		c.control("POST", fmt.Sprintf("/split?key=%x", string(rune('a'+rng.IntN(20)))))
	case 2, 3:
		c.control("POST", fmt.Sprintf("/merge?region=%d", r.meta.Id))
	case 4:
		c.control("POST", fmt.Sprintf("/error?kind=not_leader&region=%d", r.meta.Id))
	case 5:
		if rng.IntN(10) == 0 {
			c.control("POST", "/kill_streams")
		}
	case 6:
		c.control("POST", fmt.Sprintf("/resolved?on=%d", rng.IntN(2)))
	default:
		c.pd.next() // let the others go on
	}
}

// follower is a CDC client of the whole key space on one stream at a time.
type follower struct {
	c        *testCluster
	stream   *testStream
	seen     int // events of the stream that were handled
	requests uint64
	ranges   []*followed // they cover the key space
	versions map[string]map[uint64]string
	count    int
	problems []string
}

// followed is one subscription, of keys in [start, end).
type followed struct {
	request     uint64
	region      uint64
	start, end  string
	resolved    uint64
	initialized bool
	prewrites   map[string]*cdcpb.Event_Row
	early       []*cdcpb.Event_Row // commits before INITIALIZED without a prewrite
}

func matchKey(r *cdcpb.Event_Row) string { return fmt.Sprintf("%s@%d", r.Key, r.StartTs) }

// reopen starts a stream and registers all ranges again.
func (f *follower) reopen() {
	if f.stream != nil {
		f.stream.cancel()
		<-f.stream.ended
	}
	f.stream, f.seen = f.c.open(true), 0
	old := f.ranges
	f.ranges = nil
	if old == nil {
		old = []*followed{{resolved: 1}}
	}
	for _, r := range old {
		f.subscribe(r.start, r.end, r.resolved)
	}
}

// subscribe registers [start, end) with the regions that hold it now.
func (f *follower) subscribe(start, end string, checkpoint uint64) {
	for {
		r := f.c.regionOf(start)
		f.requests++
		n := &followed{request: f.requests, region: r.meta.Id, start: start, end: end, resolved: checkpoint, prewrites: map[string]*cdcpb.Event_Row{}}
		if limit := string(decodeKey(r.meta.EndKey)); limit != "" && (end == "" || limit < end) {
			n.end = limit
		}
		req := &cdcpb.ChangeDataRequest{Header: &cdcpb.Header{ClusterId: testClusterID, TicdcVersion: "8.5.4"}, RegionId: r.meta.Id,
			RegionEpoch: r.meta.RegionEpoch, CheckpointTs: checkpoint, RequestId: n.request}
		if n.start != "" {
			req.StartKey = encodeKey([]byte(n.start))
		}
		if n.end != "" {
			req.EndKey = encodeKey([]byte(n.end))
		}
		f.ranges = append(f.ranges, n)
		f.stream.requests <- req
		if n.end == end {
			return
		}
		start = n.end
	}
}

// follow handles what has come.
func (f *follower) follow() {
	select {
	case <-f.stream.ctx.Done():
		f.reopen()
		return
	default:
	}
	f.stream.mu.Lock()
	events := slices.Clone(f.stream.events[f.seen:])
	f.stream.mu.Unlock()
	f.seen += len(events)
	for _, e := range events {
		f.handle(e)
	}
}

func (f *follower) handle(e *cdcpb.Event) {
	i := slices.IndexFunc(f.ranges, func(r *followed) bool { return r.request == e.RequestId })
	if i < 0 {
		f.problems = append(f.problems, fmt.Sprintf("event for request %d, which had ended", e.RequestId))
		return
	}
	r := f.ranges[i]
	switch {
	case e.GetError() != nil:
		f.ranges = slices.Delete(f.ranges, i, i+1)
		f.subscribe(r.start, r.end, r.resolved)
	case e.GetEntries() != nil:
		for _, row := range e.GetEntries().Entries {
			f.row(r, row)
		}
	default:
		r.resolved = max(r.resolved, e.GetResolvedTs())
	}
}

func (f *follower) row(r *followed, row *cdcpb.Event_Row) {
	switch row.Type {
	case cdcpb.Event_INITIALIZED:
		r.initialized = true
		for _, e := range r.early {
			f.match(r, e)
		}
		r.early = nil
	case cdcpb.Event_PREWRITE:
		r.prewrites[matchKey(row)] = row
	case cdcpb.Event_COMMIT:
		f.match(r, row)
	case cdcpb.Event_COMMITTED:
		f.commit(r, row, row)
	case cdcpb.Event_ROLLBACK:
		delete(r.prewrites, matchKey(row))
	}
}

func (f *follower) match(r *followed, commit *cdcpb.Event_Row) {
	p := r.prewrites[matchKey(commit)]
	switch {
	case p != nil:
		f.commit(r, commit, p)
		delete(r.prewrites, matchKey(commit))
	case !r.initialized:
		r.early = append(r.early, commit)
	default:
		f.problems = append(f.problems, "commit without a prewrite: "+describeRow(commit))
	}
}

func (f *follower) commit(r *followed, commit, data *cdcpb.Event_Row) {
	if commit.CommitTs <= r.resolved {
		f.problems = append(f.problems, fmt.Sprintf("%s at %d came after resolved ts %d", describeRow(commit), commit.CommitTs, r.resolved))
	}
	if k := string(commit.Key); k < r.start || r.end != "" && k >= r.end {
		f.problems = append(f.problems, fmt.Sprintf("%s is not in [%s, %s)", describeRow(commit), r.start, r.end))
	}
	value := string(data.Value)
	if data.OpType == cdcpb.Event_Row_DELETE {
		value = "deleted"
	}
	versions := f.versions[string(commit.Key)]
	if versions == nil {
		versions = map[uint64]string{}
		f.versions[string(commit.Key)] = versions
	}
	if was, ok := versions[commit.CommitTs]; ok && was != value {
		f.problems = append(f.problems, fmt.Sprintf("%s at %d was %s before", describeRow(commit), commit.CommitTs, was))
	}
	versions[commit.CommitTs] = value
}

func (f *follower) frontier() uint64 {
	m := ^uint64(0)
	for _, r := range f.ranges {
		m = min(m, r.resolved)
	}
	return m
}

// compare checks the versions received against the store's.
func (f *follower) compare() {
	var got, want []string
	for k, versions := range f.versions {
		for ts, v := range versions {
			got = append(got, fmt.Sprintf("%s@%d=%s", k, ts, v))
		}
	}
	f.c.hub.snapshot().scan("", "", func(k string, v *version) bool {
		for ; v != nil; v = v.prev {
			value := string(v.value)
			if v.del {
				value = "deleted"
			}
			want = append(want, fmt.Sprintf("%s@%d=%s", k, v.commitTS, value))
		}
		return true
	})
	slices.Sort(got)
	slices.Sort(want)
	f.count = len(got)
	if !slices.Equal(got, want) {
		f.c.t.Errorf("received and stored versions differ: %d and %d\n%s", len(got), len(want), strings.Join(got, "\n"))
	}
}
