package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"banger/core/host/keeper"
	"banger/sdk"
)

func init() {
	builds["at-home"] = atHome
	builds["kills-keeper"] = func(ctx context.Context, req *sdk.Request) error {
		if err := stray(ctx, req); err != nil {
			return err
		}
		attack(req)
		select {}
	}
}

// attack is what a hostile builder does to its keeper and to the host above it:
// it wants to be rid of them, and its strays to stay. It tells what came of it.
func attack(req *sdk.Request) {
	mine := os.Getppid()
	parent := keeper.Parents()[mine]
	threads, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", mine))
	victims := []int{mine}
	if keeper.CanConfine() {
		victims = append(victims, parent)
	}
	for _, pid := range victims {
		req.Log(sdk.LogInfo, "stop %d: %v", pid, syscall.Kill(pid, syscall.SIGSTOP))
		req.Log(sdk.LogInfo, "trace %d: %v", pid, unix.PtraceSeize(pid))
		if pid == mine {
			req.Log(sdk.LogInfo, "kill %d: %v", pid, syscall.Kill(pid, syscall.SIGKILL))
			req.Log(sdk.LogInfo, "kill group %d: %v", pid, syscall.Kill(-pid, syscall.SIGKILL))
		}
	}
	for _, t := range threads {
		tid, _ := strconv.Atoi(t.Name())
		req.Log(sdk.LogInfo, "kill thread %d: %v", tid, unix.Tgkill(mine, tid, unix.SIGKILL))
	}
	req.Log(sdk.LogInfo, "done")
}

// A builder that wants to kill its keeper cannot, where the kernel has the means
// to keep it from that, and goes with all that it started when the build is
// cancelled. Where the kernel has not, it dies with its keeper.
func TestHostileToItsKeeper(t *testing.T) {
	t.Parallel()
	h := impatient(install(t, "kills-keeper"))
	req, rec := request(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	strays := make(chan []int, 1)
	go func() {
		strays <- tells(rec, 2)
		for line := range rec.lines {
			if line == "done" {
				cancel()
				return
			}
		}
	}()
	err := h.Build(ctx, known(t, h, "kills-keeper"), req)
	if !keeper.CanConfine() {
		checkFailure(t, err, "its keeper ended: signal: killed")
		for _, pid := range <-strays {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		return
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	wantGone(t, <-strays)
	said, _, _ := strings.Cut(rec.log(), "\ndone") // then the strays' shell may say that they were killed
	attempts := strings.Split(said, "\n")[2:]
	if len(attempts) < 7 {
		t.Errorf("it said\n%s", rec.log())
	}
	for _, line := range attempts {
		if !strings.HasSuffix(line, "operation not permitted") {
			t.Error(line)
		}
	}
}

// Nothing else is taken from a builder: it can do with files and with its own
// children what its user can.
func TestConfinedToSignalsAlone(t *testing.T) {
	t.Parallel()
	h := install(t, "at-home")
	req, _ := request(t)
	if err := h.Build(t.Context(), known(t, h, "at-home"), req); err != nil {
		t.Error(err)
	}
}

// atHome moves and links files between directories and ends a child.
func atHome(ctx context.Context, req *sdk.Request) error {
	a, b := filepath.Join(req.Scratch, "a"), filepath.Join(req.Scratch, "b")
	if err := errors.Join(os.Mkdir(a, 0o700), os.Mkdir(b, 0o700), os.WriteFile(a+"/x", []byte("image"), 0o600)); err != nil {
		return err
	}
	if err := errors.Join(os.Rename(a+"/x", b+"/x"), os.Link(b+"/x", a+"/y")); err != nil {
		return err
	}
	if err := stray(ctx, req); err != nil {
		return err
	}
	return errors.Join(os.Remove(b+"/x"), os.Rename(a+"/y", req.Output))
}
