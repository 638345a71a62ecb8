package host

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// gone waits until nothing runs in the process group. It must not take long:
// the bound is for a machine that is busy.
func gone(t *testing.T, group int) {
	t.Helper()
	var left []string
	for range 1000 {
		if left = members(t, group); len(left) == 0 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("left of process group %d:\n%s", group, strings.Join(left, ""))
}

// cancelled starts a build, cancels it once the builder has told its pid, and
// returns that.
func cancelled(t *testing.T, h *Host, name string) int {
	t.Helper()
	b := known(t, h, name)
	req, rec := request(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	cause := errors.New("enough")
	pid := make(chan int, 1)
	go func() {
		n, _ := strconv.Atoi(<-rec.lines)
		pid <- n
		cancel(cause)
	}()
	err := h.Build(ctx, b, req)
	if !errors.Is(err, cause) || errors.Is(err, ErrBuilder) {
		t.Errorf("error is %v, want %v", err, cause)
	}
	return <-pid
}

func TestCancelLeavesNoProcess(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"waits", "stubborn", "stubborn-child"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			group := cancelled(t, impatient(install(t, name)), name)
			if group <= 1 {
				t.Fatalf("the builder told pid %d", group)
			}
			if left := members(t, group); len(left) > 0 {
				t.Errorf("left of process group %d:\n%s", group, strings.Join(left, ""))
			}
		})
	}
}

// TestLaunchedEndsUnused launches builders that are not to build after all.
func TestLaunchedEndsUnused(t *testing.T) {
	t.Parallel()
	for how, end := range map[string]func(*Launched, context.CancelFunc){
		"End":     func(l *Launched, _ context.CancelFunc) { l.End() },
		"context": func(l *Launched, cancel context.CancelFunc) { cancel(); l.End() },
	} {
		h := install(t, "talks")
		req, _ := request(t)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		l, err := h.Launch(ctx, known(t, h, "talks"), req)
		if err != nil {
			t.Fatal(err)
		}
		group := l.session.runner.proc.pid
		if len(members(t, group)) == 0 {
			t.Errorf("%s: no builder runs in group %d", how, group)
		}
		end(l, cancel)
		if left := members(t, group); len(left) > 0 {
			t.Errorf("%s: left of process group %d:\n%s", how, group, strings.Join(left, ""))
		}
		l.End() // does nothing
	}
}

// members returns the processes of a group that do more than wait to be
// reaped, which may be up to a process that is not ours.
func members(t *testing.T, group int) []string {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(stats) == 0 {
		t.Fatalf("no processes: %v", err)
	}
	var found []string
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		line := string(text)
		fields := strings.Fields(line[strings.LastIndexByte(line, ')')+1:]) // state, parent, group, …: proc(5)
		if len(fields) > 2 && fields[0] != "Z" && fields[2] == strconv.Itoa(group) {
			found = append(found, line)
		}
	}
	return found
}

// Builds that go well and builds that go wrong leave no goroutine, no file
// and no directory behind.
func TestNothingGrows(t *testing.T) {
	h := impatient(install(t, "talks", "is-killed", "stubborn-child", "dead-address", "dead-and-gone", "deaf-address", "prints-100k"))
	once := func() {
		for _, name := range []string{"talks", "is-killed"} {
			req, _ := request(t)
			_ = h.Build(t.Context(), known(t, h, name), req)
		}
		req, _ := request(t)
		l, err := h.Launch(t.Context(), known(t, h, "talks"), req)
		if err != nil {
			t.Fatal(err)
		}
		l.End()
		cancelled(t, h, "stubborn-child")
		for _, name := range []string{"dead-address", "dead-and-gone", "deaf-address", "prints-100k"} {
			if _, err := hopeless(h).Find(t.Context(), name); err == nil {
				t.Errorf("found %s", name)
			}
		}
	}
	once() // what is made once and kept
	goroutines, files := settled(runtime.NumGoroutine, 0), settled(openFiles, 0)
	once()
	if n := settled(runtime.NumGoroutine, goroutines); n > goroutines {
		buf := make([]byte, 1<<20)
		t.Errorf("%d goroutines, %d before\n%s", n, goroutines, buf[:runtime.Stack(buf, true)])
	}
	if n := settled(openFiles, files); n > files {
		t.Errorf("%d open files, %d before", n, files)
	}
	left, err := os.ReadDir(h.cfg.TempDir)
	if err != nil || len(left) > 0 {
		t.Errorf("left in the temporary directory: %v, %v", left, err)
	}
}

// settled returns count's value once it is at most want or has stopped
// falling: what ends in the background needs a moment.
func settled(count func() int, want int) int {
	n := count()
	for range 100 {
		if n <= want {
			return n
		}
		time.Sleep(10 * time.Millisecond)
		n = min(n, count())
	}
	return n
}

func openFiles() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(entries)
}
