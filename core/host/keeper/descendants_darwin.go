package keeper

import "golang.org/x/sys/unix"

// killDescendants kills the builder's process group, and every process that
// descends from this one. One whose parents are gone and that has left the
// group is not found.
func killDescendants(builder int) {
	_ = unix.Kill(-builder, unix.SIGKILL)
	killFound()
}

// Parents returns the parent of every process: sysctl(3), kern.proc.all.
func Parents() map[int]int {
	list, err := unix.SysctlKinfoProcSlice("kern.proc.all")
	if err != nil {
		return nil
	}
	parents := make(map[int]int, len(list))
	for i := range list {
		parents[int(list[i].Proc.P_pid)] = int(list[i].Eproc.Ppid)
	}
	return parents
}
