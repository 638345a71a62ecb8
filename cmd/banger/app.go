package main

import (
	"context"
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"banger/core"
)

// run is the whole program but for signals and the exit itself.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	app := newApp(stdout, stderr)
	if len(args) > 1 && args[1] == completeName {
		complete(ctx, app, args[2:])
		return exitOK
	}
	args, err := arrange(app, args)
	if err == nil {
		err = app.RunContext(ctx, args)
	}
	if err != nil {
		report(ctx, stderr, err)
	}
	return exitCode(ctx, err)
}

func newApp(stdout, stderr io.Writer) *cli.App {
	app := &cli.App{
		Name:      "banger",
		Usage:     "turn OCI images into filesystem images that microVMs boot",
		UsageText: "banger COMMAND [flags] [IMAGE]",
		Version:   version(),
		Commands: []*cli.Command{
			buildCommand(),
			planCommand(),
			pullCommand(),
			treeCommand(),
			exportCommand(),
			verifyCommand(),
			diffCommand(),
			cacheCommand(),
			inspectCommand(),
			buildersCommand(),
			doctorCommand(),
			envCommand(),
			completionCommand(),
			manCommand(),
			versionCommand(),
			serveCommand(),
		},
		Writer:      stdout,
		ErrWriter:   stderr,
		Metadata:    make(map[string]any),
		HideVersion: true,
		// A comma in --opt or --plugin-dir is part of the value.
		DisableSliceFlagSeparator: true,
		HideHelpCommand:           false,
		ExitErrHandler:            func(*cli.Context, error) {}, // run reports and decides the code
		OnUsageError:              asUsageError,
		Action: func(c *cli.Context) error {
			return cli.ShowAppHelp(c)
		},
	}
	for _, c := range app.Commands {
		settle(c)
	}
	return app
}

// settle gives a command and those below it what all of them share.
func settle(c *cli.Command) {
	c.OnUsageError = asUsageError
	c.HideHelpCommand = true
	for _, sub := range c.Subcommands {
		settle(sub)
	}
}

func asUsageError(_ *cli.Context, err error, _ bool) error {
	return usagef("%s", err)
}

// operand returns the one operand that a command takes.
func operand(c *cli.Context, what string) (string, error) {
	switch c.NArg() {
	case 1:
		return c.Args().First(), nil
	case 0:
		return "", usagef("%s needs %s; see %s --help", c.Command.HelpName, what, c.Command.HelpName)
	}
	return "", usagef("%s takes one %s, not %d: %q", c.Command.HelpName, what, c.NArg(), c.Args().Slice())
}

// operandImages returns the two operands that a command takes as images.
func operandImages(c *cli.Context, what string) (images [2]core.Image, err error) {
	if c.NArg() != len(images) {
		return images, usagef("%s needs %s; see %s --help", c.Command.HelpName, what, c.Command.HelpName)
	}
	for i := range images {
		if images[i], err = imageNamed(c, c.Args().Get(i)); err != nil {
			return images, err
		}
	}
	return images, nil
}

func noOperands(c *cli.Context) error {
	if c.NArg() > 0 {
		return usagef("%s takes no operand: %q", c.Command.HelpName, c.Args().First())
	}
	return nil
}

func printLine(w io.Writer, args ...any) error {
	_, err := fmt.Fprintln(w, args...)
	if err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	return nil
}
