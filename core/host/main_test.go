package host

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"banger/sdk"
)

// fakeVar names the builder that this test binary plays, if it does.
const fakeVar = "BANGER_TEST_FAKE"

// The test binary is every builder of these tests.
func TestMain(m *testing.M) {
	mode := os.Getenv(fakeVar)
	switch {
	case mode == "":
		os.Exit(m.Run())
	case mode == "host":
		hostProcess()
	case rawBuilders[mode] != nil:
		rawBuilders[mode]()
	default:
		sdk.Main(fake{mode})
	}
}

// install puts builders of these names on a new host's search path.
func install(t *testing.T, names ...string) *Host {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		play(t, filepath.Join(dir, prefix+name), name)
	}
	return New(Config{Dirs: []string{dir}, ToolPath: os.Getenv("PATH"), TempDir: t.TempDir()})
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
	var err error
	if b.file, err = identify(b.Path); err != nil {
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
