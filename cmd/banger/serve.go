package main

import (
	"github.com/urfave/cli/v2"

	mkfsdebugfs "banger/plugins/mkfs-debugfs"
	mkfse2fs "banger/plugins/mkfs-e2fs"
	mkfserofs "banger/plugins/mkfs-erofs"
	mkfsext4 "banger/plugins/mkfs-ext4"
	mkfssquashfs "banger/plugins/mkfs-squashfs"
	"banger/plugins/tar"
	"banger/sdk"
)

// bundledBuilders are the builders that this binary serves itself, as a
// process of its own and through the same protocol as any other.
var bundledBuilders = map[string]func() sdk.Builder{
	"e2fs":     mkfse2fs.New,
	"debugfs":  mkfsdebugfs.New,
	"ext4":     mkfsext4.New,
	"erofs":    mkfserofs.New,
	"squashfs": mkfssquashfs.New,
	"tar":      tar.New,
}

// serveName is the hidden command that makes this process a builder.
const serveName = "builder-serve"

func serveCommand() *cli.Command {
	return &cli.Command{
		Name:   serveName,
		Usage:  "serve a bundled builder; banger starts this itself",
		Hidden: true,
		Action: func(c *cli.Context) error {
			name, err := operand(c, "NAME")
			if err != nil {
				return err
			}
			b, ok := bundledBuilders[name]
			if !ok {
				return usagef("no bundled builder %q", name)
			}
			sdk.Main(b())
			return nil
		},
	}
}
