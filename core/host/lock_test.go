package host

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"banger/internal/hint"
	"banger/internal/need"
)

// With a lock, only what it lists is started: what is not, or has other
// bytes, does not run at all.
func TestLock(t *testing.T) {
	t.Parallel()
	h := install(t, "talks")
	digests, err := h.Digests(t.Context(), "talks")
	if err != nil {
		t.Fatal(err)
	}
	h.cfg.Lock = &Lock{}
	_, err = h.Find(t.Context(), "talks")
	checkFailure(t, err, "builders.lock lists no builder talks", digests[0].Digest.String())
	if !errors.Is(err, ErrLocked) || hint.Of(err) != "if you trust it: banger builders lock talks" {
		t.Errorf("error is %v, hint %q", err, hint.Of(err))
	}
	h.cfg.Lock.Accept("talks", digests[0].Digest)
	find(t, h, "talks")
	trace := filepath.Join(t.TempDir(), "ran")
	replaceByScript(t, digests[0].Path, "echo >"+trace)
	_, err = h.Find(t.Context(), "talks")
	checkFailure(t, err, "not accepted: builders.lock lists builder talks as "+digests[0].Digest.String())
	if _, err := os.Stat(trace); err == nil {
		t.Error("it ran")
	}
}

// A description that was cached lets in no builder that the lock keeps out.
func TestLockAndCache(t *testing.T) {
	t.Parallel()
	h := install(t, "talks")
	h.cfg.Cache = &memory{m: make(map[string][]byte)}
	find(t, h, "talks")
	h.cfg.Lock = &Lock{}
	_, err := h.Find(t.Context(), "talks")
	checkFailure(t, err, "not accepted")
}

func TestLockFile(t *testing.T) {
	t.Parallel()
	const d = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	const other = `{"version":1,"builders":{"x":{"plan9/arm":"` + d + `"}}}`
	l, err := ReadLock(strings.NewReader(other))
	if err != nil {
		t.Fatal(err)
	}
	l.Accept("x", d)
	l.Forget()
	l.Accept("y", d)
	var text bytes.Buffer
	if err := l.Write(&text); err != nil {
		t.Fatal(err)
	}
	again, err := ReadLock(&text)
	if err != nil || again.Builders["x"]["plan9/arm"] != d || again.Builders["x"][Platform()] != "" || again.Builders["y"][Platform()] != d {
		t.Errorf("read %v, %v", again, err)
	}
	for _, bad := range []string{
		"", "{}", "[]", `{"version":2}`, `{"version":1,"builders":{"../x":{}}}`, other + "{}",
		`{"version":1,"builders":{"x":{"a/b":"sha256:0"}}}`, strings.Replace(other, "sha256", "md5", 1),
	} {
		if _, err := ReadLock(strings.NewReader(bad)); err == nil {
			t.Errorf("took %s", bad)
		}
	}
}

func FuzzReadLock(f *testing.F) {
	f.Add([]byte(`{"version":1,"builders":{"x":{"linux/amd64":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := ReadLock(bytes.NewReader(data))
		if err != nil {
			return
		}
		var once, twice bytes.Buffer
		if err := l.Write(&once); err != nil {
			t.Fatal(err)
		}
		if l, err = ReadLock(bytes.NewReader(once.Bytes())); err != nil {
			t.Fatal(err)
		}
		if err := l.Write(&twice); err != nil || !bytes.Equal(once.Bytes(), twice.Bytes()) {
			t.Errorf("%s and then %s, %v", &once, &twice, err)
		}
	})
}

func TestUntrustedPlaces(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name string
		make func(t *testing.T, dir, file string) error
		want string
		root bool
	}{
		{"file for everyone to write", func(_ *testing.T, _, file string) error { return os.Chmod(file, 0o777) }, "everyone can write to", false},
		{"directory for everyone to write", func(_ *testing.T, dir, _ string) error { return os.Chmod(dir, 0o777) }, "everyone can write to", false},
		{"another's file", func(_ *testing.T, _, file string) error { return os.Chown(file, need.Nobody, 0) }, "belongs to uid 65534", true},
		{"another's directory", func(_ *testing.T, dir, _ string) error { return os.Chown(dir, need.Nobody, 0) }, "belongs to uid 65534", true},
		{"a link to another's file", func(t *testing.T, _, file string) error {
			target := filepath.Join(t.TempDir(), "x")
			return errors.Join(os.Rename(file, target), os.Chown(target, need.Nobody, 0), os.Symlink(target, file))
		}, "belongs to uid 65534", true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.root {
				need.Root(t)
			}
			h := install(t, "talks")
			dir := h.cfg.Dirs[0]
			if err := c.make(t, dir, filepath.Join(dir, Prefix+"talks")); err != nil {
				t.Fatal(err)
			}
			_, err := h.Find(t.Context(), "talks")
			checkFailure(t, err, c.want)
			if want := "if you trust it: "; !strings.HasPrefix(hint.Of(err), want) || c.root && hint.Of(err) != want+"copy it, or have it belong to you or to root" {
				t.Errorf("hint %q", hint.Of(err))
			}
		})
	}
}

// In a sticky directory nobody can replace another's file.
func TestStickyDirectory(t *testing.T) {
	t.Parallel()
	h := install(t, "talks")
	if err := os.Chmod(h.cfg.Dirs[0], 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	find(t, h, "talks")
}
