package main

import (
	"runtime"
	"runtime/debug"

	"github.com/urfave/cli/v2"

	"banger/sdk"
)

// release is set by the build: -ldflags "-X main.release=v1.2.3".
var release string

// version is the release, or what Go recorded of the source.
func version() string {
	if release != "" {
		return release
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "devel"
	}
	return info.Main.Version
}

func versionCommand() *cli.Command {
	return &cli.Command{
		Name:  "version",
		Usage: "print banger's version",
		Flags: commonFlags(),
		Action: func(c *cli.Context) error {
			if err := noOperands(c); err != nil {
				return err
			}
			if c.Bool("json") {
				return printJSON(c, map[string]any{
					"version": version(), "go": runtime.Version(),
					"platform": runtime.GOOS + "/" + runtime.GOARCH, "builder_protocol": sdk.ProtocolVersion,
				})
			}
			return printLine(c.App.Writer, "banger", version(), runtime.Version(), runtime.GOOS+"/"+runtime.GOARCH)
		},
	}
}
