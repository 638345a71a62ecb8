// Command bench times whole banger commands against what people would run
// without banger, side by side on this machine, and prints the ratios.
//
// The commands take turns, so that both meet the same machine; the figures
// are medians of wall time. Page caches are warm. It exits 9 when a ratio or
// a peak of memory is over its limit.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
)

// errOverLimit means that everything ran, and something was too slow or big.
var errOverLimit = errors.New("over a limit")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var s setup
	flag.StringVar(&s.banger, "banger", "bin/banger", "banger's `executable`")
	flag.StringVar(&s.layout, "layout", "build/debian-oci", "OCI layout `directory` of the image that is built, tag latest")
	flag.StringVar(&s.images, "images", "build/bench", "`directory` of the images that test/debian/mkbench makes")
	scratch := flag.String("scratch", "build", "`directory` for stores and images, removed at the end")
	flag.StringVar(&s.only, "only", "", "hold only the contests whose names have this `text`")
	flag.IntVar(&s.turns, "n", 5, "how often each command runs")
	plain := flag.String("gunzip", "", "decompress the largest layer of the OCI layout `DIR` and do nothing else: the measure of a pull")
	flag.Parse()

	err := error(nil)
	if *plain != "" {
		err = gunzip(*plain)
	} else {
		err = run(ctx, s, *scratch, os.Stdout)
	}
	if errors.Is(err, errOverLimit) {
		os.Exit(9)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, s setup, scratch string, out io.Writer) error {
	if s.turns < 1 {
		return errors.New("nothing runs less than once")
	}
	if _, err := os.Stat(filepath.Join(s.layout, "index.json")); err != nil {
		return fmt.Errorf("find image (make fixtures makes it): %w", err)
	}
	im, err := readImage(s.layout)
	if err != nil {
		return fmt.Errorf("read image: %w", err)
	}
	if s.registry, err = im.serve(ctx); err != nil {
		return err
	}
	if s.self, err = os.Executable(); err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	dir, err := os.MkdirTemp(scratch, "bench-")
	if err != nil {
		return fmt.Errorf("make scratch directory: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	s.dir = dir
	return s.hold(ctx, s.contests(), out)
}

// hold holds the contests and prints how they end.
func (s setup) hold(ctx context.Context, contests []contest, out io.Writer) error {
	over := false
	for _, c := range contests {
		if !strings.Contains(c.name, s.only) {
			continue
		}
		r, err := c.run(ctx, s.turns)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		if _, err := fmt.Fprintln(out, r); err != nil {
			return fmt.Errorf("print result: %w", err)
		}
		over = over || r.over()
	}
	if over {
		return errOverLimit
	}
	return nil
}
