package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/opencontainers/go-digest"
	"github.com/urfave/cli/v2"

	"banger/core"
	"banger/sdk"
)

func planCommand() *cli.Command {
	return &cli.Command{
		Name:      "plan",
		Usage:     "say what build would do with the same flags, and change nothing",
		ArgsUsage: "IMAGE",
		Flags:     buildFlags(),
		Action:    plan,
	}
}

// planOutput is what plan --json prints.
type planOutput struct {
	Image      string            `json:"image"`
	Platform   string            `json:"platform"`
	Manifest   digest.Digest     `json:"manifest"`
	Config     digest.Digest     `json:"config"`
	Layers     []planLayerOutput `json:"layers"`
	FetchBytes *int64            `json:"fetch_bytes"` // null: the source does not say
	Builder    core.BuilderRef   `json:"builder"`
	Options    sdk.Options       `json:"options"`
	Action     digest.Digest     `json:"action"`
	Cache      core.Verdict      `json:"cache"`
	Size       sizeOutput        `json:"size"`
	Losses     []lossOutput      `json:"losses"` // null: not known before the build
	CannotKeep []string          `json:"cannot_keep"`
	Problems   []string          `json:"problems"`
}

type planLayerOutput struct {
	Digest digest.Digest `json:"digest,omitempty"`
	DiffID digest.Digest `json:"diff_id"`
	Size   *int64        `json:"size"`
	State  string        `json:"state"` // "unpacked", "stored" or "absent"
}

func plan(c *cli.Context) error {
	o, err := buildOptions(c)
	if err != nil {
		return err
	}
	p, err := answer(c, viewSession, func(e *core.Engine) (*core.Plan, error) { return e.Plan(c.Context, o) })
	if err != nil {
		return err
	}
	out := planOf(p, o)
	if c.Bool("json") {
		return printJSON(c, out)
	}
	return planText(c.App.Writer, out)
}

func planOf(p *core.Plan, o core.BuildOptions) planOutput {
	out := planOutput{
		Image: p.Ref, Platform: p.Platform.String(), Manifest: p.Manifest, Config: p.Config, FetchBytes: known(p.FetchBytes),
		Builder: core.RefOf(p.Builder), Options: p.Options, Action: p.Action, Cache: p.Cache,
		CannotKeep: append([]string{}, p.Builder.Description.CannotKeep...), Problems: []string{},
	}
	for _, l := range p.Layers {
		state := "absent"
		switch {
		case l.Unpacked:
			state = "unpacked"
		case l.Blob:
			state = "stored"
		}
		out.Layers = append(out.Layers, planLayerOutput{l.Digest, l.DiffID, known(l.Size), state})
	}
	var err error
	if out.Size, err = sizeOutputOf(p, o.Size); err != nil {
		out.Problems = append(out.Problems, err.Error())
	}
	if p.Known != nil {
		out.Losses = lossesOf(p.Known.Losses)
		return out
	}
	for _, t := range p.Builder.MissingTools() {
		out.Problems = append(out.Problems, fmt.Sprintf("%s is missing: %s", t.Name, t.Hint))
	}
	return out
}

// known is null in JSON for a number that is not known.
func known(n int64) *int64 {
	if n < 0 {
		return nil
	}
	return &n
}

func planText(out io.Writer, p planOutput) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "image\t%s\nplatform\t%s\nmanifest\t%s\nconfig\t%s\n", printable(p.Image), p.Platform, p.Manifest, p.Config)
	for i, l := range p.Layers {
		fmt.Fprintf(w, "layer %d\t%s\t%s\t%s\n", i+1, l.DiffID, bytesOrUnknown(l.Size), layerStates[l.State])
	}
	fmt.Fprintf(w, "to fetch\t%s\n", bytesOrUnknown(p.FetchBytes))
	fmt.Fprintf(w, "builder\t%s, %s%s\n", p.Builder.Name, printable(p.Builder.Version), toolVersions(p.Builder.Tools))
	fmt.Fprintf(w, "action\t%s\n", p.Action)
	verdict := "miss"
	if p.Cache.Hit {
		verdict = "hit"
	}
	fmt.Fprintf(w, "cache\t%s: %s\n", verdict, printable(p.Cache.Reason))
	fmt.Fprintf(w, "size\t%s (%s)\n", bytesOrUnknown(p.Size.Bytes), p.Size.How)
	for i, text := range lossesText(p) {
		fmt.Fprintf(w, "%s\t%s\n", []string{"losses", ""}[min(i, 1)], printable(text))
	}
	for _, problem := range p.Problems {
		fmt.Fprintf(w, "problem\t%s\n", printable(problem))
	}
	return w.Flush()
}

var layerStates = map[string]string{"unpacked": "unpacked in the store", "stored": "in the store, to unpack", "absent": "to fetch"}

func bytesOrUnknown(n *int64) string {
	if n == nil {
		return "not known"
	}
	return bytesText(*n)
}

// lossesText says which losses are to be expected.
func lossesText(p planOutput) []string {
	switch {
	case p.Losses != nil && len(p.Losses) == 0:
		return []string{"none"}
	case p.Losses != nil:
		return []string{fmt.Sprintf("%d, as when it was built", len(p.Losses))}
	case len(p.CannotKeep) == 0:
		return []string{"the builder names none"}
	}
	return append([]string{"what the image has of this, which the builder does not keep:"}, p.CannotKeep...)
}
