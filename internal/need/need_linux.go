package need

import (
	"os/exec"
	"syscall"
	"testing"
)

// UserNamespaces needs user_namespaces(7), which some hosts, and every chroot,
// refuse.
func UserNamespaces(t testing.TB) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), Tool(t, "true", "coreutils"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER}
	if err := cmd.Run(); err != nil {
		missing(t, "needs user namespaces, which this machine refuses: %v", err)
	}
}
