package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"banger/cas"
	"banger/core"
	"banger/sdk"
)

func buildCommand() *cli.Command {
	return &cli.Command{
		Name:      "build",
		Usage:     "build a filesystem image from an OCI image",
		ArgsUsage: "IMAGE",
		Flags:     append(buildFlags(), cacheLimitFlag()),
		Action:    build,
	}
}

// buildFlags are those of commands that build, or say what building would do.
func buildFlags() []cli.Flag {
	return append(append(imageFlags(), pluginFlags()...),
		&cli.StringFlag{Name: "builder", Aliases: []string{"b"}, EnvVars: env("builder"), Value: defaultBuilder, Usage: "`NAME` of the builder, by default e2fs, and ext4 on macOS; see banger builders"},
		&cli.StringFlag{Name: "output", Aliases: []string{"o"}, EnvVars: env("output"), Usage: "`FILE` for the image; without it the image stays in the store"},
		&cli.StringFlag{Name: "size", EnvVars: env("size"), Value: "auto", Usage: "`SIZE` of the image, or auto"},
		&cli.StringFlag{Name: "free", EnvVars: env("free"), Value: fmt.Sprintf("%d%%", core.DefaultFreePercent), Usage: "room left after the content, as SIZE or PERCENT% of the content"},
		&cli.Int64Flag{Name: "inodes", EnvVars: env("inodes"), Usage: "inodes in all", DefaultText: "planned from the image"},
		&cli.StringSliceFlag{Name: "opt", EnvVars: env("opt"), Usage: "an option of the builder, `KEY=VALUE`; may be given again"},
		&cli.BoolFlag{Name: "no-cache", EnvVars: env("no-cache"), Usage: "build even if the store has the answer"},
		&cli.StringFlag{Name: "losses", EnvVars: env("losses"), Usage: "list what the image does not hold in `FILE`, a JSON object a line"},
		configOutFlag(),
		embedFlag(),
		&cli.BoolFlag{Name: "strict", EnvVars: env("strict"), Usage: "make any loss an error"},
		&cli.BoolFlag{Name: "fsync", EnvVars: env("fsync"), Usage: "make the output durable before returning"},
	)
}

func build(c *cli.Context) error {
	o, err := buildOptions(c)
	if err != nil {
		return err
	}
	limit, err := cacheLimit(c)
	if err != nil {
		return err
	}
	s, err := openSession(c)
	if err != nil {
		return err
	}
	defer s.close()
	r, err := s.engine.Build(c.Context, o)
	s.ui.done()
	if r != nil {
		err = errors.Join(err, writeLosses(c.Context, c.String("losses"), r.Losses), writeRunConfig(c, r.Run))
	}
	if err != nil {
		return err
	}
	if n := len(r.Losses); n > 0 && c.String("losses") == "" && !c.Bool("json") {
		s.ui.Log(sdk.LogWarn, fmt.Sprintf("%d losses: the image does not hold everything; list them with --losses FILE", n))
	}
	if !r.Cached {
		s.keepWithin(c.Context, limit)
	}
	if c.Bool("json") {
		return printJSON(c, buildJSON(r))
	}
	return printLine(c.App.Writer, r.Path)
}

func buildOptions(c *cli.Context) (core.BuildOptions, error) {
	im, err := imageOf(c)
	if err != nil {
		return core.BuildOptions{}, err
	}
	size, err := sizeOf(c)
	if err != nil {
		return core.BuildOptions{}, err
	}
	options, err := optionsOf(c.StringSlice("opt"))
	if err != nil {
		return core.BuildOptions{}, err
	}
	if err := checkPlaces(c, "output", "losses", "config-out"); err != nil {
		return core.BuildOptions{}, err
	}
	return core.BuildOptions{
		Image: im, Builder: c.String("builder"), Options: options, Size: size,
		Output: c.String("output"), NoCache: c.Bool("no-cache"),
		Strict: c.Bool("strict"), Fsync: c.Bool("fsync"),
	}, nil
}

