package main

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/urfave/cli/v2"

	"banger/core"
	"banger/core/compare"
)

func verifyCommand() *cli.Command {
	return &cli.Command{
		Name:      "verify",
		Usage:     "read an ext4 image back and hold everything in it against an image; e2fsck looks at it too, where it is installed",
		ArgsUsage: "IMAGE FILE",
		Flags:     append(imageFlags(), ignoreFlag()),
		Action:    verify,
	}
}

func diffCommand() *cli.Command {
	return &cli.Command{
		Name:      "diff",
		Usage:     "compare two of ext4 images, tree files (of banger tree --format proto), and images: a FILE that is there, or else an IMAGE",
		ArgsUsage: "A B",
		Flags:     append(imageFlags(), ignoreFlag()),
		Action:    diff,
	}
}

func ignoreFlag() cli.Flag {
	return &cli.StringSliceFlag{
		Name: "ignore", EnvVars: env("ignore"),
		Usage: "`WHAT` does not count: " + strings.Join(compare.Fields, ", ") + ", xattr:NAME, or a /PATH with all below it, / for itself alone; may be given again",
	}
}

func ignored(c *cli.Context) (compare.Options, error) {
	var o compare.Options
	for _, s := range c.StringSlice("ignore") {
		if !strings.HasPrefix(s, "/") && !strings.HasPrefix(s, compare.Xattr+":") && !slices.Contains(compare.Fields, s) {
			return o, usagef("--ignore takes %s, xattr:NAME or a /PATH, not %q", strings.Join(compare.Fields, ", "), s)
		}
		o.Ignore = append(o.Ignore, s)
	}
	return o, nil
}

func verify(c *cli.Context) error {
	images, err := operandImages(c, "IMAGE FILE")
	if err != nil {
		return err
	}
	o := core.VerifyImageOptions{Image: images[0], File: images[1].Ref, E2fsck: findTool("e2fsck")}
	if o.Options, err = ignored(c); err != nil {
		return err
	}
	v, err := answer(c, openSession, func(e *core.Engine) (*core.VerifiedImage, error) { return e.VerifyImage(c.Context, o) })
	if err != nil && !errors.Is(err, core.ErrDifferent) {
		return err
	}
	return errors.Join(printVerified(c, o, v), err)
}

// verifiedJSON is what verify --json prints.
type verifiedJSON struct {
	Image       string           `json:"image"`
	Manifest    digest.Digest    `json:"manifest"`
	File        string           `json:"file"`
	Paths       int              `json:"paths"`
	Differences []map[string]any `json:"differences"`
	E2fsck      string           `json:"e2fsck"` // "clean", "not installed", or what it said
}

func printVerified(c *cli.Context, o core.VerifyImageOptions, v *core.VerifiedImage) error {
	said := v.Fsck
	switch {
	case o.E2fsck == "":
		said = "not installed"
	case said == "":
		said = "clean"
	}
	if c.Bool("json") {
		return printJSON(c, verifiedJSON{v.Ref, v.Manifest, o.File, v.Entries, differencesJSON(v.Differences), said})
	}
	if err := printDifferences(c, v.Differences); err != nil {
		return err
	}
	if v.Fsck != "" {
		return printLine(c.App.Writer, "e2fsck: "+printable(v.Fsck))
	}
	if len(v.Differences) > 0 {
		return nil
	}
	return printLine(c.App.Writer, fmt.Sprintf("%s: %d paths as in %s, e2fsck: %s", printable(o.File), v.Entries, printable(v.Ref), said))
}

func diff(c *cli.Context) error {
	images, err := operandImages(c, "A B")
	if err != nil {
		return err
	}
	o, err := ignored(c)
	if err != nil {
		return err
	}
	list, err := answer(c, openSession, func(e *core.Engine) ([]compare.Difference, error) { return e.Diff(c.Context, images[0], images[1], o) })
	if err != nil && !errors.Is(err, core.ErrDifferent) {
		return err
	}
	if c.Bool("json") {
		return errors.Join(printJSON(c, struct {
			Differences []map[string]any `json:"differences"`
		}{differencesJSON(list)}), err)
	}
	return errors.Join(printDifferences(c, list), err)
}

func differencesJSON(list []compare.Difference) []map[string]any {
	out := make([]map[string]any, len(list))
	for i, d := range list {
		out[i] = rawStrings(map[string]string{"path": d.Path, "field": d.Field, "want": d.Want, "got": d.Got})
	}
	return out
}

func printDifferences(c *cli.Context, list []compare.Difference) error {
	for _, d := range list {
		if err := printLine(c.App.Writer, d.String()); err != nil {
			return err
		}
	}
	return nil
}

// findTool returns where a tool of the host is, "" if it is not there.
func findTool(name string) string {
	for _, dir := range filepath.SplitList(toolPath()) {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil && filepath.IsAbs(path) {
			return path
		}
	}
	return ""
}
