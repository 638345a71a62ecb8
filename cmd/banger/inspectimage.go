package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/opencontainers/go-digest"
	"github.com/urfave/cli/v2"

	"banger/core"
	"banger/sdk/tree"
)

// inspectOutput is what inspect --json prints of an image.
type inspectOutput struct {
	Image    string               `json:"image"`
	Platform string               `json:"platform"`
	Manifest digest.Digest        `json:"manifest"`
	Config   digest.Digest        `json:"config"`
	Run      core.RunConfig       `json:"run"`
	Layers   []inspectLayerOutput `json:"layers"`
	Entries  map[string]int       `json:"entries"`
	Bytes    int64                `json:"bytes"`
	Largest  []map[string]any     `json:"largest"`
	Hidden   []map[string]any     `json:"hidden"`
}

type inspectLayerOutput struct {
	Digest    digest.Digest `json:"digest,omitempty"`
	DiffID    digest.Digest `json:"diff_id"`
	CreatedBy string        `json:"created_by"`
	Blob      *int64        `json:"blob_bytes"`
	Entries   int           `json:"entries"`
	Bytes     int64         `json:"bytes"`
	Hidden    int64         `json:"hidden_bytes"`
}

func inspectImage(c *cli.Context) error {
	im, err := imageOf(c)
	if err != nil {
		return err
	}
	x, err := answer(c, openSession, func(e *core.Engine) (*core.Inspection, error) { return e.Inspect(c.Context, im) })
	if err != nil {
		return core.NoFile(im.Ref, err)
	}
	top := c.Int("top")
	x.Files, x.Hidden = x.Files[:min(top, len(x.Files))], x.Hidden[:min(top, len(x.Hidden))]
	if c.Bool("json") {
		return printJSON(c, inspectOf(x))
	}
	return inspectText(c.App.Writer, x)
}

func inspectOf(x *core.Inspection) inspectOutput {
	out := inspectOutput{
		Image: x.Ref, Platform: x.Platform.String(), Manifest: x.Manifest, Config: x.Config, Run: x.Run,
		Entries: make(map[string]int), Bytes: x.Bytes, Largest: filesOf(x.Files), Hidden: filesOf(x.Hidden),
	}
	for t, n := range x.Entries {
		out.Entries[t.String()] = n
	}
	for _, l := range x.Layers {
		out.Layers = append(out.Layers, inspectLayerOutput{l.Digest, l.DiffID, l.CreatedBy, known(l.Blob), l.Entries, l.Bytes, l.Bytes - l.Visible})
	}
	return out
}

func filesOf(files []core.FileUse) []map[string]any {
	out := make([]map[string]any, 0, len(files))
	for _, f := range files {
		m := map[string]any{"bytes": f.Bytes, "layer": f.Layer + 1}
		setText(m, "path", f.Path)
		out = append(out, m)
	}
	return out
}

func inspectText(out io.Writer, x *core.Inspection) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "image\t%s\nplatform\t%s\nmanifest\t%s\nconfig\t%s\n", printable(x.Ref), printable(x.Platform.String()), x.Manifest, x.Config)
	runText(w, &x.Run)
	var hidden int64
	for _, l := range x.Layers {
		hidden += l.Bytes - l.Visible
	}
	fmt.Fprintf(w, "content\t%s in %d files, %d directories, %d symlinks; the layers hide another %s\n", bytesText(x.Bytes),
		x.Entries[tree.Regular]+x.Entries[tree.Hardlink], x.Entries[tree.Directory], x.Entries[tree.Symlink], bytesText(hidden))
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprint(w, "\nLAYER\tBLOB\tENTRIES\tCONTENT\tHIDDEN\tCREATED BY\n")
	for i, l := range x.Layers {
		fmt.Fprintf(w, "%d\t%s\t%d\t%s\t%s\t%s\n", i+1, bytesOrUnknown(known(l.Blob)), l.Entries,
			bytesText(l.Bytes), bytesText(l.Bytes-l.Visible), printable(firstOf(l.CreatedBy)))
	}
	filesText(w, "LARGEST", x.Files)
	filesText(w, "HIDDEN BY UPPER LAYERS", x.Hidden)
	return w.Flush()
}

func filesText(w io.Writer, title string, files []core.FileUse) {
	if len(files) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s\tLAYER\tFILE\n", title)
	for _, f := range files {
		fmt.Fprintf(w, "%s\t%d\t/%s\n", bytesText(f.Bytes), f.Layer+1, printable(f.Path))
	}
}

// runText lists what the image says of how it is run.
func runText(w io.Writer, r *core.RunConfig) {
	for _, f := range []struct {
		name  string
		words []string
	}{
		{"entrypoint", r.Entrypoint},
		{"cmd", r.Cmd},
		{"env", r.Env},
		{"user", []string{r.User}},
		{"working dir", []string{r.WorkingDir}},
		{"stop signal", []string{r.StopSignal}},
		{"ports", r.Ports},
		{"volumes", r.Volumes},
	} {
		if text := strings.Join(f.words, " "); text != "" {
			fmt.Fprintf(w, "%s\t%s\n", f.name, printable(text))
		}
	}
}

// firstOf returns the beginning of a long text, for a table.
func firstOf(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
