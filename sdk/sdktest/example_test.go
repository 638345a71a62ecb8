package sdktest_test

import (
	"context"
	"errors"
	"fmt"

	"banger/sdk"
	"banger/sdk/sdktest"
)

// A config says which checks to do, and how to look into images; the zero value
// does all of them.
func ExampleConfig() {
	passed, err := sdktest.Run(context.Background(), sdktest.InProcess(good{}), sdktest.Config{Only: []string{"tree/links", "options/good"}}, func(r sdktest.Result) {
		fmt.Println(r)
	})
	fmt.Println(passed, err)
	// Output:
	// ok    describe
	// ok    tools
	// ok    tree/links
	// ok    options/good
	// true <nil>
}

func ExampleResult() {
	fmt.Println(sdktest.Result{Name: "tree/links", Err: errors.New(`lost "bin/two"`)})
	fmt.Println(sdktest.Result{Name: "disk-full", Skipped: "needs root"})
	// Output:
	// FAIL  tree/links: lost "bin/two"
	// skip  disk-full: needs root
}

// slow is a Host around another one.
type slow struct{ sdktest.Host }

// Build implements sdktest.Host.
func (h slow) Build(ctx context.Context, req *sdk.Request) error {
	if o, ok := req.Events.(sdktest.Observer); ok {
		o.Stdout("hello") // what the builder printed where only the protocol should be
	}
	return h.Host.Build(ctx, req)
}

// A host runs the builder that is tested, in whatever way, and tells the kit
// what it sees of it.
func ExampleHost() {
	_, err := sdktest.Run(context.Background(), slow{sdktest.InProcess(good{})}, sdktest.Config{Only: []string{"tree/empty", "stdout"}}, func(r sdktest.Result) {
		fmt.Println(r)
	})
	fmt.Println(err)
	// Output:
	// ok    describe
	// ok    tools
	// ok    tree/empty
	// FAIL  stdout: it printed to standard output, which belongs to the protocol: "hello"
	// <nil>
}

// counting is an Observer.
type counting struct{ lines int }

// Stdout implements sdktest.Observer.
func (c *counting) Stdout(string) { c.lines++ }

// Killed implements sdktest.Observer.
func (c *counting) Killed() { fmt.Println("had to be killed") }

func ExampleObserver() {
	var o sdktest.Observer = &counting{}
	o.Stdout("hello")
	o.Killed()
	// Output: had to be killed
}
