package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// event is one line of go test -json; see go doc cmd/test2json.
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
}

// key names a test.
type key struct{ pkg, test string }

// reporter turns events into text. It holds the output of a test until the
// test has ended, and drops that of one that passed.
type reporter struct {
	out     io.Writer
	held    map[key][]string
	passed  int
	skipped []string
}

// report reads events to their end and prints: each failed test's output,
// what packages say themselves, and the skipped tests with their reasons.
func report(events io.Reader, out io.Writer) error {
	r := &reporter{out: out, held: map[key][]string{}}
	for d := json.NewDecoder(events); ; {
		var e event
		if err := d.Decode(&e); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return fmt.Errorf("read events of go test: %w", err)
		}
		r.add(e)
	}
	for _, lines := range r.held { // of tests that never ended
		r.print(lines...)
	}
	r.summary()
	return nil
}

func (r *reporter) add(e event) {
	k := key{e.Package, e.Test}
	switch e.Action {
	case "output":
		if e.Test == "" {
			r.packageLine(e.Package, e.Output)
		} else {
			r.held[k] = append(r.held[k], e.Output)
		}
	case "build-output":
		r.print(e.Output)
	case "pass", "fail", "skip":
		if e.Test != "" {
			r.end(k, e.Action)
		}
		delete(r.held, k)
	}
}

// packageLine prints what a package says, but for what go test leaves out when
// it is not verbose: the line "PASS", and how tests were shuffled unless one
// of them fails.
func (r *reporter) packageLine(pkg, line string) {
	k := key{pkg: pkg}
	switch {
	case line == "PASS\n":
	case strings.HasPrefix(line, "-test.shuffle "):
		r.held[k] = []string{line}
	case line == "FAIL\n":
		r.print(append(r.held[k], line)...)
		delete(r.held, k)
	default:
		r.print(line)
	}
}

func (r *reporter) end(k key, action string) {
	switch action {
	case "pass":
		r.passed++
	case "fail":
		r.print(r.held[k]...)
	case "skip":
		r.skipped = append(r.skipped, fmt.Sprintf("%s %s: %s", k.pkg, k.test, reason(r.held[k])))
	}
}

// reason returns what a skipped test said, on one line.
func reason(output []string) string {
	var words []string
	for _, line := range output {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "=== ") && !strings.HasPrefix(line, "--- ") {
			words = append(words, line)
		}
	}
	if len(words) == 0 {
		return "no reason given"
	}
	return strings.Join(words, " ")
}

func (r *reporter) summary() {
	r.print(fmt.Sprintf("%d tests passed, %d were skipped\n", r.passed, len(r.skipped)))
	for _, s := range r.skipped {
		r.print("skipped: " + s + "\n")
	}
}

func (r *reporter) print(lines ...string) {
	for _, line := range lines {
		if !strings.HasPrefix(line, "=== ") {
			_, _ = io.WriteString(r.out, line)
		}
	}
}
