package store

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// subscribed is a cluster with one subscription to its one region.
func subscribed(t *testing.T) (*testCluster, *testStream) {
	t.Helper()
	c := newTestCluster(t)
	s := c.open(true)
	s.requests <- c.request(1, "a", c.pd.next())
	s.take("initialized")
	return c, s
}

func expect(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

func TestResolvedTSStaysBelowAnOpenTransaction(t *testing.T) {
	c, s := subscribed(t)
	x := c.begin("a", "1", "b", "2").mustPrewrite()
	if r := s.tickResolved(); r > x.start {
		t.Errorf("resolved %d, start ts %d", r, x.start)
	}
	x.commitTS = c.pd.next()
	if err := x.commitKey("a"); err != nil {
		t.Fatal(err)
	}
	if r := s.tickResolved(); r >= x.commitTS {
		t.Errorf("resolved %d with a secondary open, commit ts %d", r, x.commitTS)
	}
	if err := x.commitKey("b"); err != nil {
		t.Fatal(err)
	}
	if r := s.tickResolved(); r <= x.commitTS {
		t.Errorf("resolved %d did not move on, commit ts %d", r, x.commitTS)
	}
}

func TestTheOldestOfSeveralTransactionsCounts(t *testing.T) {
	c, s := subscribed(t)
	old := c.begin("a", "1").mustPrewrite()
	c.begin("b", "1").mustRun()
	young := c.begin("c", "1").mustPrewrite()
	if r := s.tickResolved(); r > old.start {
		t.Errorf("resolved %d, oldest start ts %d", r, old.start)
	}
	if err := old.commit(); err != nil {
		t.Fatal(err)
	}
	if r := s.tickResolved(); r > young.start || r <= old.start {
		t.Errorf("resolved %d, start ts %d and %d", r, old.start, young.start)
	}
}

func TestTwoPhaseCommitIsPrewriteThenCommit(t *testing.T) {
	c, s := subscribed(t)
	c.begin("a", "1").mustRun()
	c.begin("a", "2", "b", "").mustRun()
	long := strings.Repeat("x", shortValueLen+1)
	c.begin("a", long).mustRun()
	expect(t, s.take("commit a="), "prewrite a=1", "commit a=1", "prewrite a=2 was 1", "prewrite b deleted", "commit a=2", "commit b deleted",
		"prewrite a="+long+" was 2", "commit a=") // long values come with the prewrite only
}

func TestRollbackFreesTheResolvedTSAndRefusesLatePrewrites(t *testing.T) {
	c, s := subscribed(t)
	x := c.begin("a", "1", "b", "2")
	if err := x.prewriteKey("a"); err != nil {
		t.Fatal(err)
	}
	if err := x.rollback(); err != nil {
		t.Fatal(err)
	}
	expect(t, s.take("rollback b"), "prewrite a=1", "rollback a", "rollback b")
	if err := x.prewriteKey("b"); err == nil {
		t.Error("a key that was rolled back could be prewritten")
	}
	if r := s.tickResolved(); r <= x.start {
		t.Errorf("resolved %d did not move on, start ts %d", r, x.start)
	}
}

func TestRollbacksAreForgottenWhenTheyAreOld(t *testing.T) {
	c := newTestCluster(t)
	for _, k := range []string{"a", "b"} {
		if err := c.begin(k, "1").rollback(); err != nil {
			t.Fatal(err)
		}
	}
	now := time.Now()
	for _, step := range []struct {
		after time.Duration
		left  int
	}{{0, 2}, {rollbackMemory - time.Minute, 2}, {rollbackMemory + 2*time.Minute, 0}} {
		c.hub.mu.Lock()
		c.hub.forgetRollbacks(now.Add(step.after))
		if n := len(c.hub.rollbacks); n != step.left {
			t.Errorf("after %v: %d, want %d", step.after, n, step.left)
		}
		c.hub.mu.Unlock()
	}
}

// The commit ts of these comes from PD in the middle of the prewrite; a round
// at that moment has a newer timestamp, and nothing of the transaction is in
// the store yet.
func testCommitTSOnItsWay(t *testing.T, configure func(*testTxn), last string, want ...string) {
	c, s := subscribed(t)
	x := c.begin("a", "1", "b", "2")
	configure(x)
	var during uint64
	c.pd.beforeReply = func() {
		c.pd.mu.Lock()
		c.pd.beforeReply = nil
		c.pd.mu.Unlock()
		during = s.tickResolved()
	}
	x.mustRun()
	if during == 0 || during >= x.commitTS {
		t.Errorf("resolved %d, commit ts %d", during, x.commitTS)
	}
	expect(t, s.take(last), want...)
	if r := s.tickResolved(); r <= x.commitTS {
		t.Errorf("resolved %d did not move on, commit ts %d", r, x.commitTS)
	}
}

func TestResolvedTSWaitsForOnePCOnItsWay(t *testing.T) {
	testCommitTSOnItsWay(t, func(x *testTxn) { x.onePC = true }, "committed b=2", "committed a=1", "committed b=2")
}

func TestResolvedTSWaitsForAsyncCommitOnItsWay(t *testing.T) {
	testCommitTSOnItsWay(t, func(x *testTxn) { x.async = true }, "commit b=2", "prewrite a=1", "prewrite b=2", "commit a=1", "commit b=2")
}

func TestReadsWaitForOnePCOnItsWay(t *testing.T) {
	c := newTestCluster(t)
	leave := c.hub.enter()
	settled := make(chan struct{})
	go func() { c.hub.settle(); close(settled) }()
	select {
	case <-settled:
		t.Error("a read did not wait")
	default:
	}
	leave()
	<-settled
}

func TestScanSendsAllVersionsSinceTheCheckpoint(t *testing.T) {
	c := newTestCluster(t)
	first := c.begin("a", "1", "b", "1").mustRun()
	c.begin("a", "2").mustRun()
	c.begin("a", "").mustRun()
	one := c.begin("a", "3")
	one.onePC = true
	one.mustRun()
	c.begin("c", "open").mustPrewrite()
	s := c.open(true)
	s.requests <- c.request(1, "a", first.commitTS)
	expect(t, s.take("initialized"), "prewrite c=open", "committed a=3", "committed a deleted was 2", "committed a=2 was 1", "initialized")
	s.requests <- c.request(2, "a", 0)
	if all := s.take("initialized"); !slices.Contains(all, "committed b=1") || !slices.Contains(all, "committed a=1") {
		t.Error("the scan from 0 lacks the first transaction:", all)
	}
}

func TestWritesDuringAScanComeExactlyOnce(t *testing.T) {
	c := newTestCluster(t)
	big := strings.Repeat("v", 1<<20)
	for i := range 30 { // more than a stream queues for a scan
		c.begin(string(rune('a'+i%26))+string(rune('0'+i/26)), big).mustRun()
	}
	s := c.open(true)
	s.cork = make(chan struct{})
	s.requests <- c.request(1, "a", 0)
	c.eventually("begin the scan", func() bool { c.hub.mu.Lock(); defer c.hub.mu.Unlock(); return len(c.regionOf("a").subs) == 1 })
	c.begin("live", "1").mustRun() // the scan stands still
	close(s.cork)
	all := s.take("initialized")
	all = slices.DeleteFunc(all, func(g string) bool { return strings.HasPrefix(g, "committed") && len(g) > 1<<20 })
	expect(t, all, "prewrite live=1", "commit live=1", "initialized")
}

func TestOnlyKeysOfTheAskedRangeAreSentAndHoldBackTheResolvedTS(t *testing.T) {
	c := newTestCluster(t)
	s := c.open(true)
	req := c.request(1, "a", c.pd.next())
	req.StartKey, req.EndKey = encodeKey([]byte("c")), encodeKey([]byte("e"))
	s.requests <- req
	s.take("initialized")
	outside := c.begin("b", "1").mustPrewrite()
	c.begin("a", "1", "c", "2", "d", "3", "e", "4").mustRun()
	if r := s.tickResolved(); r <= outside.start {
		t.Errorf("resolved %d is held back by a key outside, start ts %d", r, outside.start)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.events) == 0 {
		t.Fatal("no events")
	}
	var got []string
	for _, e := range s.events {
		got = append(got, describe(e)...)
	}
	expect(t, got, "initialized", "prewrite c=2", "prewrite d=3", "commit c=2", "commit d=3")
}

func TestTransactionSourceFilters(t *testing.T) {
	c, s := subscribed(t)
	loop := c.request(2, "a", c.pd.next())
	loop.FilterLoop = true
	s.requests <- loop
	s.take("initialized")
	for _, source := range []uint64{1, 1 << 8, 0} { // another CDC's write, a lossy DDL's, a user's
		x := c.begin("a", string(rune('0'+source%9)))
		x.source, x.onePC = source, true
		x.mustRun()
	}
	c.tick()
	s.take("resolved")
	s.mu.Lock()
	defer s.mu.Unlock()
	byRequest := map[uint64][]string{}
	for _, e := range s.events {
		for _, r := range e.GetEntries().GetEntries() {
			if r.Type == cdcCommitted {
				byRequest[e.RequestId] = append(byRequest[e.RequestId], describeRow(r))
			}
		}
	}
	expect(t, byRequest[1], "committed a=1", "committed a=0 was 4")
	expect(t, byRequest[2], "committed a=0 was 4")
}
