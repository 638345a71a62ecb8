package main

import (
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"banger/cas"
	"banger/core"
	"banger/sdk"
)

func cachePruneCommand() *cli.Command {
	return &cli.Command{
		Name:  "prune",
		Usage: "remove what is damaged or unreferenced, and more by age and size",
		Flags: append(removalFlags(),
			&cli.StringFlag{Name: "max-size", EnvVars: env("cache-max-size"), Usage: "afterwards, remove what was used least recently until the store takes at most `SIZE`"},
			&cli.StringFlag{Name: "older-than", EnvVars: env("older-than"), Usage: "remove builds and images that were not used for `DURATION`, such as 36h, 30d or 2w"},
			&cli.BoolFlag{Name: "all", Aliases: []string{"a"}, EnvVars: env("prune-all"), Usage: "remove everything that no running process uses"},
		),
		Action: pruneCache,
	}
}

// removalFlags are what commands that remove take.
func removalFlags() []cli.Flag {
	return append(storeFlags(),
		&cli.BoolFlag{Name: "dry-run", Aliases: []string{"n"}, EnvVars: env("dry-run"), Usage: "remove nothing, and say what would go"},
		&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, EnvVars: env("verbose"), Usage: "name what goes, a line each, on standard error"},
	)
}

func pruneCache(c *cli.Context) error {
	if err := noOperands(c); err != nil {
		return err
	}
	o, err := pruneOptions(c)
	if err != nil {
		return err
	}
	return remove(c, o, func(store *cas.Store, o cas.GCOptions) (cas.GCResult, error) {
		return store.GC(c.Context, o)
	})
}

func pruneOptions(c *cli.Context) (o cas.GCOptions, err error) {
	o = cas.GCOptions{References: core.References{}, Grace: cas.DefaultGrace, All: c.Bool("all"), DryRun: c.Bool("dry-run")}
	if o.MaxSize, err = sizeFlag(c, "max-size"); err != nil {
		return o, err
	}
	if s := c.String("older-than"); s != "" {
		if o.OlderThan, err = parseAge(s); err != nil {
			return o, err
		}
	}
	return o, nil
}

// sizeFlag returns a size that is not zero, or 0 for a flag that is not given.
func sizeFlag(c *cli.Context, flag string) (int64, error) {
	s := c.String(flag)
	if s == "" {
		return 0, nil
	}
	n, err := sdk.ParseSize(s)
	if err != nil || n <= 0 {
		return 0, usagef("--%s is a size such as 20G, not %q", flag, s)
	}
	return n, nil
}

// parseAge parses a duration as Go does, and numbers of days and weeks.
func parseAge(s string) (time.Duration, error) {
	const day = 24 * time.Hour
	units := map[string]time.Duration{"d": day, "w": 7 * day}
	number, unit := s[:len(s)-1], units[s[len(s)-1:]]
	if n, err := strconv.ParseUint(number, 10, 16); err == nil && unit > 0 && n > 0 {
		return time.Duration(n) * unit, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return 0, usagef("--older-than is a duration such as 36h, 30d or 2w, not %q", s)
	}
	return d, nil
}

// removedOutput is what a removal prints as JSON, in allocated bytes.
type removedOutput struct {
	DryRun  bool                  `json:"dry_run"`
	Removed map[string]cas.Amount `json:"removed"`
	Total   cas.Amount            `json:"total"`
	Before  int64                 `json:"before_bytes"`
	After   int64                 `json:"after_bytes"`
	Failed  int                   `json:"failed"`
}

// remove opens the store, has run remove from it, and prints what went.
func remove(c *cli.Context, o cas.GCOptions, run func(*cas.Store, cas.GCOptions) (cas.GCResult, error)) error {
	store, err := openStore(c)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	u, err := newUI(c)
	if err != nil {
		return err
	}
	defer u.done()
	if c.Bool("verbose") {
		o.OnRemove = func(r cas.Removal) {
			u.Log(sdk.LogInfo, strings.Join([]string{removalVerb(c), r.Kind, r.Name, bytesText(r.Bytes)}, " "))
		}
	}
	res, err := run(store, o)
	if err != nil {
		return err
	}
	return printRemoved(c, u, res)
}

func removalVerb(c *cli.Context) string {
	if c.Bool("dry-run") {
		return "would remove"
	}
	return "removed"
}

func printRemoved(c *cli.Context, u *ui, res cas.GCResult) error {
	if res.Failed > 0 {
		u.Log(sdk.LogWarn, strconv.Itoa(res.Failed)+" things could not be removed: they belong to other users; run it as their owner or as root")
	}
	if c.Bool("json") {
		return printJSON(c, removedOutput{c.Bool("dry-run"), res.Removed, res.Total(), res.Before, res.After, res.Failed})
	}
	if c.Bool("dry-run") {
		u.Log(sdk.LogInfo, "nothing was removed, this is what would be")
	}
	t := newTable(c.App.Writer)
	printAmounts(t, res.Removed)
	return flushTable(t)
}
