package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"banger/internal/bangertest"
	"banger/internal/registrytest"
)

// halting is a registry that sends half a layer and then nothing more, for as
// long as it is told to, and counts the bytes of layers that it sends to their end.
type halting struct {
	*registrytest.Fake
	halts  atomic.Bool
	ranges atomic.Pointer[string] // the last Range that was asked for
	sent   atomic.Int64
}

func (h *halting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	out := &halved{ResponseWriter: w}
	if strings.Contains(r.URL.Path, "/blobs/") {
		asked := r.Header.Get("Range")
		h.ranges.Store(&asked)
	}
	h.Fake.ServeHTTP(out, r)
	body := out.body
	if len(body) > 1<<20 && h.halts.Load() {
		body = body[:len(body)/2]
	}
	n, _ := w.Write(body)
	_ = http.NewResponseController(w).Flush()
	switch {
	case n < len(out.body):
		<-r.Context().Done()
	case n > 1<<20:
		h.sent.Add(int64(n))
	}
}

// halved keeps a body back.
type halved struct {
	http.ResponseWriter
	body []byte
}

func (h *halved) Write(p []byte) (int, error) {
	h.body = append(h.body, p...)
	return len(p), nil
}

// TestResumeAfterKill kills banger in the middle of a layer. The next one goes
// on where it was, by Range, and has the same blob in the end; and if what is
// there has been damaged meanwhile, it fetches all of it.
func TestResumeAfterKill(t *testing.T) {
	bin := bangertest.Binary(t)
	image := filepath.Join(t.TempDir(), "image")
	if err := writeImage(image, "large"); err != nil {
		t.Fatal(err)
	}
	fake := registrytest.NewFake()
	t.Cleanup(fake.Close)
	fake.Add("app", image)
	h := &halting{Fake: fake}
	srv := httptest.NewServer(h)
	t.Cleanup(func() { srv.CloseClientConnections(); srv.Close() })
	ref := strings.TrimPrefix(srv.URL, "http://") + "/app:latest"

	for _, damage := range []bool{false, true} {
		t.Run(fmt.Sprintf("damage %t", damage), func(t *testing.T) {
			store := filepath.Join(t.TempDir(), "store")
			h.halts.Store(true)
			partial, kept := killMidway(t, store, bin, "pull", "--store", store, ref)
			h.halts.Store(false)
			h.sent.Store(0)
			if damage {
				f, err := os.OpenFile(partial, os.O_WRONLY, 0)
				must(t, err)
				_, err = f.WriteAt([]byte("damage"), kept/2)
				must(t, err, f.Close())
			}
			var errs strings.Builder
			cmd := exec.CommandContext(t.Context(), bin, "pull", "--store", store, ref)
			cmd.Stderr = &errs
			if err := cmd.Run(); err != nil {
				t.Fatalf("%v\n%s", err, errs.String())
			}
			blob := filepath.Join(store, "blobs", "sha256", filepath.Base(partial))
			info, err := os.Stat(blob)
			must(t, err, exec.CommandContext(t.Context(), "cmp", blob, filepath.Join(image, "blobs", "sha256", filepath.Base(partial))).Run())
			assertEmpty(t, filepath.Dir(partial))
			want, asked := info.Size()-kept, fmt.Sprintf("bytes=%d-", kept)
			if damage {
				want, asked = want+info.Size(), ""
			}
			if h.sent.Load() != want || *h.ranges.Load() != asked {
				t.Errorf("%d bytes came, want %d; %q was asked for last, want %q", h.sent.Load(), want, *h.ranges.Load(), asked)
			}
			if damage != strings.Contains(errs.String(), fmt.Sprintf("of which %d bytes had been kept: fetching it anew", kept)) {
				t.Errorf("standard error\n%s", errs.String())
			}
			must(t, exec.CommandContext(t.Context(), bin, "cache", "verify", "--store", store).Run())
		})
	}
}

// killMidway starts a pull that comes no further than half a layer, kills it
// there, and returns the file with what it has of the layer, and how much.
func killMidway(t *testing.T, store, bin string, args ...string) (partial string, kept int64) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), bin, args...)
	must(t, cmd.Start())
	for deadline := time.Now().Add(2 * time.Minute); kept <= 1<<20; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no partial blob was seen")
		}
		paths, err := filepath.Glob(filepath.Join(store, "partial", "*"))
		must(t, err)
		if len(paths) == 1 {
			info, err := os.Stat(paths[0])
			must(t, err)
			partial, kept = paths[0], info.Size()
		}
	}
	must(t, cmd.Process.Kill())
	_ = cmd.Wait()
	info, err := os.Stat(partial)
	must(t, err)
	return partial, info.Size()
}
