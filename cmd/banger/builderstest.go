package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"banger/core/host"
	"banger/sdk"
	"banger/sdk/sdktest"
)

// errNotConforming is wrapped by the error about a builder that failed a test.
var errNotConforming = errors.New("the builder does not conform")

func testCommand() *cli.Command {
	return &cli.Command{
		Name:      "test",
		Usage:     "hold a builder's program against what docs/builders.md asks of it",
		ArgsUsage: "PATH|NAME",
		Flags: append(commonFlags(), append(pluginFlags(),
			&cli.StringSliceFlag{Name: "opt", EnvVars: env("opt"), Usage: "an option of the builder, `KEY=VALUE`; may be given again"},
			&cli.StringSliceFlag{Name: "check", EnvVars: env("check"), Usage: "do only the check `NAME`, or with a trailing slash a group of checks; may be given again"})...),
		Action: testBuilder,
	}
}

// checkedOutput is a check as JSON.
type checkedOutput struct {
	Name    string `json:"name"`
	Passed  bool   `json:"passed"`
	Error   string `json:"error,omitempty"`
	Skipped string `json:"skipped,omitempty"`
	Millis  int64  `json:"milliseconds"`
}

func testBuilder(c *cli.Context) error {
	what, err := operand(c, "PATH")
	if err != nil {
		return err
	}
	options, err := optionsOf(c.StringSlice("opt"))
	if err != nil {
		return err
	}
	h, name, err := hostOf(c, what)
	if err != nil {
		return err
	}
	if _, err := h.Find(c.Context, name); errors.Is(err, host.ErrUnknownBuilder) {
		return err
	}
	checked, failed := []checkedOutput{}, 0
	_, err = sdktest.Run(c.Context, &testedBuilder{host: h, name: name}, sdktest.Config{Options: options, Only: c.StringSlice("check")}, func(r sdktest.Result) {
		out := checkedOutput{Name: r.Name, Passed: r.Err == nil && r.Skipped == "", Skipped: r.Skipped, Millis: r.Took.Milliseconds()}
		if r.Err != nil {
			out.Error = r.Err.Error()
			failed++
		}
		checked = append(checked, out)
		if !c.Bool("json") {
			fmt.Fprintln(c.App.Writer, printable(r.String()))
		}
	})
	if err == nil && c.Bool("json") {
		err = printJSON(c, map[string]any{"builder": name, "checks": checked})
	}
	if err == nil && failed > 0 {
		err = fmt.Errorf("%w: builder %s failed %d of %d checks", errNotConforming, name, failed, len(checked))
	}
	return err
}

// hostOf returns a host for the builder that a path or a name says. It keeps
// no descriptions: each is asked for anew.
func hostOf(c *cli.Context, what string) (*host.Host, string, error) {
	config, err := hostConfig(c)
	if err != nil {
		return nil, "", err
	}
	if !strings.ContainsRune(what, filepath.Separator) {
		return host.New(config), what, nil
	}
	name, ok := strings.CutPrefix(filepath.Base(what), host.Prefix)
	if !ok {
		return nil, "", usagef("%s: a builder's program is called %sNAME", what, host.Prefix)
	}
	if _, err := os.Stat(what); err != nil {
		return nil, "", usagef("%s", err)
	}
	config.Dirs = []string{filepath.Dir(what)}
	return host.New(config), name, nil
}

// testedBuilder is a builder of the host's as the kit sees it.
type testedBuilder struct {
	host  *host.Host
	name  string
	found *host.Builder // as it described itself last
}

// Describe implements sdktest.Host.
func (b *testedBuilder) Describe(ctx context.Context) (d sdk.Description, err error) {
	if b.found, err = b.host.Find(ctx, b.name); err != nil {
		return sdk.Description{}, err
	}
	return b.found.Description, nil
}

// Build implements sdktest.Host.
func (b *testedBuilder) Build(ctx context.Context, req *sdk.Request) error {
	return b.host.Build(ctx, b.found, req)
}
