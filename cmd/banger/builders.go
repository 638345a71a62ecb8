package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"banger/core/host"
	"banger/sdk"
)

func buildersCommand() *cli.Command {
	flags := append(storeFlags(), pluginFlags()...)
	return &cli.Command{
		Name:   "builders",
		Usage:  "list the builders that are found",
		Flags:  flags,
		Action: listBuilders,
		Subcommands: []*cli.Command{{
			Name:      "describe",
			Usage:     "say what one builder takes, needs and cannot keep",
			ArgsUsage: "NAME",
			Flags:     flags,
			Action:    describeBuilder,
		}, lockCommand(flags), testCommand()},
	}
}

// builderOutput is a builder as JSON.
type builderOutput struct {
	Name       string         `json:"name"`
	Version    string         `json:"version"`
	Path       string         `json:"path"`
	Bundled    bool           `json:"bundled"`
	Hides      []string       `json:"hides"`
	Identity   string         `json:"identity"`
	MediaType  string         `json:"media_type"`
	Input      string         `json:"input"`
	Exact      bool           `json:"deterministic"`
	Tools      []toolOutput   `json:"tools"`
	Options    []optionOutput `json:"options"`
	MinBytes   int64          `json:"min_bytes"`
	CannotKeep []string       `json:"cannot_keep"`
}

type toolOutput struct {
	Name    string `json:"name"`
	Path    string `json:"path"`
	Version string `json:"version"`
	Hint    string `json:"hint,omitempty"`
}

type optionOutput struct {
	Name     string   `json:"name"`
	Type     string   `json:"type"`
	Default  string   `json:"default"`
	Doc      string   `json:"doc"`
	Choices  []string `json:"choices,omitempty"`
	MaxBytes int      `json:"max_bytes,omitempty"`
	Pattern  string   `json:"pattern,omitempty"`
}

// values says what the option may be.
func (o optionOutput) values() string {
	text := fmt.Sprintf("%s, default %q", o.Type, o.Default)
	if len(o.Choices) > 0 {
		text += ", one of " + strings.Join(o.Choices, ", ")
	}
	if o.MaxBytes > 0 {
		text += fmt.Sprintf(", at most %d bytes", o.MaxBytes)
	}
	if o.Pattern != "" {
		text += ", matches " + o.Pattern
	}
	return text
}

func builderOf(b *host.Builder) builderOutput {
	d := b.Description
	out := builderOutput{
		Name: b.Name, Version: d.Version, Path: b.Path, Bundled: b.Bundled, Hides: append([]string{}, b.Shadowed...), Identity: b.Identity,
		MediaType: d.MediaType, Input: d.Input.String(), Exact: d.Deterministic,
		Tools: []toolOutput{}, Options: []optionOutput{}, MinBytes: d.MinBytes, CannotKeep: append([]string{}, d.CannotKeep...),
	}
	for _, t := range d.Tools {
		out.Tools = append(out.Tools, toolOutput(t))
	}
	for _, o := range d.Options {
		out.Options = append(out.Options, optionOutput{o.Name, o.Type.String(), o.Default, o.Doc, o.Choices, o.MaxBytes, o.Pattern})
	}
	return out
}

func listBuilders(c *cli.Context) error {
	if err := noOperands(c); err != nil {
		return err
	}
	s, err := openSession(c)
	if err != nil {
		return err
	}
	defer s.close()
	found, problems := s.host.List(c.Context)
	for _, p := range problems {
		s.ui.Log(sdk.LogWarn, p.Error())
	}
	for _, b := range found {
		if text := b.Hides(); text != "" {
			s.ui.Log(sdk.LogWarn, text)
		}
	}
	if c.Bool("json") {
		list := make([]builderOutput, 0, len(found))
		for _, b := range found {
			list = append(list, builderOf(b))
		}
		return printJSON(c, map[string]any{"builders": list})
	}
	w := tabwriter.NewWriter(c.App.Writer, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tVERSION\tFROM\tDIGEST\tFORMAT\tTOOLS")
	for _, b := range found {
		d := b.Description
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", b.Name, printable(d.Version), from(b), shortDigest(b), printable(d.MediaType), toolsText(d.Tools))
	}
	return w.Flush()
}

func from(b *host.Builder) string {
	if b.Bundled {
		return "bundled"
	}
	return printable(b.Path)
}

// shortDigest is the beginning of the digest of a builder's file. A bundled
// builder has none of its own.
func shortDigest(b *host.Builder) string {
	if b.Bundled {
		return "-"
	}
	return b.Digest.String()[:len("sha256:")+12]
}

func toolsText(tools []sdk.Tool) string {
	texts := make([]string, 0, len(tools))
	for _, t := range tools {
		version := t.Version
		if t.Path == "" {
			version = "missing"
		}
		texts = append(texts, printable(t.Name+" "+version))
	}
	return strings.Join(texts, ", ")
}

// toolVersions lists the tools of a builder after a comma each.
func toolVersions(tools map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(tools)) {
		b.WriteString(", " + printable(name+" "+tools[name]))
	}
	return b.String()
}

func describeBuilder(c *cli.Context) error {
	name, err := operand(c, "NAME")
	if err != nil {
		return err
	}
	s, err := openSession(c)
	if err != nil {
		return err
	}
	defer s.close()
	b, err := s.host.Find(c.Context, name)
	if err != nil {
		return err
	}
	out := builderOf(b)
	if c.Bool("json") {
		return printJSON(c, out)
	}
	w := tabwriter.NewWriter(c.App.Writer, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "name\t%s\nversion\t%s\nfrom\t%s\nidentity\t%s\nformat\t%s\ninput\t%s\nequal bytes\t%t\n",
		out.Name, printable(out.Version), from(b), printable(out.Identity), printable(out.MediaType), out.Input, out.Exact)
	for _, place := range b.Shadowed {
		fmt.Fprintf(w, "hides\t%s\n", printable(place))
	}
	for _, t := range b.Description.Tools {
		fmt.Fprintf(w, "tool\t%s\t%s\n", toolsText([]sdk.Tool{t}), printable(t.Path))
	}
	for _, o := range out.Options {
		fmt.Fprintf(w, "option\t%s (%s)\t%s\n", printable(o.Name), printable(o.values()), printable(o.Doc))
	}
	if out.MinBytes > 0 {
		fmt.Fprintf(w, "least size\t%d\n", out.MinBytes)
	}
	for _, k := range out.CannotKeep {
		fmt.Fprintf(w, "cannot keep\t%s\n", printable(k))
	}
	return w.Flush()
}
