package store

import (
	"time"

	"github.com/pingcap/kvproto/pkg/cdcpb"
	"github.com/pingcap/log"
	"github.com/tidwall/btree"
	"go.uber.org/zap"
)

// scan sends the live locks and the versions newer than checkpoint, then
// INITIALIZED.
func (h *Hub) scan(s *subscription, locks *btree.Map[string, *lock], snap snapshot, checkpoint uint64, hasLocks bool) {
	began, count := time.Now(), 0
	var rows []*cdcpb.Event_Row
	size := 0
	emit := func(row *cdcpb.Event_Row) bool {
		if s.drops(row.TxnSource) {
			return true
		}
		rows = append(rows, row)
		count++
		if size += len(row.Key) + len(row.Value) + len(row.OldValue); size < scanEventBytes {
			return true
		}
		for s.conn.queued() > scanQueueBytes && !s.stopped.Load() {
			time.Sleep(5 * time.Millisecond)
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		if s.stopped.Load() { // nothing may follow the error that ended it
			return false
		}
		s.send(rows, scanEventBytes)
		rows, size = nil, 0
		return true
	}
	if hasLocks {
		locks.Ascend(s.first, func(k string, l *lock) bool {
			if !s.contains(k) {
				return false
			}
			if l.primary == nil { // being prewritten: its PREWRITE comes by itself
				return true
			}
			row := &cdcpb.Event_Row{Key: []byte(k)}
			l.fill(row)
			return emit(row)
		})
	}
	snap.scan(s.first, s.limit, func(k string, v *version) bool {
		for ; v != nil && v.commitTS > checkpoint; v = v.prev {
			if !emit(&cdcpb.Event_Row{Type: cdcpb.Event_COMMITTED, OpType: opType(v.del), Key: []byte(k), Value: v.value,
				OldValue: v.prev.valueOf(), StartTs: v.startTS, CommitTs: v.commitTS, TxnSource: v.source}) {
				return false
			}
		}
		return true
	})
	h.mu.Lock()
	defer h.mu.Unlock()
	if s.stopped.Load() {
		return
	}
	s.send(append(rows, &cdcpb.Event_Row{Type: cdcpb.Event_INITIALIZED}), scanEventBytes)
	s.initialized = true
	log.Info("cdc scan done", zap.Uint64("region", s.region.meta.Id), zap.Uint64("request", s.requestID), zap.Int("rows", count),
		zap.Duration("took", time.Since(began)))
}
