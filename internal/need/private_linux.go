package need

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
)

const privateVar = "BANGER_TEST_PRIVATE_MOUNTS"

// PrivateMounts gives the test process mounts of its own, which end with it
// and the processes that it started, however that is; loop devices that are
// mounted end with them. Call it first in TestMain: it executes the program
// anew, because mounts belong to threads (unshare(2)). Where the machine
// refuses it, and where an ordinary user cannot mount anyway, nothing changes.
func PrivateMounts() {
	if os.Geteuid() != 0 || os.Getenv(privateVar) != "" {
		return
	}
	runtime.LockOSThread() // the one that execve(2) leaves
	if syscall.Unshare(syscall.CLONE_NEWNS) != nil {
		runtime.UnlockOSThread()
		return
	}
	_ = syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, "") // which fails in a chroot
	err := syscall.Exec("/proc/self/exe", os.Args, append(os.Environ(), privateVar+"=1"))
	fmt.Fprintln(os.Stderr, "execute this test anew:", err)
	os.Exit(1)
}
