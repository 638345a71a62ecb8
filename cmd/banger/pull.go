package main

import (
	"github.com/urfave/cli/v2"
)

func pullCommand() *cli.Command {
	return &cli.Command{
		Name:      "pull",
		Usage:     "bring an image into the store and print its manifest digest",
		ArgsUsage: "IMAGE",
		Flags:     append(imageFlags(), configOutFlag(), cacheLimitFlag()),
		Action:    pull,
	}
}

func pull(c *cli.Context) error {
	im, err := imageOf(c)
	if err != nil {
		return err
	}
	limit, err := cacheLimit(c)
	if err != nil {
		return err
	}
	if err := checkPlaces(c, "config-out"); err != nil {
		return err
	}
	s, err := openSession(c)
	if err != nil {
		return err
	}
	defer s.close()
	p, err := s.engine.Pull(c.Context, im)
	s.ui.done()
	if err == nil {
		err = writeRunConfig(c, p.Run)
	}
	if err != nil {
		return err
	}
	s.keepWithin(c.Context, limit)
	if c.Bool("json") {
		return printJSON(c, p)
	}
	return printLine(c.App.Writer, p.Manifest)
}