// checkPlaces finds out before the work that a file named by one of the flags
// has no place, or the same as another's. The core checks the image's own.
func checkPlaces(c *cli.Context, flags ...string) error {
	taken := make(map[string]string)
	for _, flag := range flags {
		if err := checkNamed(c, flag); err != nil {
			return err
		}
		path := c.String(flag)
		switch path {
		case "":
			continue
		case "-":
			return usagef("--%s does not go to standard output; for a file of that name write ./-", flag)
		}
		if other := taken[filepath.Clean(path)]; other != "" {
			return usagef("--%s and --%s are both %s", other, flag, path)
		}
		taken[filepath.Clean(path)] = flag
		if flag == "output" {
			continue
		}
		if err := core.CheckOutput(path); err != nil {
			return err
		}
	}
	return nil
}

// checkNamed refuses a flag whose file has an empty name, as an unset variable
// of a script gives it: it does not mean that there is no such flag.
func checkNamed(c *cli.Context, flag string) error {
	if c.String(flag) == "" && given(c, flag) {
		return usagef("--%s needs the name of a file, not %q", flag, "")
	}
	return nil
}

func optionsOf(given []string) (map[string]string, error) {
	options := make(map[string]string, len(given))
	for _, o := range given {
		key, value, ok := strings.Cut(o, "=")
		if !ok || key == "" {
			return nil, usagef("--opt is KEY=VALUE, not %q", o)
		}
		if _, twice := options[key]; twice {
			return nil, usagef("--opt %s is given twice", key)
		}
		options[key] = value
	}
	return options, nil
}

// buildOutput is what build --json prints.
type buildOutput struct {
	Image     string          `json:"image"`
	Manifest  string          `json:"manifest"`
	Action    string          `json:"action"`
	Cached    bool            `json:"cached"`
	Artifact  string          `json:"artifact"`
	MediaType string          `json:"media_type"`
	Path      string          `json:"path"`
	Size      int64           `json:"size"`
	Builder   core.BuilderRef `json:"builder"`
	Losses    []lossOutput    `json:"losses"`
	Warnings  []string        `json:"warnings"`
	Run       core.RunConfig  `json:"run"`
}

func buildJSON(r *core.BuildResult) buildOutput {
	return buildOutput{
		Image: r.Ref, Manifest: r.Manifest.String(), Action: r.Action.String(), Cached: r.Cached,
		Artifact: r.Artifact.String(), MediaType: r.MediaType, Path: r.Path, Size: r.Size,
		Builder: r.Builder, Losses: lossesOf(r.Losses), Warnings: append([]string{}, r.Warnings...),
		Run: r.Run,
	}
}

// lossOutput is a loss as JSON: path, field, wanted, got and why.
type lossOutput map[string]any

func lossesOf(losses []sdk.Loss) []lossOutput {
	out := make([]lossOutput, 0, len(losses))
	for _, l := range losses {
		out = append(out, lossOf(l))
	}
	return out
}

func lossOf(l sdk.Loss) lossOutput {
	return rawStrings(map[string]string{"path": l.Path, "field": l.Field, "wanted": l.Wanted, "got": l.Got, "why": l.Why})
}

// rawStrings is a JSON object of strings that may hold any bytes.
func rawStrings(fields map[string]string) map[string]any {
	out := make(map[string]any, len(fields))
	for name, value := range fields {
		setText(out, name, value)
	}
	return out
}

// writeLosses writes one JSON object a line.
func writeLosses(ctx context.Context, path string, losses []sdk.Loss) error {
	if path == "" {
		return nil
	}
	err := cas.WriteOutput(ctx, path, func(w io.Writer) error {
		bw := bufio.NewWriter(w)
		enc := json.NewEncoder(bw)
		enc.SetEscapeHTML(false)
		for _, l := range losses {
			if err := enc.Encode(lossOf(l)); err != nil {
				return err
			}
		}
		return bw.Flush()
	})
	if err != nil {
		return fmt.Errorf("%w: losses: %w", core.ErrOutput, err)
	}
	return nil
}
