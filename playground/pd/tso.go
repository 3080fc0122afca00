package pd

import (
	"fmt"
	"sync"
	"time"

	"github.com/pingcap/kvproto/pkg/pdpb"
)

// tso hands out timestamps: 46 bits of milliseconds, 18 logical bits. They grow
// strictly, also when the clock of the machine is set back.
type tso struct {
	now func() time.Time

	mu               sync.Mutex
	physical, serial int64
}

const (
	logicalBits = 18
	serialMax   = 1<<logicalBits - 1
)

// next takes count timestamps and returns the last of them; the others have the
// same physical part.
func (t *tso) next(count int64) (physical, logical int64, err error) {
	if count <= 0 || count > serialMax {
		return 0, 0, fmt.Errorf("tso count should be between 1 and %d, got %d", serialMax, count)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if now := t.now().UnixMilli(); now > t.physical {
		t.physical, t.serial = now, 0
	}
	if t.serial+count > serialMax { // ahead of the clock, which catches up
		t.physical, t.serial = t.physical+1, 0
	}
	t.serial += count
	return t.physical, t.serial, nil
}

func (t *tso) timestamp() *pdpb.Timestamp {
	p, l, _ := t.next(1)
	return &pdpb.Timestamp{Physical: p, Logical: l}
}

func compose(ts *pdpb.Timestamp) uint64 {
	return uint64(ts.Physical)<<logicalBits | uint64(ts.Logical)
}
