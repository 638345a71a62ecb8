package unpack_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"

	"github.com/opencontainers/go-digest"

	"banger/core/unpack"
	"banger/internal/tartest"
)

// In a bubble of synctest, a goroutine that outlives Unpack fails the test.

// endless is a layer without an end: a tar of one huge file. It cancels after
// some reads, if told to.
type endless struct {
	head   *bytes.Reader
	reads  int
	cancel context.CancelFunc
}

func newEndless(cancel context.CancelFunc) *endless {
	return &endless{head: bytes.NewReader(tartest.Entry(tartest.Header{Name: "a", Size: 1 << 35}, "")), cancel: cancel}
}

func (e *endless) Read(p []byte) (int, error) {
	if e.reads++; e.reads == 100 && e.cancel != nil {
		e.cancel()
	}
	if e.head.Len() > 0 {
		return e.head.Read(p)
	}
	clear(p)
	return len(p), nil
}

func TestCancelMidStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		l := unpack.Layer{Size: 1 << 36, DiffID: digest.FromString("x")}
		_, err := run(ctx, newEndless(cancel), l, unpack.Limits{Ratio: 1 << 40})
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

func TestCancelBeforeTheStart(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	tar := sample()
	if _, err := run(ctx, bytes.NewReader(tar), describe(tar, tar), unpack.Limits{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestCancelInAHole cancels while nothing but a hole is hashed.
func TestCancelInAHole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		tar := tartest.Join(tartest.PAX("GNU.sparse.size=60000000000", "GNU.sparse.map=0,1"), tartest.File("h", "x"))
		l := describe(tar, tar)
		_, err := unpack.Unpack(ctx, bytes.NewReader(tar), l,
			unpack.Dest{Pack: io.Discard, Index: io.Discard}, unpack.Limits{}, func(int64) { cancel() })
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// TestWaitingForASlowReader cancels while the reader has nothing to give, as
// a network connection bound to the same context would.
func TestWaitingForASlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		r, w := io.Pipe()
		tar := sample()
		go func() {
			_, _ = w.Write(tar[:1000])
			synctest.Wait()
			cancel()
			_ = w.CloseWithError(ctx.Err())
		}()
		if _, err := run(ctx, r, describe(tar, tar), unpack.Limits{}); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// TestNothingOutlivesAnError ends at each stage while the others have much to
// do.
func TestNothingOutlivesAnError(t *testing.T) {
	big := func() io.Reader { return newEndless(nil) }
	l := unpack.Layer{Size: 32 << 20, DiffID: digest.FromString("x")}
	for name, f := range map[string]func(ctx context.Context) error{
		"too long": func(ctx context.Context) error {
			_, err := run(ctx, big(), l, unpack.Limits{Ratio: 1 << 40})
			return err
		},
		"limit": func(ctx context.Context) error { _, err := run(ctx, big(), l, unpack.Limits{FileSize: 5}); return err },
		"pack": func(ctx context.Context) error {
			_, err := unpack.Unpack(ctx, big(), l, unpack.Dest{Pack: &full{}, Index: io.Discard}, unpack.Limits{Ratio: 1 << 40}, nil)
			return err
		},
		"blob": func(ctx context.Context) error {
			_, err := unpack.Unpack(ctx, big(), l, unpack.Dest{Blob: &full{}, Pack: io.Discard, Index: io.Discard}, unpack.Limits{Ratio: 1 << 40}, nil)
			return err
		},
		"tar": func(ctx context.Context) error {
			_, err := run(ctx, io.MultiReader(bytes.NewReader(make([]byte, 512)), big()), l, unpack.Limits{})
			return err
		},
		"gzip": func(ctx context.Context) error {
			_, err := run(ctx, io.MultiReader(bytes.NewReader(gzipped(small())), big()), l, unpack.Limits{})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if f(t.Context()) == nil {
					t.Error("no error")
				}
			})
		})
	}
}
