package main

import (
	"github.com/urfave/cli/v2"

	"banger/cas"
	"banger/core"
)

func cacheRemoveCommand() *cli.Command {
	return &cli.Command{
		Name:      "rm",
		Aliases:   []string{"remove"},
		Usage:     "remove a build or an image, with what only it needs",
		ArgsUsage: "IMAGE|DIGEST",
		Description: "DIGEST is that of a manifest, an artifact or an action, as banger cache ls prints it; its first 8 hex digits or more will do. " +
			"An IMAGE goes with everything that was built from it under that name.",
		Flags:  removalFlags(),
		Action: removeCached,
	}
}

func removeCached(c *cli.Context) error {
	target, err := operand(c, "IMAGE or DIGEST")
	if err != nil {
		return err
	}
	return remove(c, cas.GCOptions{DryRun: c.Bool("dry-run")}, func(store *cas.Store, o cas.GCOptions) (cas.GCResult, error) {
		return core.RemoveCached(c.Context, store, target, o)
	})
}
