package main

import (
	"fmt"
	"io"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/urfave/cli/v2"

	"banger/cas"
	"banger/core"
)

func cacheListCommand() *cli.Command {
	return &cli.Command{
		Name:    "ls",
		Aliases: []string{"list"},
		Usage:   "list what was built and pulled, what was used last first",
		Flags:   append(commonFlags(), storeFlag()),
		Action:  onStore(listCache),
	}
}

// cachedOutput is a build or a pulled image as JSON. A pulled image has neither
// action nor artifact.
type cachedOutput struct {
	Image    string           `json:"image"`
	Manifest string           `json:"manifest"`
	Action   string           `json:"action,omitempty"`
	Artifact string           `json:"artifact,omitempty"`
	Builder  *core.BuilderRef `json:"builder,omitempty"`
	Size     int64            `json:"size,omitempty"`
	Created  *time.Time       `json:"created,omitempty"`
	LastUse  time.Time        `json:"last_use"`
	Bytes    int64            `json:"bytes"`
	Own      int64            `json:"own_bytes"`
}

func listCache(c *cli.Context, store *cas.Store) error {
	list, err := core.ListCached(c.Context, store)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return printJSON(c, map[string]any{"store": store.Dir(), "cached": cachedJSON(list)})
	}
	return printCached(c.App.Writer, list)
}

func cachedJSON(list []core.Cached) []cachedOutput {
	out := make([]cachedOutput, 0, len(list))
	for _, e := range list {
		o := cachedOutput{
			Image: e.Ref, Manifest: e.Manifest.String(), Action: e.Action.String(), Artifact: e.Artifact.String(),
			Size: e.Size, LastUse: e.LastUse.UTC(), Bytes: e.Bytes, Own: e.Own,
		}
		if e.Action != "" {
			o.Builder, o.Created = &e.Builder, &e.Created
		}
		out = append(out, o)
	}
	return out
}

// printCached prints a table. Its digests are what banger cache rm takes: that
// of the action for a build, that of the manifest for a pulled image.
func printCached(w io.Writer, list []core.Cached) error {
	t := newTable(w)
	fmt.Fprintln(t, "DIGEST\tIMAGE\tBUILDER\tSIZE\tALLOCATED\tCREATED\tLAST USE")
	for _, e := range list {
		if e.Action == "" {
			fmt.Fprintf(t, "%s\t%s\t-\t-\t%s\t-\t%s\n", brief(e.Manifest), printable(e.Ref), bytesText(e.Bytes), stamp(e.LastUse))
			continue
		}
		builder := e.Builder.Name + " " + e.Builder.Version
		if e.Builder.Varies {
			builder += " (varies)"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", brief(e.Action), printable(e.Ref), printable(builder),
			bytesText(e.Size), bytesText(e.Bytes), stamp(e.Created), stamp(e.LastUse))
	}
	return flushTable(t)
}

func flushTable(t interface{ Flush() error }) error {
	if err := t.Flush(); err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	return nil
}

// briefDigits is how many hex digits of a digest a table has.
const briefDigits = 12

func brief(d digest.Digest) string { return d.Encoded()[:briefDigits] }

func stamp(t time.Time) string { return t.Local().Format(time.DateTime) }
