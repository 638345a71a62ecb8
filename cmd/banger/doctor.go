package main

import (
	"errors"
	"fmt"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"banger/core/host"
	"banger/internal/hint"
	mkfse2fs "banger/plugins/mkfs-e2fs"
)

func doctorCommand() *cli.Command {
	return &cli.Command{
		Name:   "doctor",
		Usage:  "check the tools of this host and say what they can do",
		Flags:  commonFlags(),
		Action: doctor,
	}
}

// doctorOutput is what doctor --json prints.
type doctorOutput struct {
	Tools []checkOutput `json:"tools"`
}

// checkOutput is one tool as it was found.
type checkOutput struct {
	toolOutput
	Can    []string `json:"can"`
	Cannot []string `json:"cannot"`
}

func doctor(c *cli.Context) error {
	if err := noOperands(c); err != nil {
		return err
	}
	var out doctorOutput
	var missing error
	for _, f := range mkfse2fs.Check(c.Context) {
		out.Tools = append(out.Tools, checkOutput{toolOutput(f.Tool), append([]string{}, f.Can...), append([]string{}, f.Cannot...)})
		if f.Path == "" && missing == nil {
			missing = hint.With(fmt.Errorf("%s: %w", f.Name, host.ErrToolMissing), f.Hint)
		}
	}
	if c.Bool("json") {
		return errors.Join(printJSON(c, out), missing)
	}
	w := tabwriter.NewWriter(c.App.Writer, 0, 0, 2, ' ', 0)
	for _, t := range out.Tools {
		state, version := "ok", t.Version
		if t.Path == "" {
			state, version = "MISSING", t.Hint
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", t.Name, state, printable(version), printable(t.Path))
		for _, s := range t.Can {
			fmt.Fprintf(w, "\t+ %s\n", s)
		}
		for _, s := range t.Cannot {
			fmt.Fprintf(w, "\t- %s\n", s)
		}
	}
	return errors.Join(w.Flush(), missing)
}
