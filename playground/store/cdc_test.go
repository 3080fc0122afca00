package store

import (
	"strings"
	"testing"

	"github.com/pingcap/kvproto/pkg/cdcpb"
)

const cdcCommitted = cdcpb.Event_COMMITTED

func TestBadRegistrationsAreRefusedByName(t *testing.T) {
	c, s := subscribed(t)
	id := c.regionOf("a").meta.Id
	for kind, change := range map[string]func(r *cdcpb.ChangeDataRequest){
		"duplicate request":   func(r *cdcpb.ChangeDataRequest) { r.RequestId = 1 },
		"epoch not match":     func(r *cdcpb.ChangeDataRequest) { r.RegionEpoch = nil },
		"region not found":    func(r *cdcpb.ChangeDataRequest) { r.RegionId = 999 },
		"cluster id mismatch": func(r *cdcpb.ChangeDataRequest) { r.Header.ClusterId++ },
		"compatibility":       func(r *cdcpb.ChangeDataRequest) { r.KvApi = cdcpb.ChangeDataRequest_RawKV },
	} {
		r := c.request(2, "a", 0)
		change(r)
		s.requests <- r
		got := s.take(describe(&cdcpb.Event{RequestId: r.RequestId, RegionId: r.RegionId, Event: &cdcpb.Event_Error{Error: sampleErrors[kind]}})[0])
		if len(got) != 1 {
			t.Errorf("%s: %v", kind, got)
		}
	}
	if r := c.regionOf("a"); len(r.subs) != 1 || r.meta.Id != id {
		t.Error("a refused registration left something")
	}
}

var sampleErrors = map[string]*cdcpb.Error{
	"duplicate request":   {DuplicateRequest: &cdcpb.DuplicateRequest{}},
	"epoch not match":     epochNotMatch(),
	"region not found":    regionNotFound(999),
	"cluster id mismatch": {ClusterIdMismatch: &cdcpb.ClusterIDMismatch{}},
	"compatibility":       {Compatibility: &cdcpb.Compatibility{}},
}

func TestDeregisterEndsOneRequestAndItCanComeBack(t *testing.T) {
	c, s := subscribed(t)
	s.requests <- c.request(2, "a", c.pd.next())
	s.take("initialized")
	s.requests <- &cdcpb.ChangeDataRequest{RequestId: 1, Request: &cdcpb.ChangeDataRequest_Deregister_{Deregister: &cdcpb.ChangeDataRequest_Deregister{}}}
	c.eventually("lose the subscription", func() bool { c.hub.mu.Lock(); defer c.hub.mu.Unlock(); return len(c.regionOf("a").subs) == 1 })
	checkpoint := c.pd.next()
	c.begin("a", "1").mustRun()
	s.requests <- c.request(1, "a", checkpoint)
	all := s.take("initialized")
	if text := strings.Join(all, ", "); strings.Count(text, "prewrite a=1") != 1 || !strings.HasSuffix(text, "committed a=1, initialized") {
		t.Errorf("want the live rows for request 2 and the scan for 1: %v", all)
	}
}

func TestAStreamThatIsOpenedAgainMissesNothing(t *testing.T) {
	c, s := subscribed(t)
	x := c.begin("a", "1", "b", "2").mustPrewrite()
	checkpoint := s.tickResolved()
	s.cancel()
	<-s.ended
	if err := x.commit(); err != nil {
		t.Fatal(err)
	}
	c.hub.mu.Lock()
	if len(c.hub.conns) != 0 || len(c.regionOf("a").subs) != 0 {
		t.Error("the ended stream is still known")
	}
	c.hub.mu.Unlock()
	s = c.open(true)
	s.requests <- c.request(1, "a", checkpoint)
	expect(t, s.take("initialized"), "committed a=1", "committed b=2", "initialized")
}

func TestAnUnreadStreamIsCongestedAndRecovers(t *testing.T) {
	c, s := subscribed(t)
	s.mu.Lock()
	cork := make(chan struct{})
	s.cork = cork
	s.mu.Unlock()
	c.hub.mu.Lock()
	for conn := range c.hub.conns {
		conn.liveLimit = 1000
	}
	c.hub.mu.Unlock()
	checkpoint := c.pd.next()
	value := strings.Repeat("v", 100)
	for range 50 {
		c.begin("a", value).mustRun()
		c.tick() // rounds don't pile up either
	}
	c.hub.mu.Lock()
	for conn := range c.hub.conns {
		if n := conn.queued(); n > 3000 {
			t.Errorf("%d bytes are queued", n)
		}
	}
	c.hub.mu.Unlock()
	s.mu.Lock()
	s.cork = nil
	s.mu.Unlock()
	close(cork)
	s.take(describe(&cdcpb.Event{RequestId: 1, RegionId: c.regionOf("a").meta.Id, Event: &cdcpb.Event_Error{Error: &cdcpb.Error{Congested: &cdcpb.Congested{}}}})[0])
	s.requests <- c.request(1, "a", checkpoint)
	committed := 0
	for _, g := range s.take("initialized") {
		if strings.HasPrefix(g, "committed") {
			committed++
		}
	}
	if committed != 50 {
		t.Errorf("the new scan has %d of 50 transactions", committed)
	}
}

func TestKilledStreamEndsThoughItsClientDoesNotRead(t *testing.T) {
	c, s := subscribed(t)
	s.mu.Lock()
	s.cork = make(chan struct{}) // never opened
	s.mu.Unlock()
	c.begin("a", "1").mustRun()
	c.hub.mu.Lock()
	for conn := range c.hub.conns {
		conn.kill()
	}
	c.hub.mu.Unlock()
	if err := <-s.ended; err == nil {
		t.Error("want an error")
	}
}

func TestHalfClosedStreamEnds(t *testing.T) {
	_, s := subscribed(t)
	close(s.requests)
	if err := <-s.ended; err != nil {
		t.Error(err)
	}
}
