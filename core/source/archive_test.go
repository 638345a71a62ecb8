package source

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"banger/internal/need"
)

// rawTar writes a tar of headers whose bodies are given by name.
func rawTar(t testing.TB, headers []tar.Header, bodies map[string]string) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for i, h := range headers {
		h.Size = int64(len(bodies[h.Name]))
		if h.Typeflag != tar.TypeReg {
			h.Size = 0
		}
		if i > 0 && h.Name == headers[i-1].Name { // the second of two has another body
			h.Size++
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			if _, err := io.WriteString(w, (bodies[h.Name] + "!")[:h.Size]); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func openBytes(t testing.TB, b []byte) (*archive, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.tar")
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	a, err := openArchive(t.Context(), path, Options{})
	if err == nil {
		t.Cleanup(func() { _ = a.Close() })
	}
	return a, err
}

func TestArchiveMembers(t *testing.T) {
	reg := func(name string) tar.Header { return tar.Header{Name: name, Typeflag: tar.TypeReg} }
	link := func(kind byte, name, target string) tar.Header {
		return tar.Header{Name: name, Linkname: target, Typeflag: kind}
	}
	long := strings.Repeat("long/", 60) + "name"
	a, err := openBytes(t, rawTar(t, []tar.Header{
		reg("a"), reg("./b/c"), reg("/abs"), reg("../out"), reg("twice"), reg("twice"), reg(long),
		{Name: "dir/", Typeflag: tar.TypeDir},
		link(tar.TypeSymlink, "d/layer.tar", "../b/c"),
		link(tar.TypeSymlink, "e", "/a"),
		link(tar.TypeSymlink, "f", "e"),
		link(tar.TypeLink, "g/h", "b/c"),
		link(tar.TypeSymlink, "climbs", "../../a"),
		link(tar.TypeSymlink, "dangling", "nothing"),
		link(tar.TypeSymlink, "loop1", "loop2"), link(tar.TypeSymlink, "loop2", "loop1"),
		{Name: "fifo", Typeflag: tar.TypeFifo},
	}, map[string]string{"a": "A", "./b/c": "C", "/abs": "ABS", "../out": "OUT", "twice": "one", long: "LONG"}))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"a": "A", "./a": "A", "/a": "A", "b/c": "C", "abs": "ABS", "twice": "one!", long: "LONG",
		"d/layer.tar": "C", "e": "A", "f": "A", "g/h": "C",
	} {
		r, size, err := a.open(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if b, err := io.ReadAll(r); err != nil || string(b) != want || size != int64(len(want)) {
			t.Errorf("%s: %q of size %d, %v; want %q", name, b, size, err, want)
		}
	}
	for name, kind := range map[string]error{
		"nothing": ErrNotFound, "dangling": ErrNotFound, "dir": ErrNotFound, "out": ErrNotFound,
		"../out": ErrInvalid, "b/../a": ErrInvalid, "": ErrInvalid, ".": ErrInvalid, "loop1": ErrInvalid, "fifo": ErrInvalid,
		"climbs": ErrInvalid,
	} {
		if _, _, err := a.open(name); !errors.Is(err, kind) {
			t.Errorf("%q: error %v, want %v", name, err, kind)
		}
	}
}

// Archives that other tools write are read where the bodies really are.
func TestArchiveOfOtherTools(t *testing.T) {
	dir := t.TempDir()
	long := strings.Repeat("x", 200)
	content := map[string]string{"a": "alpha", "sub/b": strings.Repeat("beta", 1000), long: "long", "ü": "umlaut", "empty": ""}
	for name, text := range content {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Truncate(filepath.Join(dir, "empty"), 10<<20); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		tool, pkg string
		args      []string
		sparse    bool
	}{
		{"tar", "tar", []string{"--format=gnu"}, false},
		{"tar", "tar", []string{"--format=posix"}, false},
		{"tar", "tar", []string{"--format=gnu", "--sparse"}, true},
		{"tar", "tar", []string{"--format=posix", "--sparse"}, true},
		{"tar", "tar", []string{"--format=posix", "--sparse", "--sparse-version=0.1"}, true},
		{"bsdtar", "libarchive-tools", []string{"--format=pax", "--no-read-sparse"}, false},
		{"bsdtar", "libarchive-tools", []string{"--format=gnutar"}, false},
		{"bsdtar", "libarchive-tools", []string{"--format=ustar"}, false},
	} {
		t.Run(c.tool+strings.Join(c.args, " "), func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), need.Tool(t, c.tool, c.pkg), append(c.args, "-cf", "-", "-C", dir, ".")...)
			var out, complaints bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &complaints
			cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
			// ustar cannot hold the long name; bsdtar says so and goes on.
			if err := cmd.Run(); err != nil && !strings.Contains(c.args[0], "ustar") {
				t.Fatalf("%v: %s", err, &complaints)
			}
			a, err := openBytes(t, out.Bytes())
			if err != nil {
				t.Fatal(err)
			}
			for name, want := range content {
				if name == long && strings.Contains(c.args[0], "ustar") {
					continue
				}
				if name == "empty" {
					_, _, err := a.open(name)
					told := err != nil && (strings.Contains(err.Error(), "sparse") || strings.Contains(err.Error(), "not a regular"))
					if c.sparse != told || !c.sparse && err != nil {
						t.Errorf("sparse file: error %v", err)
					}
					continue
				}
				if b, err := a.small(name, 1<<20); err != nil || string(b) != want {
					t.Errorf("%s: %.20q, %v; want %.20q", name, b, err, want)
				}
			}
		})
	}
}

