package keeper

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// scopesSince is the first version of Landlock with scopes, that of Linux 6.12.
const scopesSince = 6

// CanConfine tells whether the kernel keeps a builder from sending signals to
// whom it likes.
func CanConfine() bool {
	version, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	return errno == 0 && version >= scopesSince
}

// confine puts this thread, and whatever it becomes or starts, into a Landlock
// domain (landlock(7)) out of which no signal can be sent and no process be
// traced: a builder cannot kill the keeper that sees to its end, nor stop or
// change it. Nothing else is taken from it but that setuid programs give it no
// rights, without which the kernel lets no ordinary user do this. Where the
// kernel cannot, nothing happens.
func confine() {
	if !CanConfine() {
		return
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return
	}
	attr := unix.LandlockRulesetAttr{Scoped: unix.LANDLOCK_SCOPE_SIGNAL}

	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr), 0)
	if errno != 0 {
		return
	}
	_, _, _ = unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0)
	_ = unix.Close(int(fd))
}
