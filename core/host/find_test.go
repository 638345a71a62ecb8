package host

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"banger/internal/hint"
	"banger/sdk"
)

func TestFind(t *testing.T) {
	t.Parallel()
	h := install(t, "talks")
	b := find(t, h, "talks")
	d := b.Description
	if d.Name != "talks" || d.Version != "1.0\ufffd[31m" || d.Revision != 7 || b.Bundled {
		t.Errorf("found %+v", b)
	}
	if b.Digest.Validate() != nil || b.Identity != b.Digest.String() {
		t.Errorf("digest %q, identity %q", b.Digest, b.Identity)
	}
}

func TestFindBundled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	program := filepath.Join(dir, Prefix+"talks")
	play(t, program, "talks")
	h := newHost(Config{Bundled: map[string]Bundled{"talks": {Path: program, Args: []string{"serve"}, Revision: 7}}})
	if b := find(t, h, "talks"); !b.Bundled || b.Identity != "bundled:talks/7" || b.Digest != "" {
		t.Errorf("found %+v", b)
	}
	h.cfg.Bundled["talks"] = Bundled{Path: program, Revision: 8}
	_, err := h.Find(t.Context(), "talks")
	checkFailure(t, err, "has been replaced")
}

func TestFindFirstAndShadowed(t *testing.T) {
	t.Parallel()
	h := install(t, "talks")
	second := t.TempDir()
	play(t, filepath.Join(second, Prefix+"talks"), "talks")
	h.cfg.Dirs = append(h.cfg.Dirs, "", h.cfg.Dirs[0], "/nonexistent", second)
	h.cfg.Bundled = map[string]Bundled{"talks": {Path: "/nonexistent"}}
	b := find(t, h, "talks")
	want := []string{filepath.Join(second, Prefix+"talks"), "bundled"}
	if filepath.Dir(b.Path) != h.cfg.Dirs[0] || !slices.Equal(b.Shadowed, want) {
		t.Errorf("found %s, shadowed %q", b.Path, b.Shadowed)
	}
	if text := b.Hides(); !strings.Contains(text, b.Path) || !strings.Contains(text, want[0]+", bundled") {
		t.Errorf("it says %q", text)
	}
}

func TestFindUnknown(t *testing.T) {
	t.Parallel()
	h := install(t, "talks", "silent")
	for _, name := range []string{"none", "", "../talks", "TALKS", "a/b", "\x1b[31m", ".hidden"} {
		_, err := h.Find(t.Context(), name)
		if !errors.Is(err, ErrUnknownBuilder) || !strings.Contains(err.Error(), "there is silent, talks") || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%q: error is %v", name, err)
		}
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	h := impatient(install(t, "talks", "waits", "exits-3"))
	builders, errs := h.List(t.Context())
	if len(builders) != 2 || builders[0].Name != "talks" || builders[1].Name != "waits" {
		t.Errorf("listed %v", builders)
	}
	if len(errs) != 1 || !errors.Is(errs[0], ErrBuilder) {
		t.Errorf("errors are %v", errs)
	}
}

// What is found here is no builder, in a way that can be told from outside or
// from its first words.
func TestFindFailures(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name  string
		want  string
		never bool // answers: no use in waiting
	}{
		{"prints-line", `printed "hello \x1b[31mworld" where`, false},
		{"prints-garbage", `printed "\x00\x01`, false},
		{"prints-100k", `printed "zzz`, false},
		{"prints-part", `printed "1|1|unix"`, false},
		{"silent", "no handshake within 2s", true},
		{"exits-3", "(exit status 3)\n  | cannot \ufffd[1mstart", false},
		{"closes-stdout", "closed its standard output", true},
		{"newer", "builder protocol 7, and this banger speaks 1", false},
		{"older", "builder protocol 0, and this banger speaks 1", false},
		{"other-core", "go-plugin protocol 9", false},
		{"netrpc", "net/rpc", false},
		{"no-certificate", "no certificate", false},
		{"bad-certificate", "server cert", false},
		{"far-away", "not on this machine", false},
		{"dead-address", "does not answer", true},
		{"dead-and-gone", "exit status 0", false},
		{"deaf-address", "does not answer", true},
		{"no-builder", "does not speak builder protocol 1", false},
		{"misnamed", `calls itself "someone-else"`, false},
		{"slow-describe", "did not answer in time", false},
		{"panics-in-describe", "panic: in describe", false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := impatient(install(t, c.name))
			h.limits.describe = time.Second
			if c.never {
				h = hopeless(h)
			}
			b, err := h.Find(t.Context(), c.name)
			checkFailure(t, err, c.want)
			if c.name == "silent" && hint.Of(err) != "a builder calls sdk.Main at once; is this a builder at all?" {
				t.Errorf("hint %q", hint.Of(err))
			}
			if b != nil || len(err.Error()) > 2000 {
				t.Errorf("found %v, error of %d bytes", b, len(err.Error()))
			}
		})
	}
}

func TestVersionHint(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"newer": "upgrade banger", "older": "upgrade the builder"} {
		_, err := impatient(install(t, name)).Find(t.Context(), name)
		if hint.Of(err) != want {
			t.Errorf("%s: hint is %q, want %q", name, hint.Of(err), want)
		}
	}
}

