package main

import (
	"os"

	"github.com/urfave/cli/v2"
)

func inspectCommand() *cli.Command {
	return &cli.Command{
		Name:      "inspect",
		Usage:     "say what an image is and where its bytes are, or what made a file",
		ArgsUsage: "IMAGE|FILE",
		Description: "A regular file of that name is what is meant; an image that is called like a file in the\n" +
			"current directory can be named docker://IMAGE.",
		Flags: append(imageFlags(),
			&cli.IntFlag{Name: "top", EnvVars: env("top"), Value: 10, Usage: "how many of the largest files to list"},
		),
		Action: inspect,
	}
}

func inspect(c *cli.Context) error {
	name, err := operand(c, "IMAGE or FILE")
	if err != nil {
		return err
	}
	if c.Int("top") < 0 {
		return usagef("--top %d is negative", c.Int("top"))
	}
	if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() {
		return inspectFile(c, name)
	}
	return inspectImage(c)
}
