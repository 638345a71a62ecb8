package host

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"banger/sdk"
)

// leaning is a request whose image has 100 bytes and whose packs have 10 and
// 1000.
func leaning(t *testing.T) *sdk.Request {
	t.Helper()
	dir := t.TempDir()
	req := &sdk.Request{Output: filepath.Join(dir, "image"), BodiesPath: filepath.Join(dir, "bodies"), PackPaths: []string{filepath.Join(dir, "0"), filepath.Join(dir, "1")}}
	for path, size := range map[string]int{req.Output: 100, req.PackPaths[0]: 10, req.PackPaths[1]: 1000} {
		if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return req
}

func encoded(t *testing.T, list ...sdk.Body) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := sdk.WriteBodies(&b, list); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestBodies(t *testing.T) {
	t.Parallel()
	req := leaning(t)
	list, err := readBodies(req, 100)
	if err != nil || list != nil {
		t.Errorf("of an image that is whole: %+v, %v", list, err)
	}
	want := []sdk.Body{{Length: 10}, {Offset: 10, Layer: 1, PackOffset: 999, Length: 1}, {Offset: 99, PackOffset: 9, Length: 1}}
	if err := os.WriteFile(req.BodiesPath, encoded(t, want...), 0o600); err != nil {
		t.Fatal(err)
	}
	if list, err = readBodies(req, 100); err != nil || len(list) != 3 || list[1] != want[1] {
		t.Errorf("%+v, %v", list, err)
	}
	req.BodiesPath = ""
	if list, err = readBodies(req, 100); err != nil || list != nil {
		t.Errorf("where none were allowed: %+v, %v", list, err)
	}
}

// TestBodiesAreNotBelieved: whatever a builder leaves there, nothing else than
// ranges of its image and of the packs comes of it.
func TestBodiesAreNotBelieved(t *testing.T) {
	t.Parallel()
	one := func(b sdk.Body) func(string) error {
		return func(path string) error { return os.WriteFile(path, encoded(t, b), 0o600) }
	}
	for name, c := range map[string]struct {
		leave func(path string) error
		want  string
	}{
		"beyond the image":    {one(sdk.Body{Offset: 99, Length: 2}), "not in the image"},
		"far beyond it":       {one(sdk.Body{Offset: 1 << 62, Length: 1 << 62}), "not in the image"},
		"beyond the pack":     {one(sdk.Body{PackOffset: 9, Length: 2}), "not in its pack"},
		"far beyond the pack": {one(sdk.Body{PackOffset: 1 << 62, Length: 1}), "not in its pack"},
		"in another layer":    {one(sdk.Body{Layer: 2, Length: 1}), "in layer 2 of 2"},
		"empty":               {one(sdk.Body{}), "has 0 bytes"},
		"overlapping": {func(path string) error {
			return os.WriteFile(path, encoded(t, sdk.Body{Length: 5}, sdk.Body{Offset: 4, Length: 5}), 0o600)
		}, "ends at 5"},
		"garbage":   {func(path string) error { return os.WriteFile(path, []byte("garbage"), 0o600) }, "record 0"},
		"symlink":   {func(path string) error { return os.Symlink("/etc/passwd", path) }, "symbolic links"},
		"fifo":      {func(path string) error { return syscall.Mkfifo(path, 0o600) }, "no regular file"},
		"directory": {func(path string) error { return os.Mkdir(path, 0o700) }, "no regular file"},
		"huge": {func(path string) error {
			return errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, maxBodyList+1))
		}, "are allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req := leaning(t)
			if err := c.leave(req.BodiesPath); err != nil {
				t.Fatal(err)
			}
			list, err := (&Launched{builder: &Builder{Name: "b"}, req: req}).Bodies(t.Context())
			if err == nil || !errors.Is(err, ErrBuilder) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%+v, %v, want %q", list, err, c.want)
			}
		})
	}
}

// placing is a request whose image may lack bodies of a pack of 10 bytes.
func placing(t *testing.T) (*sdk.Request, *recorder) {
	t.Helper()
	req, rec := request(t)
	dir := t.TempDir()
	req.BodiesPath, req.PackPaths = filepath.Join(dir, "bodies"), []string{filepath.Join(dir, "pack")}
	if err := os.WriteFile(req.PackPaths[0], make([]byte, 10), 0o600); err != nil {
		t.Fatal(err)
	}
	return req, rec
}

func hear(t *testing.T, req *sdk.Request) {
	t.Helper()
	if err := os.WriteFile(heard(req), nil, 0o600); err != nil {
		t.Error(err)
	}
}

// TestPlaced: what a builder places early is there while it builds, and is what
// counts in the end, whatever becomes of its list.
func TestPlaced(t *testing.T) {
	t.Parallel()
	h := install(t, "places-and-changes")
	req, rec := placing(t)
	l, err := h.Launch(t.Context(), known(t, h, "places-and-changes"), req)
	if err != nil {
		t.Fatal(err)
	}
	want := []sdk.Body{{Offset: 1, PackOffset: 2, Length: 3}}
	rec.onPlaced = func() {
		if list, err := l.Bodies(t.Context()); err != nil || !slices.Equal(list, want) {
			t.Errorf("while it builds: %+v, %v", list, err)
		}
		if _, err := os.Lstat(req.Output); err == nil {
			t.Error("the image is there")
		}
		hear(t, req)
	}
	if err := l.Build(t.Context()); err != nil {
		t.Fatal(err)
	}
	if list, err := l.Bodies(t.Context()); err != nil || !slices.Equal(list, want) {
		t.Errorf("in the end: %+v, %v", list, err)
	}
	if !slices.Equal(rec.placed, []int64{5}) {
		t.Errorf("placed %v", rec.placed)
	}
}

// TestPlacedIsNotBelieved: each of these builders has placed bodies and fails.
func TestPlacedIsNotBelieved(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		want string
		told int // how often the caller hears of what is placed
	}{
		"places-twice":       {"complete", 1},
		"places-nothing":     {"empty or not there", 0},
		"places-an-empty":    {"empty or not there", 0},
		"places-garbage":     {"record 0", 0},
		"places-beyond":      {"not in the image, which has 3 bytes", 0},
		"places-in-no-pack":  {"not in its pack", 0},
		"places-in-another":  {"has 5 bytes, and it said 50 before", 1},
		"places-and-fails":   {"no more", 1},
		"places-and-dies":    {"signal: killed", 1},
		"places-unasked-for": {"nobody has asked", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := install(t, name)
			req, rec := placing(t)
			if name == "places-unasked-for" {
				req.BodiesPath = ""
			}
			rec.onPlaced = func() { hear(t, req) }
			err := h.Build(t.Context(), known(t, h, name), req)
			checkFailure(t, err, c.want)
			if len(rec.placed) != c.told {
				t.Errorf("placed %v", rec.placed)
			}
		})
	}
}
