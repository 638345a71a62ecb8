package keeper

import (
	"bytes"
	"os"
	"strconv"
)

// killDescendants kills every process that descends from this one and has not
// ended. One that forks at that moment can slip through: call it again until
// there is no child left.
func killDescendants(int) { killFound() }

// Parents returns the parent of every process.
func Parents() map[int]int {
	parents := make(map[int]int)
	proc, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer proc.Close()
	names, _ := proc.Readdirnames(-1) // what it has read so far counts
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		if parent, ok := parentOf(name); ok {
			parents[pid] = parent
		}
	}
	return parents
}

// parentOf reads the fourth field of /proc/PID/stat. The second is a command
// in parentheses that may hold anything: proc(5).
func parentOf(pid string) (int, bool) {
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return 0, false
	}
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 2 {
		return 0, false
	}
	parent, err := strconv.Atoi(string(fields[1]))
	return parent, err == nil
}
