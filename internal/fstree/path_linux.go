package fstree

import (
	"os"
	"strconv"
)

// procPath is a short path to name in d, for calls that have no *at form.
func procPath(d *os.File, name string) string {
	return "/proc/self/fd/" + strconv.Itoa(int(d.Fd())) + "/" + name
}
