package ext4

import (
	"cmp"
	"slices"
)

// interval is the blocks from first on, before end.
type interval struct{ first, end int64 }

// groupPlace is where the parts of one group are.
type groupPlace struct{ blockBitmap, inodeBitmap, table int64 }

// placeGroups places bitmaps and inode tables: those of 16 groups together at
// the beginning of the first of them, as flex_bg lets them be. It returns
// also what is left for content, in order. It is not ok if they do not fit.
func (g Geometry) placeGroups() (places []groupPlace, free []interval, ok bool) {
	places = make([]groupPlace, g.Groups)
	var taken []interval
	for i := range g.superGroups() {
		taken = append(taken, interval{i * groupBlocks, i*groupBlocks + g.superBlocks(i)})
	}
	p := placer{obstacles: slices.Clone(taken), end: g.Blocks}
	take := func(n int64) int64 {
		at := p.take(n)
		taken = append(taken, interval{at, at + n})
		return at
	}
	for first := int64(0); first < g.Groups; first += flexGroups {
		flex := places[first:min(first+flexGroups, g.Groups)]
		p.cursor = max(p.cursor, first*groupBlocks)
		for i := range flex {
			flex[i].blockBitmap = take(1)
		}
		for i := range flex {
			flex[i].inodeBitmap = take(1)
		}
		for i := range flex {
			flex[i].table = take(g.tableBlocks())
		}
	}
	return places, gaps(taken, g.Blocks), p.cursor <= g.Blocks
}

// placer finds places between obstacles, ever further on.
type placer struct {
	obstacles []interval
	cursor    int64
	end       int64
}

// take returns the first block of the next place for n blocks. Beyond the end
// it lets cursor run past it.
func (p *placer) take(n int64) int64 {
	for len(p.obstacles) > 0 && p.cursor+n > p.obstacles[0].first {
		p.cursor = max(p.cursor, p.obstacles[0].end)
		p.obstacles = p.obstacles[1:]
	}
	at := p.cursor
	p.cursor += n
	return at
}

// gaps returns what the intervals leave of the blocks before end.
func gaps(taken []interval, end int64) (free []interval) {
	slices.SortFunc(taken, func(a, b interval) int { return cmp.Compare(a.first, b.first) })
	var at int64
	for _, t := range taken {
		if t.first > at {
			free = append(free, interval{at, t.first})
		}
		at = max(at, t.end)
	}
	if at < end {
		free = append(free, interval{at, end})
	}
	return free
}

// allocator hands out free blocks in order.
type allocator struct {
	free []interval // what is left
	lack int64      // how many blocks too many were asked for
}

// maxRun is the most blocks of one extent (EXT_INIT_MAX_LEN; ifork.rst,
// "ext4_extent").
const maxRun = 32768

// run places length blocks of a file from logical on at block on.
type run struct {
	logical, length, block uint32
}

// take appends the runs of n blocks of a file from logical on.
func (a *allocator) take(runs []run, logical, n int64) []run {
	for n > 0 {
		if len(a.free) == 0 {
			a.lack += n
			return runs
		}
		f := &a.free[0]
		k := min(n, maxRun, f.end-f.first)
		runs = append(runs, run{uint32(logical), uint32(k), uint32(f.first)})
		f.first += k
		logical, n = logical+k, n-k
		if f.first == f.end {
			a.free = a.free[1:]
		}
	}
	return runs
}

// one takes one block.
func (a *allocator) one() uint32 {
	var r [1]run
	a.take(r[:0], 0, 1)
	return r[0].block
}
