package host

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

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

// What is put in a builder's place after it was hashed is not what runs.
func TestSwappedAfterHashing(t *testing.T) {
	t.Parallel()
	h := install(t, "talks")
	b, p := opened(t, h, "talks")
	trace := filepath.Join(t.TempDir(), "ran")
	replaceByScript(t, b.Path, "echo >"+trace)
	s, err := h.open(t.Context(), b, p, work{dir: "/", temp: h.cfg.TempDir})
	if err == nil {
		if _, err := s.client.Describe(t.Context()); err != nil {
			t.Error(err)
		}
		err = s.end()
	}
	if err != nil && !errors.Is(err, errChanged) { // the rename shows in the old file's ctime
		t.Error(err)
	}
	if _, err := os.Stat(trace); err == nil {
		t.Error("the other program ran")
	}
}

// A file that is changed in place, with its mtime put back, is refused before
// it gets to see anything.
func TestChangedInPlaceAfterHashing(t *testing.T) {
	t.Parallel()
	h := install(t, "talks")
	b, p := opened(t, h, "talks")
	rewriteUnseen(t, b.Path, "exec", "exec  ")
	s, err := h.open(t.Context(), b, p, work{dir: "/", temp: h.cfg.TempDir})
	if err == nil {
		_ = s.end()
	}
	checkFailure(t, err, "has changed")
}

// The same bytes under the same name in another file are no other builder;
// other bytes with the same size and times are.
func TestDigestDecides(t *testing.T) {
	t.Parallel()
	h := install(t, "talks")
	b := known(t, h, "talks")
	b.Digest = "sha256:" + "0000000000000000000000000000000000000000000000000000000000000000"
	req, _ := request(t)
	checkFailure(t, h.Build(t.Context(), b, req), "has changed")
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
	if hint.Of(err) == "" {
		t.Error("no hint")
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
