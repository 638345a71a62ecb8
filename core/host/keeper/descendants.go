package keeper

import (
	"os"

	"golang.org/x/sys/unix"
)

// killFound kills every process that descends from this one as far as Parents
// tells.
func killFound() {
	parents := Parents()
	self := os.Getpid()
	for pid := range parents {
		if descends(parents, pid, self) {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	}
}

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
