package cas

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sync/errgroup"
)

// How much the benchmarks of this file put into a store.
const (
	smallBlobs, smallSize = 100_000, 1000
	largeSize             = 4 << 30
)

// BenchmarkSmallBlobs is what it costs to put 100 000 blobs, with their fsyncs
// one after another, side by side, and without, and to get them.
func BenchmarkSmallBlobs(b *testing.B) {
	for _, way := range []struct {
		name    string
		disk    disk
		abreast int
	}{
		{"put, each fsync by itself", realDisk(), 1},
		{"put, 16 fsyncs side by side", realDisk(), 16},
		{"put, no fsync", quickDisk(), 1},
	} {
		b.Run(way.name, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				s := openDisk(b, b.TempDir(), way.disk)
				b.StartTimer()
				putSmall(b, s, way.abreast)
			}
			perSecond(b)
		})
	}
	b.Run("get", func(b *testing.B) {
		dir := b.TempDir()
		all := putSmall(b, openDisk(b, dir, quickDisk()), 1)
		for b.Loop() {
			s := openTest(b, dir) // has not used them yet
			for _, d := range all {
				_, err := s.ReadBlob(d, smallSize)
				must(b, err)
			}
		}
		perSecond(b)
	})
}

// putSmall puts small blobs, so many at a time.
func putSmall(b *testing.B, s *Store, abreast int) []digest.Digest {
	b.Helper()
	all := make([]digest.Digest, smallBlobs)
	var g errgroup.Group
	for first := range abreast {
		g.Go(func() (err error) {
			blob := make([]byte, smallSize)
			_, _ = rand.Read(blob)
			for i := first; i < smallBlobs && err == nil; i += abreast {
				binary.LittleEndian.PutUint32(blob, uint32(i))
				all[i], err = s.PutBlob(context.Background(), blob)
			}
			return err
		})
	}
	must(b, g.Wait())
	return all
}

// BenchmarkLargeBlob is what it costs to put 4 GiB, with what goes to the disk
// while it is written, with one fsync after all of it, and without, and to get
// them: held against their digest, and read.
func BenchmarkLargeBlob(b *testing.B) {
	late := realDisk()
	late.writeback = func(*os.File, int64, int64) error { return nil }
	for _, way := range []struct {
		name string
		disk disk
	}{
		{"put, fsync beside the writing", realDisk()},
		{"put, fsync after it", late},
		{"put, no fsync", quickDisk()},
	} {
		b.Run(way.name, func(b *testing.B) {
			b.SetBytes(largeSize)
			for b.Loop() {
				b.StopTimer()
				s := openDisk(b, b.TempDir(), way.disk)
				b.StartTimer()
				d := putLarge(b, s)
				b.StopTimer()
				must(b, os.Remove(blobPath(b, s, d)))
				b.StartTimer()
			}
		})
	}
	b.Run("get", func(b *testing.B) {
		s := openTest(b, b.TempDir())
		d := putLarge(b, s)
		b.SetBytes(largeSize)
		besideSum(b, func() *Store { return s }, func(s *Store) error {
			if err := s.CheckBlob(context.Background(), d, true); err != nil {
				return err
			}
			f, err := s.OpenBlob(d)
			if err != nil {
				return err
			}
			defer func() { _ = f.Close() }()
			_, err = io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{f}, make([]byte, 1<<20))
			return err
		})
	})
}

func putLarge(b *testing.B, s *Store) digest.Digest {
	b.Helper()
	buf := make([]byte, 1<<20)
	_, _ = rand.Read(buf)
	w, err := s.NewBlob()
	must(b, err)
	defer w.Abort()
	for i := range uint64(largeSize / len(buf)) {
		binary.LittleEndian.PutUint64(buf, i)
		_, err := w.Write(buf)
		must(b, err)
	}
	must(b, w.Commit(context.Background(), "", -1))
	return w.Digest()
}

// BenchmarkVerifyAndPrune checks a store of large and small blobs, and then
// removes all that is in it.
func BenchmarkVerifyAndPrune(b *testing.B) {
	const size, pieces = 512 << 20, 8
	fill := func() *Store {
		dir := b.TempDir()
		s := openTest(b, dir)
		for range pieces {
			w, err := s.NewBlob()
			must(b, err)
			_, err = io.Copy(w, io.LimitReader(rand.Reader, size/pieces))
			must(b, err)
			must(b, w.Commit(context.Background(), "", -1))
		}
		for i := range 2000 {
			putText(b, s, fmt.Sprint(i))
		}
		must(b, s.Close())
		return openTest(b, dir) // which uses nothing of it
	}
	b.Run("verify", func(b *testing.B) {
		s := fill()
		b.SetBytes(size)
		besideSum(b, func() *Store { return s }, func(s *Store) error {
			if v := verify(b, s); v.Bytes < size || len(v.Problems) > 0 {
				return fmt.Errorf("verified %+v", v)
			}
			return nil
		})
	})
	b.Run("prune", func(b *testing.B) {
		b.SetBytes(size)
		besideSum(b, fill, func(s *Store) error {
			if res := gc(b, s, GCOptions{All: true}); res.Total().Bytes < size {
				return fmt.Errorf("removed %+v", res)
			}
			return nil
		})
	})
}

// besideSum measures do in each turn, in the store that prepare returns, and
// beside it one sha256sum of all blobs there.
func besideSum(b *testing.B, prepare func() *Store, do func(*Store) error) {
	b.Helper()
	var rival time.Duration
	for b.Loop() {
		b.StopTimer()
		s := prepare()
		blobs, err := filepath.Glob(s.path("blobs", "sha256", "*"))
		must(b, err)
		start := time.Now()
		must(b, exec.CommandContext(context.Background(), "sha256sum", blobs...).Run())
		rival += time.Since(start)
		b.StartTimer()
		must(b, do(s))
	}
	b.ReportMetric(rival.Seconds()/b.Elapsed().Seconds(), "times-sha256sum")
}

// perSecond reports how many small blobs are done in a second.
func perSecond(b *testing.B) {
	b.Helper()
	b.ReportMetric(smallBlobs*float64(b.N)/b.Elapsed().Seconds(), "blobs/s")
}
