package cas

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

func TestReadBlobFindsDamage(t *testing.T) {
	const text = "the right text"
	for name, damage := range map[string]func(t *testing.T, path string){
		"flipped":   func(t *testing.T, p string) { overwrite(t, p, []byte("the wrong text")) },
		"zeroed":    func(t *testing.T, p string) { overwrite(t, p, make([]byte, len(text))) },
		"truncated": func(t *testing.T, p string) { overwrite(t, p, []byte(text[:3])) },
		"extended":  func(t *testing.T, p string) { overwrite(t, p, []byte(text+"!")) },
		"emptied":   func(t *testing.T, p string) { overwrite(t, p, nil) },
		"a fifo": func(t *testing.T, p string) {
			must(t, os.Remove(p))
			must(t, unix.Mkfifo(p, 0o600))
		},
		"a symlink": func(t *testing.T, p string) {
			must(t, os.Rename(p, p+"x"))
			must(t, os.Symlink(p+"x", p))
		},
		"a directory": func(t *testing.T, p string) {
			must(t, os.Remove(p))
			must(t, os.Mkdir(p, 0o700))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := openTest(t, t.TempDir())
			d := putText(t, s, text)
			damage(t, blobPath(t, s, d))
			_, err := s.ReadBlob(d, 100)
			if !errors.Is(err, ErrCorrupt) || !errors.Is(err, ErrNotFound) {
				t.Fatalf("got %v", err)
			}
			if _, err := s.OpenBlob(d); !errors.Is(err, ErrNotFound) || errors.Is(err, ErrCorrupt) {
				t.Errorf("after quarantine: %v", err)
			}
			if q := quarantined(t, s); len(q) != 2 || !strings.HasPrefix(q[0], "blob-"+d.Encoded()) || q[1] != q[0]+".why" {
				t.Errorf("quarantine holds %q", q)
			}
			putText(t, s, text)
			if _, err := s.ReadBlob(d, 100); err != nil {
				t.Error(err)
			}
		})
	}
}

func quarantined(t *testing.T, s *Store) []string {
	t.Helper()
	entries, err := os.ReadDir(s.path("quarantine"))
	must(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestCommitReplacesBlobOfWrongSize(t *testing.T) {
	s := openTest(t, t.TempDir())
	d := putText(t, s, "whole")
	overwrite(t, blobPath(t, s, d), []byte("who"))
	putText(t, s, "whole")
	if b, err := s.ReadBlob(d, 10); err != nil || string(b) != "whole" {
		t.Errorf("%q, %v", b, err)
	}
	if len(quarantined(t, s)) != 2 {
		t.Errorf("quarantine holds %q", quarantined(t, s))
	}
}

func TestManyWritersOfOneBlob(t *testing.T) {
	dir := t.TempDir()
	text := strings.Repeat("blob", 1<<15)
	var all sync.WaitGroup
	for i := range 8 {
		s := openTest(t, dir)
		all.Go(func() {
			for j := range 20 {
				for _, text := range []string{text, fmt.Sprint(i, j), fmt.Sprint(j)} {
					d, err := s.PutBlob(context.Background(), []byte(text))
					if err == nil {
						_, err = s.ReadBlob(d, 1<<20)
					}
					if err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	all.Wait()
	blobs, err := filepath.Glob(filepath.Join(dir, "blobs/sha256/*"))
	if err != nil || len(blobs) != 1+8*20+20 {
		t.Errorf("%d blobs, %v", len(blobs), err)
	}
}

func TestBlobWritebackIsEarlyAndItsErrorSticks(t *testing.T) {
	var ranges []extent
	d := realDisk()
	d.writeback = func(_ *os.File, off, n int64) error {
		ranges = append(ranges, extent{off, off + n})
		if len(ranges) == 3 {
			return unix.EIO
		}
		return nil
	}
	s := openDisk(t, t.TempDir(), d)
	check := unchanged(t, s)
	w, err := s.NewBlob()
	must(t, err)
	buf := bytes.Repeat([]byte("0123456789abcdef"), 1<<16) // 1 MiB
	for err == nil && w.Size() < 100<<20 {
		_, err = w.Write(buf)
	}
	if !errors.Is(err, unix.EIO) || w.Size() != 3*writebackStep {
		t.Errorf("%v at %d", err, w.Size())
	}
	for i, r := range ranges {
		if want := (extent{int64(i) * writebackStep, int64(i+1) * writebackStep}); r != want {
			t.Errorf("writeback %d of %v, want %v", i, r, want)
		}
	}
	if err := w.Commit(t.Context(), "", -1); !errors.Is(err, unix.EIO) {
		t.Errorf("commit: %v", err)
	}
	check()
}

// shortDisk writes part of what it is given and then says that it is full.
func shortDisk() disk {
	d := realDisk()
	d.write = func(f *os.File, p []byte) (int, error) {
		n, err := f.Write(p[:rand.IntN(len(p))])
		return n, errors.Join(err, unix.EDQUOT)
	}
	return d
}

func TestBlobOnFullDisk(t *testing.T) {
	dir := t.TempDir()
	must(t, openTest(t, dir).Close())
	s := openDisk(t, dir, shortDisk())
	check := unchanged(t, s)
	if _, err := s.PutBlob(t.Context(), []byte("text")); !errors.Is(err, ErrNoSpace) || !errors.Is(err, unix.EDQUOT) {
		t.Errorf("got %v", err)
	}
	check()
}
