package main

import (
	"regexp"
	"slices"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"

	"banger/internal/registrytest"
)

// registryKey is where a script keeps its registry.
type registryKey struct{}

// setupRegistry gives a script a registry of its own, $REG.
func setupRegistry(e *testscript.Env) {
	fake := registrytest.NewFake()
	e.Defer(fake.Close)
	e.Values[registryKey{}] = fake
	e.Setenv("REG", fake.Host())
}

func registryOf(ts *testscript.TestScript) *registrytest.Fake {
	return ts.Value(registryKey{}).(*registrytest.Fake)
}

// serveImage has the script's registry serve an OCI layout: serve REPOSITORY DIR.
func serveImage(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: serve REPOSITORY DIR")
	}
	registryOf(ts).Add(args[0], ts.MkAbs(args[1]))
}

// breakRegistry gives the script's registry a fault: break [FAULT].
func breakRegistry(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 1 {
		ts.Fatalf("usage: break [FAULT]")
	}
	ts.Check(registryOf(ts).Break(append(args, "")[0]))
}

// requests checks how many requests since the last check match a pattern:
// requests COUNT PATTERN.
func requests(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: requests COUNT PATTERN")
	}
	pattern, err := regexp.Compile(args[1])
	ts.Check(err)
	log := registryOf(ts).Requests()
	matching := slices.DeleteFunc(slices.Clone(log), func(line string) bool { return !pattern.MatchString(line) })
	if strconv.Itoa(len(matching)) != args[0] {
		ts.Fatalf("%d requests match, want %s: %q", len(matching), args[0], log)
	}
}
