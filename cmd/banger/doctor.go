package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"banger/core/host"
	"banger/internal/hint"
)

func doctorCommand() *cli.Command {
	return &cli.Command{
		Name:  "doctor",
		Usage: "check this host, and say what to do where something is amiss",
		Description: "Each check is a PASS, a WARN (banger works, and something could be better) or a FAIL. With any\n" +
			"FAIL the exit code is not 0. Nothing is changed.",
		Flags:  append(storeFlags(), pluginFlags()...),
		Action: doctor,
	}
}

// state is how a check came out.
type state string

const (
	pass state = "PASS"
	warn state = "WARN"
	fail state = "FAIL"
)

// check is one check as doctor --json prints it.
type check struct {
	Name  string   `json:"name"`
	State state    `json:"state"`
	Found string   `json:"found"`
	Fix   string   `json:"fix,omitempty"`
	Notes []string `json:"notes"` // more of what was found, for people

	kind error // of a FAIL: decides the exit code
}

// checks are what doctor looks at, in this order.
var checks = []func(ctx context.Context, c *cli.Context) []check{
	checkTools, checkBuilders, checkStore, checkUser, checkCredentials,
}

func doctor(c *cli.Context) error {
	if err := noOperands(c); err != nil {
		return err
	}
	all := []check{}
	for _, look := range checks {
		for _, found := range look(c.Context, c) {
			found.Notes = append([]string{}, found.Notes...)
			all = append(all, found)
		}
	}
	var err error
	if c.Bool("json") {
		err = printJSON(c, map[string]any{"checks": all})
	} else {
		err = checksText(c.App.Writer, all)
	}
	return errors.Join(err, c.Err(), verdictOf(all))
}

func checksText(out io.Writer, all []check) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, k := range all {
		fmt.Fprintf(w, "%s\t%s\t%s\n", k.State, printable(k.Name), printable(k.Found))
		for _, n := range k.Notes {
			fmt.Fprintf(w, "\t\t%s\n", printable(n))
		}
		if k.Fix != "" {
			fmt.Fprintf(w, "\t\tfix: %s\n", printable(k.Fix))
		}
	}
	return w.Flush()
}

// verdictOf is the first failure, as an error.
func verdictOf(all []check) error {
	for _, k := range all {
		if k.State == fail {
			return hint.With(amiss{k}, k.Fix)
		}
	}
	return nil
}

// amiss is a check that failed. Its kind is not told, which what was found
// says better.
type amiss struct{ check }

func (a amiss) Error() string { return a.Name + ": " + a.Found }

func (a amiss) Unwrap() error { return a.kind }

// failed makes a FAIL of an error.
func failed(name string, err, kind error) check {
	k := check{Name: name, State: fail, Found: err.Error(), Fix: hint.Of(err), kind: kind}
	if k.Fix == "" {
		k.Fix = "see the message"
	}
	return k
}

func checkBuilders(ctx context.Context, c *cli.Context) []check {
	h, err := newHost(c, nil)
	if err != nil {
		return []check{failed("builders", err, host.ErrBuilder)}
	}
	found, problems := h.List(ctx)
	var all []check
	for _, b := range found {
		k := check{Name: "builder " + b.Name, State: pass, Found: b.Description.Version + ", " + from(b)}
		if len(b.Shadowed) > 0 {
			k.State, k.Notes = warn, append(k.Notes, b.Shadowed...)
			k.Found += ", hides the builder of that name at:"
			k.Fix = "remove one of them, or give it another name"
		}
		all = append(all, k)
	}
	for _, err := range problems {
		k := failed("builders", err, host.ErrBuilder)
		if hint.Of(err) == "" {
			k.Fix = "repair this builder, or remove it from the directory"
		}
		all = append(all, k)
	}
	return all
}
