package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"banger/cas"
	"banger/core"
	"banger/internal/hint"
	"banger/sdk"
)

func cacheVerifyCommand() *cli.Command {
	return &cli.Command{
		Name:  "verify",
		Usage: "read all of the store, hold it against its digests, and quarantine what is damaged",
		Flags: append(storeFlags(),
			&cli.BoolFlag{Name: "repair", EnvVars: env("repair"), Usage: "drop what refers to what is not there, too"},
		),
		Action: cacheVerify,
	}
}

func cacheVerify(c *cli.Context) error {
	if err := noOperands(c); err != nil {
		return err
	}
	s, err := openSession(c)
	if err != nil {
		return err
	}
	defer s.close()
	v, err := s.engine.Verify(c.Context, c.Bool("repair"))
	s.ui.done()
	if err != nil {
		return err
	}
	if c.Bool("json") {
		err = printJSON(c, verifyJSON(v))
	} else {
		err = printFindings(c.App.Writer, v.Findings)
	}
	return errors.Join(err, verdict(v, c.Bool("repair"), s.ui))
}

// verdict is the error of a store that was not sound; what is, is said.
func verdict(v *core.Verified, repair bool, u *ui) error {
	counts := make(map[cas.Verdict]int)
	kept := 0
	for _, f := range v.Findings {
		counts[f.Verdict]++
		if f.Kept != nil {
			kept++
		}
	}
	what := fmt.Sprintf("%d objects, %s", v.Objects, bytesText(v.Bytes))
	if len(v.Findings) == 0 {
		u.Log(sdk.LogInfo, "verified "+what+": all sound")
		return nil
	}
	err := fmt.Errorf("%w: of %s, %d damaged, %d dangling, %d unchecked", core.ErrDamage, what,
		counts[cas.Damaged], counts[cas.Dangling], counts[cas.Unchecked])
	switch {
	case kept > 0:
		return hint.With(err, "run it as a user who may write to the store")
	case counts[cas.Unchecked] > 0:
		return hint.With(err, "run it as a user who may read all of the store")
	case counts[cas.Damaged] > 0 || repair:
		return hint.With(err, "nothing needs to be done: what was found counts as absent, and is fetched or built again when it is needed")
	}
	return hint.With(err, "drop what dangles with --repair, or leave it: it counts as absent")
}

// printFindings prints a line each: what, which, why, whose and what became
// of it.
func printFindings(w io.Writer, findings []core.Finding) error {
	bw := bufio.NewWriter(w)
	for _, f := range findings {
		line := fmt.Sprintf("%s %s", f.Verdict, f.Kind)
		if f.Digest != "" {
			line += " " + f.Digest.String()
		}
		if len(f.Images) > 0 {
			line += " of " + strings.Join(f.Images, ", ")
		}
		fmt.Fprintf(bw, "%s: %s: %s\n", printable(line), printable(f.Err.Error()), outcome(f))
	}
	if err := bw.Flush(); err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	return nil
}

func outcome(f core.Finding) string {
	switch {
	case f.Kept != nil:
		return "stays: " + printable(f.Kept.Error())
	case f.Mended && f.Verdict == cas.Damaged:
		return "quarantined"
	case f.Mended:
		return "dropped"
	}
	return "stays"
}

// verifyOutput is what cache verify --json prints.
type verifyOutput struct {
	Objects  int64           `json:"objects"`
	Bytes    int64           `json:"bytes"`
	Findings []findingOutput `json:"findings"`
}

type findingOutput struct {
	Verdict cas.Verdict `json:"verdict"`
	Kind    string      `json:"kind"`
	Digest  string      `json:"digest,omitempty"`
	Images  []string    `json:"images"`
	Why     string      `json:"why"`
	Mended  bool        `json:"mended"`
	Kept    string      `json:"kept,omitempty"` // why it is not mended
}

func verifyJSON(v *core.Verified) verifyOutput {
	out := verifyOutput{Objects: v.Objects, Bytes: v.Bytes, Findings: []findingOutput{}}
	for _, f := range v.Findings {
		o := findingOutput{
			Verdict: f.Verdict, Kind: f.Kind, Digest: f.Digest.String(), Images: append([]string{}, f.Images...),
			Why: f.Err.Error(), Mended: f.Mended,
		}
		if f.Kept != nil {
			o.Kept = f.Kept.Error()
		}
		out.Findings = append(out.Findings, o)
	}
	return out
}
