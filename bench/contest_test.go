package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func walls(seconds ...int) []sample {
	var s []sample
	for _, n := range seconds {
		s = append(s, sample{wall: time.Duration(n) * time.Second, peak: int64(n) << 20})
	}
	return s
}

func TestResult(t *testing.T) {
	us, them := walls(3, 9, 1), walls(4, 2, 100)
	tests := []struct {
		name    string
		contest contest
		over    bool
		says    string
	}{
		{"within", contest{limit: 0.75, peakMiB: 9}, false, "ratio 0.75 (limit 0.75), peak memory 9 MiB (limit 9): ok"},
		{"slow", contest{limit: 0.74}, true, "ratio 0.75 (limit 0.74): OVER"},
		{"late", contest{limit: 1, overhead: time.Nanosecond}, false, "ratio 0.75 (limit 1.00), overhead -1000 ms (limit 0): ok"},
		{"later", contest{overhead: time.Nanosecond, limit: 0.5}, true, "OVER"},
		{"big", contest{limit: 2, peakMiB: 8}, true, "peak memory 9 MiB (limit 8): OVER"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := result{contest: test.contest, us: us, them: them}
			if r.over() != test.over || !strings.Contains(r.String(), test.says) {
				t.Errorf("over %v, want %v and %q:\n%s", r.over(), test.over, test.says, r)
			}
		})
	}
}

func TestContestTakesTurns(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	say := func(word string) []string { return []string{"sh", "-c", "printf '%s ' \"$0\" >>\"$1\"", word, log} }
	c := contest{
		ours: side{"ours", say("ours")}, rival: side{"rival", say("rival")},
		prepare: func() error { return nil }, limit: 1000,
	}
	r, err := c.run(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(log)
	if err != nil || string(got) != "ours rival ours rival " {
		t.Errorf("ran %q, error %v", got, err)
	}
	if r.peak() <= 0 || median(r.us) <= 0 {
		t.Errorf("measured nothing: %s", r)
	}
}

func TestFailingCommandIsTold(t *testing.T) {
	_, err := measure(t.Context(), []string{"sh", "-c", "echo the reason >&2; exit 3"})
	if err == nil || !strings.Contains(err.Error(), "the reason") {
		t.Errorf("error %v does not hold what the command said", err)
	}
	var out bytes.Buffer
	if err := run(t.Context(), setup{layout: t.TempDir(), turns: 1}, t.TempDir(), &out); err == nil || !strings.Contains(err.Error(), "make fixtures") {
		t.Errorf("without an image: %v", err)
	}
}

// TestContestsNeedTheirOwnImages has the images of the larger contests be
// missing: those without them are held all the same, the others say what makes
// the image.
func TestContestsNeedTheirOwnImages(t *testing.T) {
	s := setup{banger: "true", images: t.TempDir(), dir: t.TempDir(), turns: 1, only: "help"}
	var out bytes.Buffer
	if err := s.hold(t.Context(), s.contests(), &out); err != nil || !strings.HasPrefix(out.String(), "help: ") {
		t.Errorf("hold help: error %v, printed %q", err, &out)
	}
	s.only = "small: warm build"
	if err := s.hold(t.Context(), s.contests(), &out); err == nil || !strings.Contains(err.Error(), "test/debian/mkbench") {
		t.Errorf("hold %s without its image: error %v", s.only, err)
	}
}

// TestContestIsPutAway has a contest fail.
func TestContestIsPutAway(t *testing.T) {
	away := false
	c := contest{ours: side{"ours", []string{"false"}}, prepare: nothing, teardown: func() error { away = true; return nil }}
	if _, err := c.run(t.Context(), 1); err == nil || !away {
		t.Errorf("error %v, put away: %v", err, away)
	}
}
