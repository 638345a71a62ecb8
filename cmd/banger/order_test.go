package main

import (
	"io"
	"os"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// TestOrderHasAll wants every command that takes flags in the script of both
// orders, at least twice.
func TestOrderHasAll(t *testing.T) {
	script, err := os.ReadFile("testdata/script/order.txtar")
	must(t, err)
	var walk func(path string, c *cli.Command)
	walk = func(path string, c *cli.Command) {
		path += c.Name
		for _, sub := range c.Subcommands {
			walk(path+" ", sub)
		}
		if c.Hidden || len(c.Flags) == 0 {
			return
		}
		n := 0
		for line := range strings.Lines(string(script)) {
			words := strings.Join(strings.Fields(strings.ReplaceAll(strings.ReplaceAll(line, "--json ", ""), "exec banger ", "")), " ")
			if strings.HasPrefix(words+" ", path+" ") {
				n++
			}
		}
		if n < 2 {
			t.Errorf("banger %s stands there %d times", path, n)
		}
	}
	for _, c := range newApp(io.Discard, io.Discard).Commands {
		walk("", c)
	}
}
