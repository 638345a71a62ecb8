package main

import (
	"bufio"
	"io"

	"github.com/urfave/cli/v2"

	"banger/core"
	"banger/core/listing"
	"banger/sdk/tree"
)

func treeCommand() *cli.Command {
	return &cli.Command{
		Name:      "tree",
		Usage:     "list an image's flattened tree",
		ArgsUsage: "IMAGE",
		Flags: append(imageFlags(),
			embedFlag(),
			&cli.StringFlag{Name: "format", Aliases: []string{"f"}, EnvVars: env("format"), Value: "text", Usage: "text, json or mtree; or proto, the tree file that banger diff takes"},
		),
		Action: listTree,
	}
}

// treeFormats are the ways to list a tree.
var treeFormats = map[string]func(io.Writer, *tree.Tree) error{
	"text":  listing.Text,
	"json":  listing.JSON,
	"mtree": listing.Mtree,
	"proto": writeTree,
}

// writeTree writes the tree file; see sdk/proto/tree.proto.
func writeTree(w io.Writer, t *tree.Tree) error {
	_, err := t.WriteTo(w)
	return err
}

func listTree(c *cli.Context) error {
	im, err := imageOf(c)
	if err != nil {
		return err
	}
	name := c.String("format")
	if c.Bool("json") {
		if given(c, "format") && name != "json" {
			return usagef("--json and --format %s contradict each other", name)
		}
		name = "json"
	}
	format, ok := treeFormats[name]
	if !ok {
		return usagef("--format is text, json, mtree or proto, not %q", name)
	}
	if name == "proto" && isTerminal(c.App.Writer) {
		return usagef("refusing to write a tree file to a terminal; redirect it")
	}
	t, err := answer(c, openSession, func(e *core.Engine) (*tree.Tree, error) {
		t, _, err := e.Tree(c.Context, im)
		return t, err
	})
	if err != nil {
		return err
	}
	w := bufio.NewWriter(c.App.Writer)
	if err := format(w, t); err != nil {
		return err
	}
	return w.Flush()
}
