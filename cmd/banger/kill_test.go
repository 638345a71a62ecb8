package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"banger/internal/bangertest"
	"banger/internal/filetest"
	"banger/internal/need"
)

var (
	kills    = flag.Int("kills", 5, "how many builds TestRandomKills kills with each builder, at least")
	killSeed = flag.Uint64("kill-seed", 1, "seed of the moments at which TestRandomKills kills")
)

// TestRandomKills ends whole builds with SIGKILL, at moments spread over the
// length of a build, and runs the same command again: it succeeds with the
// same bytes, nothing of the killed build is left, and no process is.
func TestRandomKills(t *testing.T) {
	need.Tool(t, "mkfs.ext4", "e2fsprogs")
	bin := bangertest.Binary(t)
	image := filepath.Join(t.TempDir(), "image")
	if err := writeImage(image, "mixed"); err != nil {
		t.Fatal(err)
	}
	for _, builder := range []string{"e2fs", "debugfs"} {
		t.Run(builder, func(t *testing.T) {
			k := &killer{bin: bin, args: []string{"--builder", builder, "oci:" + image}, phases: map[string]int{}}
			k.measure(t)
			random := rand.New(rand.NewPCG(*killSeed, 0))
			rounds := 0
			for ; k.killed < *kills; rounds++ {
				if rounds > 20**kills {
					t.Fatalf("only %d builds killed in %d rounds", k.killed, rounds)
				}
				part := (float64(k.killed) + random.Float64()) / float64(*kills)
				k.round(t, time.Duration(part*float64(k.length)))
			}
			t.Logf("%d builds killed in %d rounds; a run takes %v; the tasks that they told of last: %v", k.killed, rounds, k.length, k.phases)
		})
	}
}

// killer kills builds of one image with one builder.
type killer struct {
	bin    string
	args   []string
	length time.Duration // of a whole run, the shortest seen
	sum    string        // of the image
	killed int
	phases map[string]int // how often a build died after telling of a task
}

// place is where one build works.
type place struct{ dir, store, out, output string }

func newPlace(t *testing.T) place {
	t.Helper()
	dir := t.TempDir()
	p := place{dir: dir, store: filepath.Join(dir, "store"), out: filepath.Join(dir, "out")}
	p.output = filepath.Join(p.out, "rootfs.ext4")
	for _, d := range []string{p.out, filepath.Join(dir, "tmp")} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// command is the build in p, with a trace of p in the environment of all its
// processes.
func (k *killer) command(t *testing.T, p place) *exec.Cmd {
	t.Helper()
	args := append([]string{"build", "--store", p.store, "--progress", "json", "-o", p.output}, k.args...)
	cmd := exec.CommandContext(t.Context(), k.bin, args...)
	cmd.Env = append(os.Environ(), "HOME="+p.dir, "TMPDIR="+filepath.Join(p.dir, "tmp"))
	return cmd
}

// measure builds in peace.
func (k *killer) measure(t *testing.T) {
	t.Helper()
	p := newPlace(t)
	start := time.Now()
	if out, err := k.command(t, p).CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	k.length = time.Since(start)
	k.sum = filetest.SHA256(t, p.output)
}

// round kills a build after a time, and then another of what is left to do at
// half of it, and lets a third succeed.
func (k *killer) round(t *testing.T, at time.Duration) {
	t.Helper()
	p := newPlace(t)
	if took, killed := k.kill(t, p, at); !killed {
		k.length = min(k.length, took)
	}
	k.kill(t, p, at/2)
	for _, cached := range []bool{false, true} {
		cmd := k.command(t, p)
		cmd.Args = append(cmd.Args, "--json")
		var stdout, stderr strings.Builder
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if err := cmd.Run(); err != nil {
			t.Fatalf("after a kill at %v: %v\n%s", at, err, &stderr)
		}
		if cached && !strings.Contains(stdout.String(), `"cached": true`) {
			t.Errorf("after a kill at %v the second build was not found: %s", at, &stdout)
		}
		k.check(t, p, at)
	}
}

// kill starts a build and kills it after a time, unless it has ended by then,
// and waits until every process of it is gone.
func (k *killer) kill(t *testing.T, p place, at time.Duration) (took time.Duration, killed bool) {
	t.Helper()
	log, err := os.CreateTemp(p.dir, "stderr")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	cmd := k.command(t, p)
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	timer := time.AfterFunc(at, func() { _ = cmd.Process.Kill() })
	err = cmd.Wait()
	took = time.Since(start)
	timer.Stop()
	if killed = err != nil; killed {
		if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || !status.Signaled() {
			b, _ := os.ReadFile(log.Name())
			t.Fatalf("a build failed by itself: %v\n%s", err, b)
		}
		k.killed++
		k.phases[lastTask(t, log)]++
	}
	for give := time.Now().Add(time.Minute); len(ofPlace(p)) > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(give) {
			t.Fatalf("left a minute after the kill: %q", ofPlace(p))
		}
	}
	return took, killed
}

// check looks that there is the image, and nothing but it.
func (k *killer) check(t *testing.T, p place, at time.Duration) {
	t.Helper()
	if sum := filetest.SHA256(t, p.output); sum != k.sum {
		t.Errorf("after a kill at %v the image is %s, want %s", at, sum, k.sum)
	}
	if entries, err := os.ReadDir(p.out); err != nil || len(entries) != 1 {
		t.Errorf("after a kill at %v: %v beside the output, %v", at, entries, err)
	}
	assertEmpty(t, filepath.Join(p.store, "tmp"))
	assertEmpty(t, filepath.Join(p.store, "quarantine"))
	if left := ofPlace(p); len(left) > 0 {
		t.Errorf("after a kill at %v: processes left: %q", at, left)
	}
}

// lastTask is the task that a build told of last.
func lastTask(t *testing.T, log *os.File) string {
	t.Helper()
	b, err := os.ReadFile(log.Name())
	if err != nil {
		t.Fatal(err)
	}
	_, last, found := cutLast(string(b), `"task":"`)
	task, _, _ := strings.Cut(last, `"`)
	if !found {
		return "nothing"
	}
	if name, _, isLayer := strings.Cut(task, "/"); isLayer {
		return name
	}
	return task
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// ofPlace returns the processes that have p in their command line or
// environment and are not zombies.
func ofPlace(p place) []string {
	paths, _ := filepath.Glob("/proc/[0-9]*")
	var found []string
	for _, path := range paths {
		line, lineErr := os.ReadFile(filepath.Join(path, "cmdline"))
		env, envErr := os.ReadFile(filepath.Join(path, "environ"))
		if lineErr == nil && strings.Contains(string(line), p.dir) || envErr == nil && strings.Contains(string(env), p.dir) {
			found = append(found, fmt.Sprintf("%s %q", path, line))
		}
	}
	return found
}