func TestFindNoProgram(t *testing.T) {
	t.Parallel()
	write := func(mode os.FileMode, text string) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte(text), mode); err != nil {
				t.Fatal(err)
			}
		}
	}
	foreign := "\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 9) + "\x02\x00\xf3\x00\x01\x00\x00\x00" + strings.Repeat("\x00", 28) + "\x40\x00\x38\x00\x00\x00\x40\x00\x00\x00\x00\x00"
	cases := []struct {
		name string
		make func(*testing.T, string)
		want string
	}{
		{"mode 0644", write(0o644, "#!/bin/sh\n"), "is not executable"},
		{"directory", func(t *testing.T, path string) {
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}, "is a directory"},
		{"broken symlink", func(t *testing.T, path string) {
			if err := os.Symlink("/nonexistent/x", path); err != nil {
				t.Fatal(err)
			}
		}, "symlink to /nonexistent/x"},
		{"missing interpreter", write(0o755, "#!/nonexistent/python -u\n"), `interpreter "/nonexistent/python" is missing`},
		{"text", write(0o755, "hello\n"), "neither a program for this machine nor a script"},
		{"another machine", write(0o755, foreign), "built for EM_RISCV"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := install(t)
			c.make(t, filepath.Join(h.cfg.Dirs[0], Prefix+"x"))
			_, err := h.Find(t.Context(), "x")
			checkFailure(t, err, c.want)
		})
	}
}

// memory is a Cache.
type memory struct {
	mu   sync.Mutex
	m    map[string][]byte
	puts int
}

func (c *memory) Get(_ context.Context, key string) ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v, ok := c.m[key]
	return v, ok
}

func (c *memory) Put(_ context.Context, key string, value []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.m[key] = value
	c.puts++
}

func TestDescribeIsCached(t *testing.T) {
	t.Parallel()
	cache := &memory{m: make(map[string][]byte)}
	h := install(t, "has-tool")
	tools := t.TempDir()
	h.cfg.Cache, h.cfg.ToolPath = cache, tools+":/usr/bin:/bin"
	tool := filepath.Join(tools, "banger-test-tool")
	version := func(wantPuts int) string {
		t.Helper()
		d := find(t, h, "has-tool").Description
		if cache.puts != wantPuts {
			t.Errorf("described %d times, want %d", cache.puts, wantPuts)
		}
		return d.Tools[0].Version
	}
	if v := version(1); v != "" {
		t.Errorf("version without the tool is %q", v)
	}
	version(1)
	replaceByScript(t, tool, "echo one")
	if v := version(2); v != "one" {
		t.Errorf("version after the installation is %q", v)
	}
	version(2)
	replaceByScript(t, tool, "echo two")
	if v := version(3); v != "two" {
		t.Errorf("version after the upgrade is %q", v)
	}
	rewriteUnseen(t, tool, "two", "six")
	if v := version(4); v != "six" {
		t.Errorf("version after a change in place is %q", v)
	}
	if err := os.Remove(tool); err != nil {
		t.Fatal(err)
	}
	version(5)
	replaceByScript(t, filepath.Join(h.cfg.Dirs[0], Prefix+"has-tool"), "exit 9")
	_, err := h.Find(t.Context(), "has-tool")
	checkFailure(t, err, "exit status 9")
}

// rewriteUnseen changes a file so that only its ctime tells.
func rewriteUnseen(t *testing.T, path, from, to string) {
	t.Helper()
	fi, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), from, to, 1)), fi.Mode()); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, time.Time{}, fi.ModTime()); err != nil {
		t.Fatal(err)
	}
}

func TestCacheIsNotTrusted(t *testing.T) {
	t.Parallel()
	cache := &memory{m: make(map[string][]byte)}
	h := install(t, "talks")
	h.cfg.Cache = cache
	want := find(t, h, "talks")
	for i, value := range []string{
		"", "null", "{}", "[", `{"description":{"Name":"talks"}}`,
		`{"digest":"x","description":{"Name":"talks","MediaType":"a/b","Input":1}}`,
	} {
		for key := range cache.m {
			cache.m[key] = []byte(value)
		}
		if b := find(t, h, "talks"); b.Digest != want.Digest || cache.puts != i+2 {
			t.Errorf("%s: found %+v", value, b)
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	b := &Builder{Name: "x", Description: sdk.Description{
		Name: "x", MediaType: "application/vnd.banger.image.ext4", MinBytes: 64 << 20,
		Options: []sdk.Option{
			{Name: "label", Default: "x", Type: sdk.OptionString, MaxBytes: 3},
			{Name: "level", Default: "1", Type: sdk.OptionInt},
		},
	}}
	got, err := b.Check(map[string]string{"level": "3"}, sdk.SizePlan{Bytes: 64 << 20})
	if err != nil || got["label"] != "x" || got["level"] != "3" || len(got) != 2 {
		t.Errorf("options are %v, %v", got, err)
	}
	for _, bad := range []map[string]string{{"labl": "y"}, {"level": "high"}, {"label": "long"}} {
		if _, err := b.Check(bad, sdk.SizePlan{}); !errors.Is(err, ErrOption) {
			t.Errorf("%v: error is %v", bad, err)
		}
	}
	_, err = b.Check(nil, sdk.SizePlan{Bytes: 1 << 20})
	if !errors.Is(err, ErrSize) || !strings.Contains(err.Error(), "ext4 size 1048576 below minimum 67108864") || !strings.Contains(hint.Of(err), "64M") {
		t.Errorf("error is %v, hint %q", err, hint.Of(err))
	}
}
