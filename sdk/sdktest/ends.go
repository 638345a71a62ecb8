package sdktest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// equalBytes builds twice, in different directories and at different times.
func equalBytes(ctx context.Context, k *kit) error {
	if !k.description.Deterministic {
		return skip{why: "it says itself that equal input gives other bytes"}
	}
	first := make([]string, len(goldens))
	var err error
	for i, g := range goldens {
		if first[i], err = k.image(ctx, g); err != nil {
			return err
		}
	}
	time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second))) // a clock in an image has gone on
	for i, g := range goldens {
		second, err := k.image(ctx, g)
		if err != nil {
			return err
		}
		if at, err := difference(first[i], second); err != nil {
			return err
		} else if at >= 0 {
			return fmt.Errorf("two images of the tree %s differ, first at byte %d: is there a clock, a random number, the order of a map, or a path in it?", g.name, at)
		}
	}
	return nil
}

func (k *kit) image(ctx context.Context, g golden) (string, error) {
	j, err := k.newJob(ctx, g, nil)
	if err != nil {
		return "", err
	}
	return j.req.Output, k.run(ctx, j)
}

// difference returns the first byte in which two files differ, -1 for none.
func difference(a, b string) (int64, error) {
	f, err := os.Open(a)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	g, err := os.Open(b)
	if err != nil {
		return 0, err
	}
	defer g.Close()
	x, y := make([]byte, 1<<20), make([]byte, 1<<20)
	for at := int64(0); ; {
		n, errX := io.ReadFull(f, x)
		m, errY := io.ReadFull(g, y)
		for i := range min(n, m) {
			if x[i] != y[i] {
				return at + int64(i), nil
			}
		}
		if n != m {
			return at + int64(min(n, m)), nil
		}
		if errX != nil || errY != nil {
			return -1, nil //nolint:nilerr // both are at their ends
		}
		at += int64(n)
	}
}

var errEnough = errors.New("the conformance kit cancels this build")

// cancelled ends the context of builds: as soon as the builder says something,
// and after some parts of the time that a build takes.
func cancelled(ctx context.Context, k *kit) error {
	start := time.Now()
	if _, err := k.image(ctx, goldens[len(goldens)-1]); err != nil {
		return err
	}
	whole, inTime := time.Since(start), false
	for _, tenths := range []time.Duration{9, 7, 5, 3, 1} {
		done, err := k.cancelAfter(ctx, whole*tenths/10)
		if err != nil {
			return err
		}
		inTime = inTime || done
	}
	if !inTime {
		return skip{why: "it was done before it could be cancelled"}
	}
	return nil
}

// cancelAfter reports whether the cancel came in time.
func (k *kit) cancelAfter(ctx context.Context, delay time.Duration) (bool, error) {
	j, err := k.newJob(ctx, goldens[len(goldens)-1], nil)
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var once sync.Once
	enough := func() { once.Do(func() { cancel(errEnough) }) }
	j.onEvent = enough
	timer := time.AfterFunc(delay, enough)
	defer timer.Stop()
	err = k.run(ctx, j)
	switch {
	case context.Cause(ctx) == nil:
		return false, err // done, or failed by itself
	case err == nil:
		return false, nil
	case errors.Is(err, errIgnored) || crashed(err):
		return true, err
	}
	return true, nil
}

// tinyDisk is the size of the filesystem that is too small, in bytes.
const tinyDisk = 1 << 20

// diskFull has the image written to a filesystem without the room for it.
func diskFull(ctx context.Context, k *kit) error {
	j, err := k.newJob(ctx, goldens[len(goldens)-1], nil)
	if err != nil {
		return err
	}
	dir := filepath.Dir(j.req.Output)
	if err := mountTiny(dir); err != nil {
		return skip{"a small filesystem can be mounted by root only, on Linux", true}
	}
	err = k.run(ctx, j)
	size, sizeErr := content(j.req.Output)
	err = errors.Join(err, unmountTiny(dir))
	switch {
	case err == nil && sizeErr == nil && size >= tinyDisk/2:
		return fmt.Errorf("it reported success, and has written %d bytes of a tree with %d to a full disk", size, largeSize)
	case err != nil && crashed(err):
		return err
	case err == nil:
		return skip{why: "its image of 16 MiB of data fits into 1 MiB"}
	}
	return nil
}

// content returns how many bytes of a file are not zero.
func content(path string) (int, error) {
	b, err := os.ReadFile(path)
	return len(b) - bytes.Count(b, []byte{0}), err
}
