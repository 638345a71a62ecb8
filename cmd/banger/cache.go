package main

import (
	"github.com/urfave/cli/v2"
)

func cacheCommand() *cli.Command {
	return &cli.Command{
		Name:  "cache",
		Usage: "look after the store",
		Subcommands: []*cli.Command{
			cacheVerifyCommand(),
			cacheExplainCommand(),
		},
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return usagef("unknown command %q; see banger cache --help", "cache "+c.Args().First())
			}
			return cli.ShowSubcommandHelp(c)
		},
	}
}
