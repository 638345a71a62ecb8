package cas

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/opencontainers/go-digest"
)

// BenchmarkHit is all that a hit costs in the store, opening it included: in
// one of two actions and in one of 10 000.
func BenchmarkHit(b *testing.B) {
	for _, actions := range []int{2, 10_000} {
		b.Run(fmt.Sprint(actions), func(b *testing.B) {
			dir := b.TempDir()
			s := openTest(b, dir)
			a := putArtifact(b, s, func(f *os.File) error { return f.Truncate(1 << 30) })
			var key digest.Digest
			for i := range actions {
				var preimage []byte
				var err error
				key, preimage, err = ActionKey(i)
				must(b, err)
				must(b, s.PutAction(context.Background(), Action{Key: key, Preimage: preimage, Artifact: a.Digest}))
			}
			out := filepath.Join(b.TempDir(), "out")
			for b.Loop() {
				s, err := Open(context.Background(), dir)
				must(b, err)
				action, err := s.Action(key)
				must(b, err)
				a, err := s.Artifact(action.Artifact)
				must(b, err)
				must(b, s.CopyOut(context.Background(), a, out, CopyOptions{}))
				must(b, s.Close())
			}
		})
	}
}

// sparseImage writes 256 MiB of data, 8 MiB of every 32.
func sparseImage(f *os.File) error {
	for i := range int64(32) {
		part := io.LimitReader(rand.Reader, 8<<20)
		if _, err := io.Copy(io.NewOffsetWriter(f, i<<25), part); err != nil {
			return err
		}
	}
	return f.Truncate(1 << 30)
}

func BenchmarkHashImage(b *testing.B) {
	f, err := os.Create(filepath.Join(b.TempDir(), "image"))
	must(b, err)
	defer func() { _ = f.Close() }()
	must(b, sparseImage(f))
	b.SetBytes(256 << 20)
	for b.Loop() {
		_, err := hashChunks(context.Background(), f, 1<<30, nil)
		must(b, err)
	}
}

// BenchmarkCopyOut stands beside cp --sparse=always of the same image.
func BenchmarkCopyOut(b *testing.B) {
	s := openTest(b, b.TempDir())
	a := putArtifact(b, s, sparseImage)
	dst := filepath.Join(b.TempDir(), "out")
	ways := map[string]func() error{
		"CopyOut": func() error { return s.CopyOut(context.Background(), a, dst, CopyOptions{}) },
		"cp": func() error {
			return exec.CommandContext(context.Background(), "cp", "--sparse=always", a.Path, dst).Run()
		},
	}
	for name, way := range ways {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(256 << 20)
			for b.Loop() {
				_ = os.Remove(dst)
				must(b, way())
			}
		})
	}
}
