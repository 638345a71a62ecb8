package main

import (
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"banger/core"
	"banger/sdk"
)

// env names a flag's twin in the environment.
func env(flag string) []string {
	return []string{"BANGER_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))}
}

// commonFlags are what every command takes.
func commonFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "json", EnvVars: env("json"), Usage: "print the result as one JSON object"},
		&cli.StringFlag{Name: "config", EnvVars: env("config"), Usage: "read settings from `FILE`, a banger.toml", DefaultText: "$XDG_CONFIG_HOME/banger/banger.toml"},
	}
}

func storeFlag() cli.Flag {
	return &cli.StringFlag{Name: "store", EnvVars: env("store"), Usage: "`DIR` with all that banger keeps", DefaultText: "$XDG_CACHE_HOME/banger/oci"}
}

// storeFlags are what commands that use the store take.
func storeFlags() []cli.Flag {
	return append(commonFlags(), storeFlag(),
		&cli.StringFlag{Name: "progress", EnvVars: env("progress"), Value: "auto", Usage: "how progress is shown: auto, tty, plain, json or none"},
		&cli.StringFlag{Name: "log-level", EnvVars: env("log-level"), Value: "info", Usage: "what is logged: debug, info, warn or error; debug has all that builders and their tools print"},
		&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, EnvVars: env("quiet"), Usage: "print errors only"},
	)
}

// imageFlags are what commands with an IMAGE take.
func imageFlags() []cli.Flag {
	return slices.Concat(storeFlags(), registryFlags(), []cli.Flag{
		&cli.StringFlag{Name: "platform", EnvVars: env("platform"), Usage: "`OS/ARCH[/VARIANT]` to choose from an image index", DefaultText: "linux on this processor"},
		&cli.StringFlag{Name: "unsafe-paths", EnvVars: env("unsafe-paths"), Value: "refuse", Usage: "absolute entry names and symlinks that climb above the root: refuse, or contain them as a chroot would"},
		&cli.StringFlag{Name: "docker-host", EnvVars: append(env("docker-host"), "DOCKER_HOST"), Value: "unix:///var/run/docker.sock", Usage: "where docker-daemon: references are found"},
		&cli.BoolFlag{Name: "verify-cache", EnvVars: env("verify-cache"), Usage: "hold everything that is read from the store against its digest first, and make again what does not match"},
		&cli.Int64Flag{Name: "limit-entries", EnvVars: env("limit-entries"), Usage: "entries in one layer; if set, also in the whole image", DefaultText: "4194304"},
		&cli.IntFlag{Name: "limit-depth", EnvVars: env("limit-depth"), Usage: "components of one path", DefaultText: "1024"},
		&cli.StringFlag{Name: "limit-header", EnvVars: env("limit-header"), Usage: "`SIZE` of one entry's PAX or GNU header", DefaultText: "1M"},
		&cli.StringFlag{Name: "limit-file", EnvVars: env("limit-file"), Usage: "`SIZE` of one file", DefaultText: "64G"},
		&cli.StringFlag{Name: "limit-total", EnvVars: env("limit-total"), Usage: "`SIZE` of one layer, unpacked", DefaultText: "128G"},
		&cli.Int64Flag{Name: "limit-ratio", EnvVars: env("limit-ratio"), Usage: "how many times a layer over 512M may have grown by decompressing", DefaultText: "250"},
	})
}

// pluginFlags are what commands that look for builders take.
func pluginFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "plugin-dir", EnvVars: env("plugin-dir"), Usage: "look for builders in `DIR` first, before BANGER_PLUGIN_PATH; may be given again"},
		&cli.StringFlag{Name: "builders-lock", EnvVars: env("builders-lock"), Usage: "`FILE` that lists the third-party builders that may be started, if it is there; banger builders lock writes it", DefaultText: "$XDG_CONFIG_HOME/banger/builders.lock"},
	}
}

func imageOf(c *cli.Context) (core.Image, error) {
	ref, err := operand(c, "IMAGE")
	if err != nil {
		return core.Image{}, err
	}
	return imageNamed(c, ref)
}

// imageNamed is the image of that reference as the flags would have it.
func imageNamed(c *cli.Context, ref string) (core.Image, error) {
	im := core.Image{Ref: ref, Platform: c.String("platform"), EmbedConfig: c.String("embed-config")}
	if im.EmbedConfig != "" || given(c, "embed-config") {
		if err := core.CheckEmbed(im.EmbedConfig); err != nil {
			return core.Image{}, err
		}
	}
	switch how := c.String("unsafe-paths"); how {
	case "refuse":
	case "contain":
		im.ContainPaths = true
	default:
		return core.Image{}, usagef("--unsafe-paths is refuse or contain, not %q", how)
	}
	return im, nil
}

// sizeOf reads --size, --free and --inodes.
func sizeOf(c *cli.Context) (sdk.SizePlan, error) {
	var p sdk.SizePlan
	if p.Inodes = c.Int64("inodes"); p.Inodes < 0 {
		return p, usagef("--inodes %d is negative", p.Inodes)
	}
	if s := c.String("size"); s != "auto" {
		n, err := sdk.ParseSize(s)
		if err != nil || n <= 0 {
			return p, usagef("--size is auto or a size such as 512M or 2G, not %q", s)
		}
		if given(c, "free") {
			return p, usagef("--free is for --size auto: with a fixed size the free room is what remains")
		}
		p.Bytes = n
		return p, nil
	}
	err := setFree(&p, c.String("free"))
	return p, err
}

func setFree(p *sdk.SizePlan, s string) (err error) {
	if percent, ok := strings.CutSuffix(s, "%"); ok {
		p.FreePercent, err = strconv.Atoi(percent)
	} else {
		p.FreeBytes, err = sdk.ParseSize(s)
	}
	if err != nil || p.FreePercent < 0 || p.FreePercent > maxFreePercent || p.FreeBytes < 0 {
		return usagef("--free is a size such as 64M or a percentage such as 20%%, not %q", s)
	}
	return nil
}

// maxFreePercent keeps a slip of the finger from asking for terabytes.
const maxFreePercent = 10_000
