package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// side is one of the two commands of a contest.
type side struct {
	name string
	args []string
}

// contest is a command of ours against a rival's.
type contest struct {
	name        string
	ours, rival side
	image       string                          // OCI layout that mkbench makes and this needs; "" for none
	before      func(ctx context.Context) error // before the first turn; may be nil
	prepare     func() error                    // before each turn
	teardown    func() error                    // at the end, whatever that is; may be nil
	limit       float64                         // of our time, in rival's times; 0 for no limit
	overhead    time.Duration                   // of our time over rival's; 0 for no limit
	peakMiB     float64                         // of our memory; 0 for no limit
}

// sample is one run of a command.
type sample struct {
	wall time.Duration
	peak int64 // bytes of the largest process of the command
}

// result is what a contest came to.
type result struct {
	contest
	us, them []sample
}

// run gives both sides their turns, ours first in each.
func (c contest) run(ctx context.Context, turns int) (r result, err error) {
	r.contest = c
	if c.image != "" {
		if _, err := readImage(c.image); err != nil {
			return r, fmt.Errorf("find image (test/debian/mkbench makes it): %w", err)
		}
	}
	if c.teardown != nil {
		defer func() { err = errors.Join(err, c.teardown()) }()
	}
	if c.before != nil {
		if err := c.before(ctx); err != nil {
			return r, err
		}
	}
	for range turns {
		if err := c.prepare(); err != nil {
			return r, err
		}
		us, err := measure(ctx, c.ours.args)
		if err != nil {
			return r, err
		}
		them, err := measure(ctx, c.rival.args)
		if err != nil {
			return r, err
		}
		r.us, r.them = append(r.us, us), append(r.them, them)
	}
	return r, nil
}

// measure runs one command to its end.
func measure(ctx context.Context, args []string) (sample, error) {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	start := time.Now()
	out, err := cmd.CombinedOutput()
	wall := time.Since(start)
	if err != nil {
		return sample{}, fmt.Errorf("run %s: %w: %s", args[0], err, out)
	}
	s := sample{wall: wall}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		s.peak = usage.Maxrss << 10 // getrusage(2) counts kilobytes
	}
	return s, nil
}

func median(samples []sample) time.Duration {
	var walls []time.Duration
	for _, s := range samples {
		walls = append(walls, s.wall)
	}
	slices.Sort(walls)
	return walls[len(walls)/2]
}

func (r result) ratio() float64 { return float64(median(r.us)) / float64(median(r.them)) }

func (r result) peak() float64 {
	var most int64
	for _, s := range r.us {
		most = max(most, s.peak)
	}
	return float64(most) / (1 << 20)
}

func (r result) extra() time.Duration { return median(r.us) - median(r.them) }

func (r result) over() bool {
	return r.limit > 0 && r.ratio() > r.limit || r.overhead > 0 && r.extra() > r.overhead ||
		r.peakMiB > 0 && r.peak() > r.peakMiB
}

// findings are the figures that have a limit, each with it.
func (r result) findings() string {
	var all []string
	if r.limit > 0 {
		all = append(all, fmt.Sprintf("ratio %.2f (limit %.2f)", r.ratio(), r.limit))
	}
	if r.overhead > 0 {
		all = append(all, fmt.Sprintf("overhead %.0f ms (limit %.0f)", r.extra().Seconds()*1000, r.overhead.Seconds()*1000))
	}
	if r.peakMiB > 0 {
		all = append(all, fmt.Sprintf("peak memory %.0f MiB (limit %.0f)", r.peak(), r.peakMiB))
	}
	return strings.Join(all, ", ")
}

// String returns the result in three lines.
func (r result) String() string {
	verdict := "ok"
	if r.over() {
		verdict = "OVER"
	}
	return fmt.Sprintf("%s: %s: %s\n%s\n%s", r.name, r.findings(), verdict, line(r.ours.name, r.us), line(r.rival.name, r.them))
}

func line(name string, samples []sample) string {
	least, most := samples[0].wall, samples[0].wall
	for _, s := range samples {
		least, most = min(least, s.wall), max(most, s.wall)
	}
	return fmt.Sprintf("  %-28s median %7.3f s, %.3f to %.3f, of %d", name, median(samples).Seconds(), least.Seconds(), most.Seconds(), len(samples))
}
