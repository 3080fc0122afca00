package store

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/pingcap/kvproto/pkg/cdcpb"
	"github.com/pingcap/log"
	"go.uber.org/zap"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// What goes out on an EventFeed stream: rows, errors and resolved timestamps
// are queued under Hub.mu, in the order in which they must arrive, and sent by
// the stream's own goroutine.

const (
	shortValueLen   = 255           // longer values are not in COMMIT rows
	scanEventBytes  = 32 << 10      // rows of a scan in one event
	liveEventBytes  = 1 << 20       // rows of a write in one event
	messageBytes    = 6 << 20       // events in one message
	scanQueueBytes  = 8 << 20       // a scan waits while its stream has more queued
	liveQueueBytes  = 512 << 20     // beyond it live events end their subscription as congested
	resolvedBatch   = 8             // regions in the first ResolvedTs of a round, then x4
	filterLossyDDL  = ^uint64(0xff) // TxnSource bits that are never sent
	filterCDCWrites = uint64(0xff)  // TxnSource bits that filter_loop drops
)

// subscription is one registered region of a connection.
type subscription struct {
	conn         *conn
	region       *region
	requestID    uint64
	filterLoop   bool
	first, limit string // user keys in [first, limit) are sent; limit "" is no bound

	locks       tsCount     // live locks in the range
	initialized bool        // the scan has ended
	resolved    uint64      // the newest that was queued
	stopped     atomic.Bool // set under Hub.mu; nothing is queued any more
}

func (s *subscription) contains(key string) bool {
	return key >= s.first && (s.limit == "" || key < s.limit)
}

func (s *subscription) drops(source uint64) bool {
	return source&filterLossyDDL != 0 || s.filterLoop && source&filterCDCWrites != 0
}

// send queues rows, cut into events of about eventBytes.
func (s *subscription) send(rows []*cdcpb.Event_Row, eventBytes int) {
	from, size := 0, 0
	for i, r := range rows {
		n := len(r.Key) + len(r.Value) + len(r.OldValue)
		if i > from && size+n > eventBytes {
			s.sendEvent(rows[from:i])
			from, size = i, 0
		}
		size += n
	}
	if from < len(rows) {
		s.sendEvent(rows[from:])
	}
}

func (s *subscription) sendEvent(rows []*cdcpb.Event_Row) {
	s.conn.queue(&cdcpb.Event{RegionId: s.region.meta.Id, RequestId: s.requestID,
		Event: &cdcpb.Event_Entries_{Entries: &cdcpb.Event_Entries{Entries: rows}}})
}

// outbox collects the rows of one write for each subscription; Hub.mu is held.
type outbox map[*subscription][]*cdcpb.Event_Row

func (o outbox) add(r *region, row *cdcpb.Event_Row) {
	for s := range r.subs {
		if s.contains(string(row.Key)) && !s.drops(row.TxnSource) {
			o[s] = append(o[s], row)
		}
	}
}

func (o outbox) send() {
	for s, rows := range o {
		if s.conn.queued() > s.conn.liveLimit {
			s.end(&cdcpb.Error{Congested: &cdcpb.Congested{RegionId: s.region.meta.Id}})
			continue
		}
		s.send(rows, liveEventBytes)
	}
}

// ---- connections ----

type subKey struct{ requestID, regionID uint64 }

// conn is one EventFeed stream. Hub.mu guards all but the send queue.
type conn struct {
	subs            map[subKey]*subscription
	multiplexing    bool
	batchResolved   bool
	validateCluster bool
	liveLimit       int                // queued bytes beyond which live events are refused
	kill            context.CancelFunc // breaks the stream

	mu            sync.Mutex
	pending       []any         // *cdcpb.Event or *cdcpb.ResolvedTs
	pendingRounds int           // rounds of resolved timestamps in pending
	bytes         int           // in pending and in what is being sent
	wake          chan struct{} // holds a token while pending is not empty
}

func newConn(multiplexing bool, kill context.CancelFunc) *conn {
	return &conn{subs: map[subKey]*subscription{}, multiplexing: multiplexing, liveLimit: liveQueueBytes, kill: kill, wake: make(chan struct{}, 1)}
}

func (c *conn) queue(v interface{ Size() int }) {
	c.mu.Lock()
	c.pending = append(c.pending, v)
	c.bytes += v.Size()
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *conn) take() []any {
	c.mu.Lock()
	defer c.mu.Unlock()
	q := c.pending
	c.pending, c.pendingRounds = nil, 0
	return q
}

