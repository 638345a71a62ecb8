package reflink_test

import (
	"testing"

	"banger/internal/reflink"
)

func TestAligned(t *testing.T) {
	for _, c := range []struct {
		offsets []int64
		want    bool
	}{
		{nil, true},
		{[]int64{0, reflink.Block, 1 << 40}, true},
		{[]int64{reflink.Block, 1}, false},
		{[]int64{reflink.Large - 1, 0}, false},
	} {
		if got := reflink.Aligned(c.offsets...); got != c.want {
			t.Errorf("%d: %t", c.offsets, got)
		}
	}
}

func TestWhole(t *testing.T) {
	for n, want := range map[int64]int64{0: 0, 1: 0, reflink.Block - 1: 0, reflink.Block: reflink.Block, reflink.Large + 1: reflink.Large} {
		if got := reflink.Whole(n); got != want {
			t.Errorf("%d: %d, not %d", n, got, want)
		}
	}
}