func TestRefusesArchives(t *testing.T) {
	good := rawTar(t, []tar.Header{{Name: "a", Typeflag: tar.TypeReg}, {Name: "b", Typeflag: tar.TypeReg}},
		map[string]string{"a": strings.Repeat("a", 5000), "b": "b"})
	many := func() []byte {
		one := rawTar(t, []tar.Header{{Name: "a", Typeflag: tar.TypeReg}}, nil)[:512]
		return bytes.Repeat(one, maxMembers+1)
	}
	longNames := func() []byte {
		h := []tar.Header{{Name: strings.Repeat("n", 500_000), Typeflag: tar.TypeReg, Format: tar.FormatPAX}}
		one := rawTar(t, h, nil)
		return bytes.Repeat(one[:len(one)-1024], 40)
	}
	for _, c := range []struct {
		name, text string
		raw        []byte
	}{
		{"no tar", "not a tar archive", []byte(strings.Repeat("hello ", 1000))},
		{"cut in a header", "truncated", good[:300]},
		{"cut in a body", "truncated", good[:2000]},
		{"damaged", "damaged after 1 members", append(bytes.Clone(good[:512+5120]), []byte(strings.Repeat("x", 1024))...)},
		{"xz", "neither gzip nor zstd", []byte("\xfd7zXZ\x00 and more")},
		{"bzip2", "neither gzip nor zstd", []byte("BZh9 and more")},
		{"gzip in name only", "decompress archive", []byte("\x1f\x8b\x08 nothing more")},
		{"too many members", "more than 100000 members", many()},
		{"too long names", "bytes of their names", longNames()},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := openBytes(t, c.raw); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("error %v, want ErrInvalid with %q", err, c.text)
			}
		})
	}
	t.Run("cut in the last body", func(t *testing.T) {
		a, err := openBytes(t, good[:512+5120+512])
		if err == nil {
			_, _, err = a.open("b")
		}
		if !errors.Is(err, ErrInvalid) {
			t.Errorf("error %v, want ErrInvalid", err)
		}
	})
}

func TestArchiveContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.tar")
	if err := os.WriteFile(path, rawTar(t, []tar.Header{{Name: "a"}}, nil), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := openArchive(ctx, path, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
}

func TestRatioIsBounded(t *testing.T) {
	in := &countingReader{n: 1 << 20}
	w := &ratioWriter{w: io.Discard, in: in, n: alwaysAllowed - 1}
	if _, err := w.Write([]byte("x")); err != nil {
		t.Errorf("what is always allowed: %v", err)
	}
	if _, err := w.Write([]byte("x")); !errors.Is(err, ErrInvalid) {
		t.Errorf("error %v, want ErrInvalid", err)
	}
	in.n = 1 << 30
	if _, err := w.Write([]byte("x")); err != nil {
		t.Errorf("a usual ratio: %v", err)
	}
}

// What a scan finds lies inside the archive.
func FuzzScan(f *testing.F) {
	f.Add(rawTar(f, []tar.Header{{Name: "a", Typeflag: tar.TypeReg}, {Name: "b", Linkname: "a", Typeflag: tar.TypeSymlink}},
		map[string]string{"a": "body"}))
	f.Add(rawTar(f, []tar.Header{{Name: "x", Typeflag: tar.TypeReg, PAXRecords: map[string]string{"K.v": "v"}, Format: tar.FormatPAX}}, nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		members, err := scan(t.Context(), bytes.NewReader(b), int64(len(b)))
		if err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Fatalf("error %v is no ErrInvalid", err)
			}
			return
		}
		a := &archive{members: members}
		for name := range members {
			if strings.HasPrefix(name, "/") || strings.HasPrefix(name, "../") {
				t.Fatalf("name %q", name)
			}
			m, err := a.find(name)
			if err == nil && (m.off < 512 || m.size < 0 || m.off+m.size > int64(len(b))) {
				t.Fatalf("%q lies at %d+%d of %d", name, m.off, m.size, len(b))
			}
		}
	})
}
