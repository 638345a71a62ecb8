package source_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1"
	"pgregory.net/rapid"

	"banger/core/source"
)

// cut answers a request for a blob, from its Range on, with n bytes of it and
// a broken connection.
func cut(w http.ResponseWriter, r *http.Request, blob []byte, n int, ranges bool) {
	from := 0
	if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from); err != nil || !ranges {
		from = 0
	}
	w.Header().Set("Content-Length", fmt.Sprint(len(blob)-from))
	if from > 0 {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(blob)-1, len(blob)))
		w.WriteHeader(http.StatusPartialContent)
	}
	rest := blob[from:]
	_, _ = w.Write(rest[:min(n, len(rest))])
	if n < len(rest) {
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

func readBlob(t testing.TB, im source.Image, i int) ([]byte, error) {
	t.Helper()
	r, err := im.OpenLayer(t.Context(), i)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

func TestBrokenBlobsAreResumed(t *testing.T) {
	for _, ranges := range []bool{true, false} {
		t.Run(fmt.Sprintf("ranges %t", ranges), func(t *testing.T) {
			s := startRegistry(t)
			im := mustOpen(t, s.ref("one"), fast(source.Options{}))
			var requests atomic.Int64
			s.onBlob(t, 1, func(w http.ResponseWriter, r *http.Request, blob []byte) bool {
				// Without ranges each answer must get further than the one before.
				n := 30_000
				if !ranges {
					n = 30_000 * int(requests.Load()+1)
				}
				requests.Add(1)
				cut(w, r, blob, n, ranges)
				return true
			})
			check(t, im)
			if requests.Load() < 5 {
				t.Errorf("%d requests", requests.Load())
			}
		})
	}
}

// TestOpenLayerFrom asks for the rest of a blob, of a registry that knows ranges,
// of one that does not, and of one that refuses them; and for nothing at all.
func TestOpenLayerFrom(t *testing.T) {
	for _, how := range []string{"ranges", "no ranges", "refused"} {
		t.Run(how, func(t *testing.T) {
			s := startRegistry(t)
			im := mustOpen(t, s.ref("one"), fast(source.Options{}))
			want, err := readBlob(t, im, 1)
			if err != nil {
				t.Fatal(err)
			}
			var sent atomic.Int64
			s.onBlob(t, 1, func(w http.ResponseWriter, r *http.Request, blob []byte) bool {
				if how == "refused" && r.Header.Get("Range") != "" {
					w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
					return true
				}
				counted := &countingWriter{w, &sent}
				cut(counted, r, blob, len(blob), how == "ranges")
				return true
			})
			for _, from := range []int64{0, 1, 30_000, int64(len(want))} {
				sent.Store(0)
				r, err := im.OpenLayerFrom(t.Context(), 1, from)
				if err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(r)
				if err := errors.Join(err, r.Close()); err != nil || !bytes.Equal(got, want[from:]) {
					t.Errorf("from %d: %d bytes, %v", from, len(got), err)
				}
				if n := sent.Load(); how == "ranges" && n != int64(len(want))-from || from == int64(len(want)) && n != 0 {
					t.Errorf("from %d: %d bytes were sent", from, n)
				}
			}
		})
	}
}

type countingWriter struct {
	http.ResponseWriter
	n *atomic.Int64
}

func (w *countingWriter) Write(p []byte) (int, error) {
	w.n.Add(int64(len(p)))
	return w.ResponseWriter.Write(p)
}

func TestBadBlobs(t *testing.T) {
	for _, c := range []struct {
		name, text string
		kind       error
		serve      func(w http.ResponseWriter, r *http.Request, blob []byte) bool
	}{
		{"always cut at the same place", "after 1000 of", source.ErrNetwork, func(w http.ResponseWriter, r *http.Request, blob []byte) bool {
			if r.Header.Get("Range") != "" {
				panic(http.ErrAbortHandler)
			}
			cut(w, r, blob, 1000, true)
			return true
		}},
		{"shorter", "where the manifest says", source.ErrInvalid, func(w http.ResponseWriter, _ *http.Request, blob []byte) bool {
			_, _ = w.Write(blob[:1000])
			return true
		}},
		{"longer, without a length", "sends more than", source.ErrInvalid, func(w http.ResponseWriter, _ *http.Request, blob []byte) bool {
			_ = http.NewResponseController(w).Flush()
			_, _ = w.Write(append(blob, "more"...))
			return true
		}},
		{"shorter, without a length", "after 1000 of", source.ErrNetwork, func(w http.ResponseWriter, r *http.Request, blob []byte) bool {
			if r.Header.Get("Range") != "" {
				w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
				return true
			}
			_ = http.NewResponseController(w).Flush()
			_, _ = w.Write(blob[:1000])
			return true
		}},
		{"another range", "bytes 7-", source.ErrNetwork, func(w http.ResponseWriter, r *http.Request, blob []byte) bool {
			if r.Header.Get("Range") != "" {
				w.Header().Set("Content-Range", "bytes 7-10/11")
				w.WriteHeader(http.StatusPartialContent)
				return true
			}
			cut(w, r, blob, 1000, true)
			return true
		}},
		{"missing", "has no", source.ErrNotFound, func(w http.ResponseWriter, _ *http.Request, _ []byte) bool {
			w.WriteHeader(404)
			_, _ = io.WriteString(w, `{"errors":[{"code":"BLOB_UNKNOWN"}]}`)
			return true
		}},
		{"denied", "does not give", source.ErrAuth, func(w http.ResponseWriter, _ *http.Request, _ []byte) bool {
			w.WriteHeader(403)
			return true
		}},
		{"redirect to this machine", "refused to go on to 169.254.169.254", source.ErrNetwork, func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
			http.Redirect(w, r, "http://169.254.169.254/latest/meta-data", http.StatusTemporaryRedirect)
			return true
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := startRegistry(t)
			im := mustOpen(t, s.ref("one"), fast(source.Options{}))
			s.onBlob(t, 1, c.serve)
			_, err := readBlob(t, im, 1)
			if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("error %v, want %v with %q", err, c.kind, c.text)
			}
		})
	}
}

