package cas

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/opencontainers/go-digest"
)

// blocks returns the bytes that a file takes on the disk.
func blocks(t testing.TB, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	must(t, err)
	return info.Sys().(*syscall.Stat_t).Blocks * 512
}

// TestArtifactDigestIsFixed pins the digest and the manifest's bytes: what
// two hosts must agree on, now and later.
func TestArtifactDigestIsFixed(t *testing.T) {
	s := openTest(t, t.TempDir())
	a := putArtifact(t, s, func(f *os.File) error {
		if _, err := f.WriteAt([]byte("abc"), 0); err != nil {
			return err
		}
		if _, err := f.WriteAt([]byte("z"), 2*chunkSize+1); err != nil {
			return err
		}
		return f.Truncate(3*chunkSize + 5)
	})
	first := digest.FromBytes(append([]byte("abc"), make([]byte, chunkSize-3)...)).Encoded()
	third := digest.FromBytes(append([]byte("\x00z"), make([]byte, chunkSize-2)...)).Encoded()
	want := fmt.Sprintf(`{"chunkSize":4194304,"chunks":["%s",null,"%s",null],"mediaType":"application/x-test","size":12582917}`, first, third)
	got, err := os.ReadFile(filepath.Join(filepath.Dir(a.Path), manifestName))
	must(t, err)
	if string(got) != want {
		t.Errorf("manifest %s\nwant     %s", got, want)
	}
	if a.Digest != "sha256:cade61117e52b030df241aa87ebe7b34c5d8dcd4b725ef8b2cfb5e359cbed23b" || a.Digest != digest.FromString(want) {
		t.Errorf("digest %s", a.Digest)
	}
}

func TestArtifactDigestDoesNotSeeHoles(t *testing.T) {
	const size = 3*chunkSize + 1000
	content := make([]byte, size)
	copy(content[chunkSize+100:], "some data")
	s := openTest(t, t.TempDir())
	sparse := putArtifact(t, s, func(f *os.File) error {
		_, err := f.WriteAt([]byte("some data"), chunkSize+100)
		return errors.Join(err, f.Truncate(size))
	})
	s2 := openTest(t, t.TempDir())
	full := putArtifact(t, s2, func(f *os.File) error {
		_, err := f.Write(content)
		return err
	})
	if sparse.Digest != full.Digest || full.Size != size {
		t.Errorf("%v and %v", sparse, full)
	}
	for _, a := range []Artifact{sparse, full} {
		b, err := os.ReadFile(a.Path)
		if err != nil || !bytes.Equal(b, content) {
			t.Errorf("content of %s changed, %v", a.Path, err)
		}
		if n := blocks(t, a.Path); n > chunkSize+64<<10 {
			t.Errorf("%s takes %d bytes", a.Path, n)
		}
	}
	again := putArtifact(t, s, func(f *os.File) error {
		_, err := f.Write(content)
		return err
	})
	if again != sparse {
		t.Errorf("got %v, want %v", again, sparse)
	}
}

func TestArtifactRoundTrip(t *testing.T) {
	for name, size := range map[string]int64{
		"empty": 0, "one byte": 1, "one chunk": chunkSize, "and a byte": chunkSize + 1, "20 GB of nothing": 20 << 30,
	} {
		t.Run(name, func(t *testing.T) {
			s := openTest(t, t.TempDir())
			a := putArtifact(t, s, func(f *os.File) error { return f.Truncate(size) })
			got, err := s.Artifact(a.Digest)
			if err != nil || got != a || a.Size != size || a.MediaType != "application/x-test" {
				t.Errorf("%+v, %v", got, err)
			}
			info, err := os.Stat(a.Path)
			if err != nil || info.Size() != size || info.Mode().Perm()&0o222 != 0 {
				t.Errorf("%v, %v", info, err)
			}
			if n := blocks(t, a.Path); n != 0 && size > 1<<20 {
				t.Errorf("takes %d bytes", n)
			}
		})
	}
}

func TestArtifactCommitTakesTheImageAlone(t *testing.T) {
	s := openTest(t, t.TempDir())
	w, err := s.NewArtifact()
	must(t, err)
	must(t, os.WriteFile(w.Path(), []byte("image"), 0o400))
	must(t, os.WriteFile(w.Path()+".log", []byte("leftover"), 0o600))
	a, err := w.Commit(t.Context(), "x")
	must(t, err)
	entries, err := os.ReadDir(filepath.Dir(a.Path))
	if err != nil || len(entries) != 2 {
		t.Errorf("%v, %v", entries, err)
	}
}

func TestDamagedArtifact(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, dir string){
		"image shorter":     func(t *testing.T, d string) { overwrite(t, filepath.Join(d, imageName), []byte("imag")) },
		"image longer":      func(t *testing.T, d string) { overwrite(t, filepath.Join(d, imageName), []byte("image!")) },
		"no image":          func(t *testing.T, d string) { must(t, os.Remove(filepath.Join(d, imageName))) },
		"no manifest":       func(t *testing.T, d string) { must(t, os.Remove(filepath.Join(d, manifestName))) },
		"empty manifest":    func(t *testing.T, d string) { overwrite(t, filepath.Join(d, manifestName), nil) },
		"no manifest in it": func(t *testing.T, d string) { overwrite(t, filepath.Join(d, manifestName), []byte("{}")) },
		"another manifest": func(t *testing.T, d string) {
			overwrite(t, filepath.Join(d, manifestName), []byte(`{"chunkSize":4194304,"chunks":[null],"mediaType":"y","size":5}`))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := openTest(t, t.TempDir())
			put := func() Artifact {
				return putArtifact(t, s, func(f *os.File) error { _, err := f.WriteString("image"); return err })
			}
			a := put()
			damage(t, filepath.Dir(a.Path))
			if _, err := s.Artifact(a.Digest); !errors.Is(err, ErrCorrupt) || !errors.Is(err, ErrNotFound) {
				t.Errorf("got %v", err)
			}
			put()
			damage(t, filepath.Dir(a.Path)) // and not seen before the next commit
			if put() != a {
				t.Error("another artifact")
			}
		})
	}
}

func FuzzParseManifest(f *testing.F) {
	f.Add([]byte(`{"chunkSize":4194304,"chunks":[null],"mediaType":"x","size":1}`))
	f.Add([]byte(`{"chunkSize":4194304,"chunks":["` + strings.Repeat("a", 64) + `"],"mediaType":"x","size":4194304}`))
	f.Add([]byte(`{"chunkSize":4194304,"chunks":[],"size":-1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parseManifest(b)
		if err != nil {
			if !errors.Is(err, errBadContent) {
				t.Fatalf("error without a kind: %v", err)
			}
			return
		}
		if int64(len(m.Chunks)) != chunkCount(m.Size) {
			t.Fatalf("%d chunks of %d bytes", len(m.Chunks), m.Size)
		}
	})
}
