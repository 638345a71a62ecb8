package main

import (
	"io"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"banger/cas"
)

func cacheCommand() *cli.Command {
	return &cli.Command{
		Name:  "cache",
		Usage: "look after the store",
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return usagef("unknown command %q; see banger cache --help", "cache "+c.Args().First())
			}
			return cli.ShowSubcommandHelp(c)
		},
		Subcommands: []*cli.Command{
			cacheListCommand(),
			cacheUsageCommand(),
			cachePruneCommand(),
			cacheRemoveCommand(),
			cacheVerifyCommand(),
			cacheExplainCommand(),
		},
	}
}

// onStore makes a command without operands of what it sees in the store.
func onStore(do func(c *cli.Context, store *cas.Store) error) cli.ActionFunc {
	return func(c *cli.Context) error {
		if err := noOperands(c); err != nil {
			return err
		}
		store, err := viewStore(c)
		if err != nil {
			return err
		}
		defer func() { _ = store.Close() }()
		return do(c, store)
	}
}

// newTable aligns columns, which are parted by tabs.
func newTable(w io.Writer) *tabwriter.Writer {
	return tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
}
