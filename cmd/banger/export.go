package main

import (
	"bufio"
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"banger/cas"
	"banger/core"
)

func exportCommand() *cli.Command {
	return &cli.Command{
		Name:      "export",
		Usage:     "write an image's flattened tar",
		ArgsUsage: "IMAGE",
		Flags: append(imageFlags(),
			embedFlag(),
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, EnvVars: env("export-output"), Value: "-", Usage: "`FILE` for the tar, or - for standard output"},
		),
		Action: export,
	}
}

func export(c *cli.Context) error {
	im, err := imageOf(c)
	if err != nil {
		return err
	}
	if err := checkNamed(c, "output"); err != nil {
		return err
	}
	path := c.String("output")
	if path == "-" && isTerminal(c.App.Writer) {
		return usagef("refusing to write a tar to a terminal; use -o FILE or redirect")
	}
	if path == "-" && given(c, "json") {
		return usagef("standard output is the tar: --json needs -o FILE")
	}
	if path != "-" {
		if err := core.CheckOutput(path); err != nil {
			return err
		}
	}
	s, err := openSession(c)
	if err != nil {
		return err
	}
	defer s.close()
	write := func(w io.Writer) error {
		bw := bufio.NewWriterSize(outputWriter{w}, 1<<20)
		if err := s.engine.Export(c.Context, im, bw); err != nil {
			return err
		}
		return bw.Flush()
	}
	if path == "-" {
		return write(c.App.Writer)
	}
	if err := cas.WriteOutput(c.Context, path, write); err != nil {
		return err
	}
	s.ui.done()
	if c.Bool("json") {
		return printJSON(c, map[string]string{"image": im.Ref, "path": path})
	}
	return printLine(c.App.Writer, path)
}

// outputWriter marks its errors as the output's, as distinct from the store's.
type outputWriter struct{ w io.Writer }

func (o outputWriter) Write(p []byte) (int, error) {
	n, err := o.w.Write(p)
	if err != nil {
		err = fmt.Errorf("%w: %w", core.ErrOutput, err)
	}
	return n, err
}
