package host

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"banger/internal/hint"
	"banger/internal/need"
)

// opened finds a builder and opens its file, as a build does.
func opened(t *testing.T, h *Host, name string) (*Builder, *program) {
	t.Helper()
	b := known(t, h, name)
	p, err := h.sameProgram(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	return b, p
}

// once launches an opened builder and has it describe itself.
func once(t *testing.T, h *Host, b *Builder, p *program) {
	t.Helper()
	s, err := h.open(t.Context(), b, p, work{dir: "/", temp: h.cfg.TempDir})
	if err != nil {
		t.Fatal(err)
	}
	if d, err := s.client.Describe(t.Context()); err != nil || d.Name != b.Name {
		t.Errorf("described as %q, %v", d.Name, err)
	}
	if err := s.end(); err != nil {
		t.Error(err)
	}
}

// A binary that is swapped between the hash and the execution: what is put in
// its place is not what runs.
func TestSwappedAfterHashing(t *testing.T) {
	t.Parallel()
	h := install(t, "talks")
	b, p := opened(t, h, "talks")
	trace := filepath.Join(t.TempDir(), "ran")
	replaceByScript(t, b.Path, "echo >"+trace)
	once(t, h, b, p)
	if _, err := os.Stat(trace); err == nil {
		t.Error("the other program ran")
	}
}

// One that is written to in place then: not an instruction of the new bytes is
// executed.
func TestRewrittenAfterHashing(t *testing.T) {
	t.Parallel()
	h := install(t, "talks")
	b, p := opened(t, h, "talks")
	trace := filepath.Join(t.TempDir(), "ran")
	rewriteUnseen(t, b.Path, "GORACE", "echo >"+trace+"; GORACE")
	once(t, h, b, p)
	if _, err := os.Stat(trace); err == nil {
		t.Error("the new bytes ran")
	}
}

// A binary that is upgraded in place again and again, while it is found and
// while it builds: either the host refuses, or the bytes that wrote the image
// are those of the digest that the image is kept under.
func TestUpgradedAllTheTime(t *testing.T) {
	t.Parallel()
	h := install(t, "writes-version")
	path := filepath.Join(h.cfg.Dirs[0], Prefix+"writes-version")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	versions := make(map[string]digest.Digest)
	var texts [][]byte
	for _, v := range []string{"one", "two"} {
		fresh := slices.Concat(bytes.TrimSuffix(text, []byte("\n")), []byte(" "+v+"\n"))
		versions[v], texts = digest.FromBytes(fresh), append(texts, fresh)
	}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
				if err := os.WriteFile(path, texts[i%2], 0o755); err != nil {
					t.Error(err)
				}
			}
		}
	}()
	defer func() { close(stop); <-done }()
	built := 0
	for tries := 0; built < 3; tries++ {
		if tries > 10_000 {
			t.Fatalf("%d builds in %d tries", built, tries)
		}
		b, err := h.Find(t.Context(), "writes-version")
		if err != nil {
			checkFailure(t, err)
			continue
		}
		req, _ := request(t)
		if err := h.Build(t.Context(), b, req); err != nil {
			checkFailure(t, err)
			continue
		}
		built++
		image, err := os.ReadFile(req.Output)
		if err != nil || versions[string(image)] != b.Digest {
			t.Errorf("%q wrote an image that is kept for %s, %v", image, b.Digest, err)
		}
	}
}

// What runs cannot be written to, whoever opens it.
func TestCopyIsSealed(t *testing.T) {
	t.Parallel()
	_, p := opened(t, install(t, "talks"), "talks")
	f, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", p.run.Fd()), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte("x"), 0); !errors.Is(err, unix.EPERM) {
		t.Errorf("writing: %v", err)
	}
	if err := f.Truncate(0); !errors.Is(err, unix.EPERM) {
		t.Errorf("truncating: %v", err)
	}
}

// A program too large to be held in memory is copied to a file without a name.
func TestLargeProgram(t *testing.T) {
	t.Parallel()
	h := install(t, "talks")
	path := filepath.Join(h.cfg.Dirs[0], Prefix+"talks")
	if err := os.Truncate(path, maxInMemory+1); err != nil { // after its exec the shell reads no further
		t.Fatal(err)
	}
	b, p := opened(t, h, "talks")
	if left, err := os.ReadDir(h.cfg.TempDir); err != nil || len(left) > 0 {
		t.Errorf("in the temporary directory: %v, %v", left, err)
	}
	once(t, h, b, p)
}

// A further name of a builder's file, or of the program that bundles it, is no
// change of it, though it shows in the ctime.
func TestHardLink(t *testing.T) {
	t.Parallel()
	h := install(t, "talks")
	path := filepath.Join(h.cfg.Dirs[0], Prefix+"talks")
	for _, bundled := range []bool{false, true} {
		if bundled {
			h = newHost(Config{Bundled: map[string]Bundled{"talks": {Path: path}}, ToolPath: h.cfg.ToolPath, TempDir: h.cfg.TempDir})
		}
		b := find(t, h, "talks")
		if err := os.Link(path, fmt.Sprintf("%s.%t", path, bundled)); err != nil {
			t.Fatal(err)
		}
		req, _ := request(t)
		if err := h.Build(t.Context(), b, req); err != nil {
			t.Errorf("bundled %t: %v", bundled, err)
		}
	}
}

// The same bytes under the same name in another file are no other builder;
// other bytes with the same size and times are.
func TestDigestDecides(t *testing.T) {
	t.Parallel()
	h := install(t, "talks")
	b := known(t, h, "talks")
	b.Digest = "sha256:" + "0000000000000000000000000000000000000000000000000000000000000000"
	req, _ := request(t)
	err := h.Build(t.Context(), b, req)
	checkFailure(t, err, "has changed")
	if hint.Of(err) != "run the command again" {
		t.Errorf("hint %q", hint.Of(err))
	}
}

func TestBusyFile(t *testing.T) {
	t.Parallel()
	h := install(t, "talks")
	f, err := os.OpenFile(filepath.Join(h.cfg.Dirs[0], Prefix+"talks"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	_, err = h.Find(t.Context(), "talks")
	checkFailure(t, err, "still being written")
	if hint.Of(err) != "try again in a moment" {
		t.Errorf("hint %q", hint.Of(err))
	}
}

func TestNoexecMount(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	need.Tmpfs(t, dir, "size=1m,mode=0755,noexec")
	h := newHost(Config{Dirs: []string{dir}, TempDir: t.TempDir()})
	play(t, filepath.Join(dir, Prefix+"talks"), "talks")
	_, err := h.Find(t.Context(), "talks")
	checkFailure(t, err, "noexec")
}

func TestMissingLibrary(t *testing.T) {
	t.Parallel()
	cc := need.Tool(t, "gcc", "gcc")
	dir := t.TempDir()
	run := func(stdin string, args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), cc, append(args, "-x", "c", "-")...)
		cmd.Dir, cmd.Stdin = dir, strings.NewReader(stdin)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	run("int gone(void) { return 0; }", "-shared", "-fPIC", "-o", "libgone.so")
	run("int gone(void); int main(void) { return gone(); }", "-o", Prefix+"x", "-L.", "-Wl,--no-as-needed", "-Wl,--unresolved-symbols=ignore-all", "-Wl,-l:libgone.so")
	if err := os.Remove(filepath.Join(dir, "libgone.so")); err != nil {
		t.Fatal(err)
	}
	h := newHost(Config{Dirs: []string{dir}, TempDir: t.TempDir()})
	_, err := h.Find(t.Context(), "x")
	checkFailure(t, err, "exit status 127", "libgone.so")
}
