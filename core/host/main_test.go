package host

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"banger/core/host/keeper"
	"banger/internal/need"
	"banger/sdk"
)

// fakeVar names the builder that this test binary plays, if it does.
const fakeVar = "BANGER_TEST_FAKE"

// The test binary is every builder of these tests.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == keepArg {
		keeper.Keep(os.Args[2:])
	}
	mode := os.Getenv(fakeVar)
	switch {
	case mode == "":
		need.PrivateMounts()
		os.Exit(m.Run())
	case mode == "host":
		hostProcess()
	case rawBuilders[mode] != nil:
		rawBuilders[mode]()
	default:
		sdk.Main(fake{mode})
	}
}

// keepArg makes this test binary a keeper.
const keepArg = "keep-a-builder"

func testKeeper() Command { return Command{Path: "/proc/self/exe", Args: []string{keepArg}} }

// newHost returns a Host with the test's keeper.
func newHost(c Config) *Host {
	c.Keeper = testKeeper()
	return New(c)
}

// install puts builders of these names on a new host's search path.
func install(t *testing.T, names ...string) *Host {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		play(t, filepath.Join(dir, Prefix+name), name)
	}
	return newHost(Config{Dirs: []string{dir}, ToolPath: os.Getenv("PATH"), TempDir: t.TempDir()})
}

// play makes path the builder of that name. With the race detector a program
// would take a second to exit; here it does not.
func play(t *testing.T, path, name string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	replaceByScript(t, path, fmt.Sprintf("GORACE=atexit_sleep_ms=0 %s=%s exec '%s' \"$@\"", fakeVar, name, self))
}

// replaceByScript makes path a shell script.
func replaceByScript(t *testing.T, path, script string) {
	t.Helper()
	fresh := path + ".new"
	if err := os.WriteFile(fresh, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(fresh, path); err != nil {
		t.Fatal(err)
	}
}

// impatient shortens the waits for builders that do not go when asked.
func impatient(h *Host) *Host {
	h.limits.polite, h.limits.grace = 100*time.Millisecond, 200*time.Millisecond
	h.limits.reap = time.Minute // a busy machine needs long to kill
	return h
}

// hopeless shortens all waits, for builders that will never answer.
func hopeless(h *Host) *Host {
	h = impatient(&Host{cfg: h.cfg, limits: h.limits})
	h.limits.start, h.limits.connect, h.limits.die = 2*time.Second, 300*time.Millisecond, 100*time.Millisecond
	return h
}

// find finds a builder that works.
func find(t *testing.T, h *Host, name string) *Builder {
	t.Helper()
	b, err := h.Find(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// known is find without starting the builder: a shortcut for those that
// describe themselves well.
func known(t *testing.T, h *Host, name string) *Builder {
	t.Helper()
	b := h.lookup(name)
	if b == nil {
		t.Fatalf("no builder %s", name)
	}
	p, err := h.openProgram(b)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	b.file = p.id
	if b.Digest, err = p.load(t.Context(), h.cfg.TempDir); err != nil {
		t.Fatal(err)
	}
	if b.Description, err = (fake{name}).Describe(t.Context()); err != nil {
		t.Fatal(err)
	}
	return b
}

// request returns a request in directories of its own.
func request(t *testing.T) (*sdk.Request, *recorder) {
	t.Helper()
	rec := &recorder{lines: make(chan string, 1000)}
	return &sdk.Request{Output: filepath.Join(t.TempDir(), "image"), Scratch: t.TempDir(), Events: rec}, rec
}
