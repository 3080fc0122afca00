package pd

import (
	"github.com/pingcap/kvproto/pkg/metapb"
	"github.com/pingcap/kvproto/pkg/pdpb"
	"github.com/tidwall/btree"
)

// regionTree maps encoded start keys to regions that do not overlap.
type regionTree struct {
	tree *btree.Map[string, *regionInfo]
	byID map[uint64]*regionInfo
}

func newRegionTree() regionTree {
	return regionTree{tree: btree.NewMap[string, *regionInfo](32), byID: map[uint64]*regionInfo{}}
}

type regionInfo struct {
	meta   *metapb.Region
	leader *metapb.Peer
	size   uint64 // MiB, as PD's HTTP API has it
	keys   uint64
}

func (r *regionInfo) pb() *pdpb.Region { return &pdpb.Region{Region: r.meta, Leader: r.leader} }

func (r *regionInfo) contains(key string) bool {
	return string(r.meta.StartKey) <= key && (len(r.meta.EndKey) == 0 || key < string(r.meta.EndKey))
}

// put takes a region's new state, unless a newer one covers part of its range.
func (t *regionTree) put(r *regionInfo) {
	start, end := string(r.meta.StartKey), string(r.meta.EndKey)
	var gone []*regionInfo
	if old := t.find(start); old != nil {
		gone = append(gone, old)
	}
	t.tree.Ascend(start, func(k string, o *regionInfo) bool {
		if end != "" && k >= end {
			return false
		}
		if len(gone) == 0 || gone[0] != o {
			gone = append(gone, o)
		}
		return true
	})
	if same := t.byID[r.meta.Id]; same != nil {
		gone = append(gone, same)
	}
	for _, o := range gone {
		if o.meta.RegionEpoch.GetVersion() > r.meta.RegionEpoch.GetVersion() {
			return
		}
	}
	for _, o := range gone {
		t.tree.Delete(string(o.meta.StartKey))
		delete(t.byID, o.meta.Id)
	}
	t.tree.Set(start, r)
	t.byID[r.meta.Id] = r
}

func (t *regionTree) find(key string) (found *regionInfo) {
	t.tree.Descend(key, func(_ string, r *regionInfo) bool {
		if r.contains(key) {
			found = r
		}
		return false
	})
	return found
}

// prev is the region left of the one that holds key.
func (t *regionTree) prev(key string) (found *regionInfo) {
	r := t.find(key)
	if r == nil {
		return nil
	}
	t.tree.Descend(string(r.meta.StartKey), func(_ string, o *regionInfo) bool {
		if o == r {
			return true
		}
		if string(o.meta.EndKey) == string(r.meta.StartKey) {
			found = o
		}
		return false
	})
	return found
}

// scan lists the regions that overlap [start, end), at most limit when positive.
func (t *regionTree) scan(start, end string, limit int) (out []*regionInfo) {
	pivot := start
	if r := t.find(start); r != nil {
		pivot = string(r.meta.StartKey)
	}
	t.tree.Ascend(pivot, func(k string, r *regionInfo) bool {
		if end != "" && k >= end || limit > 0 && len(out) == limit {
			return false
		}
		out = append(out, r)
		return true
	})
	return out
}
