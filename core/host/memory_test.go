package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"banger/internal/need"
	"banger/sdk"
)

// eat takes memory until there is none.
func eat() {
	var eaten [][]byte
	for {
		b := make([]byte, 1<<20)
		for i := range b {
			b[i] = byte(i)
		}
		eaten = append(eaten, b)
		if len(eaten) > 64<<10 { // 64 GiB: there is no limit
			panic("all of it fits")
		}
	}
}

// runsOut is a builder that may not have more memory, and wants it.
func runsOut(context.Context, *sdk.Request) error {
	var pages int64
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return err
	}
	if _, err := fmt.Sscan(string(text), &pages); err != nil {
		return err
	}
	most := uint64(pages)*uint64(os.Getpagesize()) + 64<<20
	if err := syscall.Setrlimit(syscall.RLIMIT_AS, &syscall.Rlimit{Cur: most, Max: most}); err != nil {
		return err
	}
	printTo(2, "about to eat")
	eat()
	return nil
}

// isOverLimit is a builder that joins the control group that its option names,
// and wants more memory than there is in it.
func isOverLimit(_ context.Context, req *sdk.Request) error {
	if err := os.WriteFile(req.Options.String("label"), []byte("0"), 0); err != nil {
		return err
	}
	printTo(2, "about to eat")
	eat()
	return nil
}

// A builder that gets no more memory ends by itself. The error has the last of
// what the runtime of its language says to that, which may be more than is
// kept; the log has all of it.
func TestRunsOutOfMemory(t *testing.T) {
	t.Parallel()
	h := install(t, "runs-out")
	req, rec := request(t)
	err := h.Build(t.Context(), known(t, h, "runs-out"), req)
	checkFailure(t, err, "ended unexpectedly")
	if e := (*Error)(nil); !errors.As(err, &e) || e.Exit == "" || len(e.Output) == 0 {
		t.Errorf("%v does not tell how it ended, and with what words", err)
	}
	if !strings.Contains(rec.log(), "about to eat") {
		t.Errorf("the log is\n%s", rec.log())
	}
	wantNothingIn(t, filepath.Dir(req.Output))
}

// The kernel kills a builder that a control group gives too little memory.
func TestKilledForMemory(t *testing.T) {
	t.Parallel()
	h := install(t, "is-over-limit")
	req, _ := request(t)
	req.Options = sdk.Options{"label": need.MemoryGroup(t, 64<<20)}
	checkFailure(t, h.Build(t.Context(), known(t, h, "is-over-limit"), req), "ended unexpectedly (signal: killed)", "| about to eat")
	wantNothingIn(t, filepath.Dir(req.Output))
}

func wantNothingIn(t *testing.T, dir string) {
	t.Helper()
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("in %s: %v, %v", dir, left, err)
	}
}
