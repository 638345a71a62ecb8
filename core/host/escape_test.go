package host

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"banger/core/host/keeper"
)

// state returns the letter of a process's state, "" if there is none.
func state(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	line := string(text)
	return strings.Fields(line[strings.LastIndexByte(line, ')')+1:])[0]
}

// tells returns the pids that a builder logs; 0 for what is none.
func tells(rec *recorder, count int) []int {
	var pids []int
	for range count {
		pid, _ := strconv.Atoi(<-rec.lines)
		pids = append(pids, pid)
	}
	return pids
}

func wantGone(t *testing.T, pids []int) {
	t.Helper()
	for _, pid := range pids {
		if pid <= 1 {
			t.Errorf("the builder told pid %d", pid)
		}
		if s := state(pid); s != "" && s != "Z" {
			t.Errorf("process %d is left in state %s", pid, s)
		}
	}
}

// Children that left the group, the session and their parents do not stay,
// and holding the pipes does not help them.
func TestStraysGoWithTheBuild(t *testing.T) {
	t.Parallel()
	h := install(t, "stray")
	req, rec := request(t)
	if err := h.Build(t.Context(), known(t, h, "stray"), req); err != nil {
		t.Error(err)
	}
	wantGone(t, tells(rec, 2))
}

func TestStraysGoWithACancel(t *testing.T) {
	t.Parallel()
	h := impatient(install(t, "stubborn-stray"))
	req, rec := request(t)
	ctx, cancel := context.WithCancel(t.Context())
	pids := make(chan []int, 1)
	go func() {
		defer cancel()
		pids <- tells(rec, 2)
	}()
	if err := h.Build(ctx, known(t, h, "stubborn-stray"), req); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	wantGone(t, <-pids)
}

// Nor do those of one that never gets as far as a build: that does not shake
// hands, prints garbage, names a dead address, ends, or describes itself as
// another.
func TestStraysBeforeABuild(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"silent-stray", "garbage-stray", "dead-stray", "exits-stray", "misnamed-stray"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := impatient(install(t, name))
			h.limits.connect, h.limits.start = 300*time.Millisecond, time.Minute // the strays take their time
			file := filepath.Join(h.cfg.TempDir, "pids")
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if name == "silent-stray" {
				go func() {
					defer cancel()
					awaitFile(t, file)
				}()
			}
			if _, err := h.Find(ctx, name); err == nil {
				t.Error("found it")
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var pids []int
			for line := range strings.FieldsSeq(string(text)) {
				pid, _ := strconv.Atoi(line)
				pids = append(pids, pid)
			}
			if len(pids) != 2 {
				t.Errorf("the builder told %q", text)
			}
			wantGone(t, pids)
		})
	}
}

// A builder that has sent its result and does not leave is ended, and its
// image counts.
func TestBuilderThatLingers(t *testing.T) {
	t.Parallel()
	h := impatient(install(t, "lingers"))
	req, _ := request(t)
	if err := h.Build(t.Context(), known(t, h, "lingers"), req); err != nil {
		t.Error(err)
	}
}

// The host is killed; builders die with it, and all that they started, and no
// socket stays behind.
func TestHostKilled(t *testing.T) {
	t.Parallel()
	for name, pids := range map[string]int{"waits": 1, "stubborn-child": 1, "stubborn-stray": 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hostKilled(t, name, pids)
		})
	}
}

func hostKilled(t *testing.T, name string, count int) {
	h := install(t, "host", name)
	temp, err := os.MkdirTemp("/tmp", "") // short enough for sockets
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(temp)
	cmd := exec.CommandContext(t.Context(), filepath.Join(h.cfg.Dirs[0], Prefix+"host"), h.cfg.Dirs[0], name, temp)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	rec := &recorder{lines: make(chan string, count)}
	lines := bufio.NewScanner(stdout)
	for range count {
		if !lines.Scan() {
			t.Fatalf("the host has ended: %v", lines.Err())
		}
		rec.lines <- lines.Text()
	}
	pids := tells(rec, count)
	if pids[0] <= 1 {
		t.Fatalf("the builder told pids %d", pids)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	for _, pid := range pids {
		awaitGone(t, pid)
	}
	gone(t, pids[0])
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("left in the temporary directory: %v, %v", left, err)
	}
}

// awaitFile waits for a file. The bound is for a machine that is busy.
func awaitFile(t *testing.T, path string) {
	t.Helper()
	for range 3000 {
		if _, err := os.Stat(path); err == nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("no file %s", path)
}

// awaitGone waits for a process to end. The bound is for a machine that is
// busy.
func awaitGone(t *testing.T, pid int) {
	t.Helper()
	for range 1000 {
		if s := state(pid); s == "" || s == "Z" {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("process %d is left", pid)
}

// A keeper that is killed takes the builder with it.
func TestKeeperKilled(t *testing.T) {
	t.Parallel()
	h := impatient(install(t, "waits"))
	req, rec := request(t)
	pids := make(chan int, 1)
	go func() {
		pid := tells(rec, 1)[0]
		pids <- pid
		if parent := keeper.Parents()[pid]; parent > 1 {
			if p, err := os.FindProcess(parent); err == nil {
				_ = p.Kill()
			}
		}
	}()
	checkFailure(t, h.Build(t.Context(), known(t, h, "waits"), req), "its keeper ended: signal: killed")
	awaitGone(t, <-pids)
}