// sent lowers the count of queued bytes.
func (c *conn) sent(n int) {
	c.mu.Lock()
	c.bytes -= n
	c.mu.Unlock()
}

func (c *conn) queued() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bytes
}

// beginRound says whether a round of resolved timestamps may be queued: not
// while one waits there, since a client that does not read needs the last only.
func (c *conn) beginRound() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pendingRounds > 0 {
		return false
	}
	c.pendingRounds++
	return true
}

func (c *conn) fail(regionID, requestID uint64, e *cdcpb.Error) {
	log.Info("cdc region error", zap.Uint64("region", regionID), zap.Uint64("request", requestID), zap.Stringer("error", e))
	c.queue(&cdcpb.Event{RegionId: regionID, RequestId: requestID, Event: &cdcpb.Event_Error{Error: e}})
}

// drop ends a subscription; Hub.mu is held.
func (c *conn) drop(s *subscription) {
	s.stopped.Store(true)
	delete(s.region.subs, s)
	delete(c.subs, subKey{s.requestID, s.region.meta.Id})
}

// end drops the subscription and tells its client why; Hub.mu is held.
func (s *subscription) end(e *cdcpb.Error) {
	s.conn.drop(s)
	s.conn.fail(s.region.meta.Id, s.requestID, e)
}

// fail ends all subscriptions of a region; h.mu is held.
func (h *Hub) fail(r *region, e *cdcpb.Error) (n int) {
	for s := range r.subs {
		s.end(e)
		n++
	}
	return n
}

// sendResolved queues the resolved timestamps of a connection, ts being the
// newest possible; Hub.mu is held.
func (c *conn) sendResolved(ts uint64) {
	if !c.beginRound() {
		return
	}
	byRequest := map[uint64][]*subscription{}
	for _, s := range c.subs {
		if !s.initialized {
			continue
		}
		s.resolved = max(s.resolved, min(ts, s.locks.min()))
		switch {
		case !c.batchResolved:
			c.queue(&cdcpb.Event{RegionId: s.region.meta.Id, RequestId: s.requestID, Event: &cdcpb.Event_ResolvedTs{ResolvedTs: s.resolved}})
		case c.multiplexing:
			byRequest[s.requestID] = append(byRequest[s.requestID], s)
		default:
			byRequest[0] = append(byRequest[0], s)
		}
	}
	// The slowest regions go in small messages, so that they don't hold back the rest.
	for id, subs := range byRequest {
		slices.SortFunc(subs, func(a, b *subscription) int { return cmp.Compare(a.resolved, b.resolved) })
		for n := resolvedBatch; len(subs) > 0; n *= 4 {
			k := min(n, len(subs))
			m := &cdcpb.ResolvedTs{Ts: subs[0].resolved, RequestId: id}
			for _, s := range subs[:k] {
				m.Regions = append(m.Regions, s.region.meta.Id)
			}
			subs = subs[k:]
			c.queue(m)
		}
	}
}

// run sends what is queued until ctx ends or the client is gone.
func (c *conn) run(ctx context.Context, stream cdcpb.ChangeData_EventFeedServer) error {
	for {
		select {
		case <-ctx.Done():
			return status.Error(codes.Unavailable, "stream ended")
		case <-c.wake:
			if err := c.flush(stream); err != nil {
				return err
			}
		}
	}
}

// flush sends what is queued: events batched, resolved timestamps on their own.
func (c *conn) flush(stream cdcpb.ChangeData_EventFeedServer) error {
	out, size := &cdcpb.ChangeDataEvent{}, 0
	send := func(m *cdcpb.ChangeDataEvent) error {
		err := stream.Send(m)
		c.sent(size)
		out, size = &cdcpb.ChangeDataEvent{}, 0
		return err
	}
	for _, v := range c.take() {
		switch v := v.(type) {
		case *cdcpb.Event:
			n := v.Size()
			if len(out.Events) > 0 && size+n > messageBytes {
				if err := send(out); err != nil {
					return err
				}
			}
			out.Events = append(out.Events, v)
			size += n
		case *cdcpb.ResolvedTs:
			if len(out.Events) > 0 {
				if err := send(out); err != nil {
					return err
				}
			}
			size = v.Size()
			if err := send(&cdcpb.ChangeDataEvent{ResolvedTs: v}); err != nil {
				return err
			}
		}
	}
	if len(out.Events) == 0 {
		return nil
	}
	return send(out)
}
