// Package child starts the tools of builders.
package child

import (
	"os/exec"
	"syscall"
)

// DieWithParent has the kernel kill a command that has not been started yet
// when the thread that starts it ends: prctl(2), PR_SET_PDEATHSIG.
func DieWithParent(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
