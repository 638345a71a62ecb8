package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/urfave/cli/v2"

	"banger/core"
)

func cacheExplainCommand() *cli.Command {
	return &cli.Command{
		Name:      "explain",
		Usage:     "say what a build with these options would find in the store, and why",
		ArgsUsage: "IMAGE",
		Flags:     buildFlags(),
		Action:    cacheExplain,
	}
}

func cacheExplain(c *cli.Context) error {
	o, err := buildOptions(c)
	if err != nil {
		return err
	}
	x, err := answer(c, openReader, func(e *core.Engine) (*core.Explanation, error) { return e.Explain(c.Context, o) })
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return printJSON(c, explainJSON(x))
	}
	return printExplanation(c.App.Writer, x)
}

func printExplanation(w io.Writer, x *core.Explanation) error {
	var b bytes.Buffer
	verdict := "miss"
	if x.Hit {
		verdict = "hit"
	}
	fmt.Fprintf(&b, "image     %s\nkey       %s\nverdict   %s: %s\n", printable(x.Ref), x.Key, verdict, printable(x.Why))
	if x.Builder.Varies {
		fmt.Fprintf(&b, "builder   %s varies: equal input may give other bytes\n", printable(x.Builder.Name))
	}
	if x.Hit {
		where := cmp.Or(x.Artifact.Path, x.Artifact.Digest.String()+", the contents of its files in the layers")
		fmt.Fprintf(&b, "artifact  %s, %s, last used %s\n", where, bytesText(x.Artifact.Size), x.LastUse.UTC().Format(time.RFC3339))
	}
	if n := x.Nearest; n != nil {
		fmt.Fprintf(&b, "nearest   %s of %s, last used %s; it differs in\n", n.Key, printable(n.Ref), n.LastUse.UTC().Format(time.RFC3339))
		for _, line := range n.InWords() {
			fmt.Fprintf(&b, "  %s\n", printable(line))
		}
	}
	b.WriteString("preimage  ")
	if err := json.Indent(&b, x.Preimage, "          ", "  "); err != nil {
		return fmt.Errorf("print preimage: %w", err)
	}
	return printLine(w, b.String())
}

// explainOutput is what cache explain --json prints.
type explainOutput struct {
	Image    string          `json:"image"`
	Manifest string          `json:"manifest"`
	Offline  bool            `json:"offline"`
	Builder  core.BuilderRef `json:"builder"`
	Key      string          `json:"key"`
	Preimage json.RawMessage `json:"preimage"`
	Hit      bool            `json:"hit"`
	Why      string          `json:"why"`
	Artifact string          `json:"artifact,omitempty"`
	Path     string          `json:"path,omitempty"`
	Size     int64           `json:"size,omitempty"`
	LastUse  *time.Time      `json:"last_use,omitempty"`
	Nearest  *nearestOutput  `json:"nearest,omitempty"`
}

type nearestOutput struct {
	Key         string             `json:"key"`
	Image       string             `json:"image"`
	LastUse     time.Time          `json:"last_use"`
	Differences []differenceOutput `json:"differences"`
}

type differenceOutput struct {
	Input string          `json:"input"`
	Had   json.RawMessage `json:"had"` // in the store; null for none
	Has   json.RawMessage `json:"has"` // asked for
	Text  string          `json:"text"`
}

func explainJSON(x *core.Explanation) explainOutput {
	out := explainOutput{
		Image: x.Ref, Manifest: x.Manifest.String(), Offline: x.Offline, Builder: x.Builder,
		Key: x.Key.String(), Preimage: x.Preimage, Hit: x.Hit, Why: x.Why,
	}
	if x.Hit {
		out.Artifact, out.Path, out.Size, out.LastUse = x.Artifact.Digest.String(), x.Artifact.Path, x.Artifact.Size, &x.LastUse
	}
	if n := x.Nearest; n != nil {
		out.Nearest = &nearestOutput{Key: n.Key.String(), Image: n.Ref, LastUse: n.LastUse, Differences: []differenceOutput{}}
		for _, d := range n.Differences {
			out.Nearest.Differences = append(out.Nearest.Differences, differenceOutput(d))
		}
	}
	return out
}