// Bytes that are only wrong are handed on: their reader has the digest.
func TestWrongBytesAreHandedOn(t *testing.T) {
	s := startRegistry(t)
	im := mustOpen(t, s.ref("one"), fast(source.Options{}))
	var wrong []byte
	s.onBlob(t, 1, func(w http.ResponseWriter, _ *http.Request, blob []byte) bool {
		wrong = bytes.Repeat([]byte("x"), len(blob))
		w.Header().Set("Content-Encoding", "gzip") // is not decompressed
		_, _ = w.Write(wrong)
		return true
	})
	if got, err := readBlob(t, im, 1); err != nil || !bytes.Equal(got, wrong) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func TestStalledBlobIsResumed(t *testing.T) {
	s := startRegistry(t)
	im := mustOpen(t, s.ref("one"), source.WithRetry(source.Options{}, time.Millisecond, 100*time.Millisecond))
	var requests atomic.Int64
	s.onBlob(t, 1, func(w http.ResponseWriter, r *http.Request, blob []byte) bool {
		if requests.Add(1) > 1 {
			cut(w, r, blob, len(blob), true)
			return true
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(blob)))
		_, _ = w.Write(blob[:1000])
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		return true
	})
	check(t, im)
	if requests.Load() < 2 {
		t.Errorf("%d requests", requests.Load())
	}
}

func TestHangingBlobEndsWithContext(t *testing.T) {
	s := startRegistry(t)
	im := mustOpen(t, s.ref("one"), source.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	s.onBlob(t, 1, func(w http.ResponseWriter, r *http.Request, blob []byte) bool {
		w.Header().Set("Content-Length", fmt.Sprint(len(blob)))
		_, _ = w.Write(blob[:1000])
		_ = http.NewResponseController(w).Flush()
		cancel()
		<-r.Context().Done()
		return true
	})
	r, err := im.OpenLayer(ctx, 1)
	if err == nil {
		_, err = io.Copy(io.Discard, r)
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	if !errors.Is(err, context.Canceled) || errors.Is(err, source.ErrNetwork) {
		t.Errorf("error %v, want context.Canceled", err)
	}
}

// However a transfer breaks, what is read is the blob or an error.
func TestResumedBlobProperty(t *testing.T) {
	s := startRegistry(t)
	im := mustOpen(t, s.ref("one"), fast(source.Options{}))
	layers, err := s.image.Layers()
	if err != nil {
		t.Fatal(err)
	}
	want, err := layers[1].Digest()
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(rt *rapid.T) {
		cuts := rapid.SliceOfN(rapid.IntRange(0, 250_000), 1, 8).Draw(rt, "cuts")
		ranges := rapid.Bool().Draw(rt, "ranges")
		var next atomic.Int64
		s.onBlob(t, 1, func(w http.ResponseWriter, r *http.Request, blob []byte) bool {
			n := len(blob)
			if i := int(next.Add(1)) - 1; i < len(cuts) {
				n = cuts[i]
			}
			cut(w, r, blob, n, ranges)
			return true
		})
		got, err := readBlob(t, im, 1)
		if err != nil {
			if !errors.Is(err, source.ErrNetwork) {
				rt.Fatalf("error %v is no ErrNetwork", err)
			}
			return
		}
		if h, _, err := v1.SHA256(bytes.NewReader(got)); err != nil || h != want {
			rt.Fatalf("digest %s, want %s", h, want)
		}
	})
}
