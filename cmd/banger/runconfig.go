package main

import (
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"banger/cas"
	"banger/core"
)

func configOutFlag() cli.Flag {
	return &cli.StringFlag{Name: "config-out", EnvVars: env("config-out"), Usage: "write how the image wants to be run (entrypoint, environment, user, …) to `FILE`, as JSON"}
}

func embedFlag() cli.Flag {
	return &cli.StringFlag{Name: "embed-config", EnvVars: env("embed-config"), Usage: "put the same JSON into the image, at `PATH` from its root"}
}

// writeRunConfig writes the run config to --config-out.
func writeRunConfig(c *cli.Context, run core.RunConfig) error {
	path := c.String("config-out")
	if path == "" {
		return nil
	}
	b, err := run.Encode()
	if err != nil {
		return err
	}
	err = cas.WriteOutput(c.Context, path, func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	})
	if err != nil {
		return fmt.Errorf("%w: run config: %w", core.ErrOutput, err)
	}
	return nil
}
