package keeper

// descends tells whether pid descends from ancestor.
func descends(parents map[int]int, pid, ancestor int) bool {
	for range len(parents) { // a table read while processes come and go may have loops
		parent, ok := parents[pid]
		if !ok {
			return false
		}
		if parent == ancestor {
			return true
		}
		pid = parent
	}
	return false
}
