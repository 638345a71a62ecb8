package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"text/tabwriter"

	"github.com/opencontainers/go-digest"
	"github.com/urfave/cli/v2"

	"banger/core"
	mkfse2fs "banger/plugins/mkfs-e2fs"
)

// fileOutput is what inspect --json prints of a file.
type fileOutput struct {
	File      string        `json:"file"`
	Size      int64         `json:"size"`
	Allocated int64         `json:"allocated_bytes"`
	Artifact  digest.Digest `json:"artifact,omitempty"`
	Origins   []core.Origin `json:"origins"`
	Ext4      *ext4Output   `json:"ext4"` // null for anything else
}

// ext4Output are the numbers of an ext4 filesystem.
type ext4Output struct {
	Label      string `json:"label"`
	UUID       string `json:"uuid"`
	BlockSize  int64  `json:"block_size"`
	Blocks     int64  `json:"blocks"`
	FreeBlocks int64  `json:"free_blocks"`
	Inodes     int64  `json:"inodes"`
	FreeInodes int64  `json:"free_inodes"`
}

func inspectFile(c *cli.Context, path string) error {
	s, err := viewSession(c)
	if err != nil {
		return err
	}
	defer s.close()
	out := fileOutput{File: path}
	if err := out.measure(path); err != nil {
		return err
	}
	if out.Artifact, out.Origins, err = s.engine.Origins(c.Context, path); err != nil {
		return err
	}
	if c.Bool("json") {
		return printJSON(c, out)
	}
	return out.text(c.App.Writer)
}

// measure fills in what the file itself says.
func (o *fileOutput) measure(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	o.Size = info.Size()
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		o.Allocated = st.Blocks * 512 // stat(2): st_blocks
	}
	super, err := mkfse2fs.ReadSuper(f)
	if errors.Is(err, mkfse2fs.ErrNotExt) {
		return nil
	}
	e := ext4Output{super.Label, super.UUID, super.BlockSize, super.Blocks, super.FreeBlocks, super.Inodes, super.FreeInodes}
	o.Ext4 = &e
	return err
}

func (o *fileOutput) text(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "file\t%s\nsize\t%s, of which the disk holds %s\n", printable(o.File), bytesText(o.Size), bytesText(o.Allocated))
	if e := o.Ext4; e != nil {
		fmt.Fprintf(w, "ext4\tlabel %q, UUID %s\n", e.Label, e.UUID)
		fmt.Fprintf(w, "free\t%s of %s, %d of %d inodes\n", bytesText(e.FreeBlocks*e.BlockSize), bytesText(e.Blocks*e.BlockSize), e.FreeInodes, e.Inodes)
	}
	if len(o.Origins) == 0 {
		fmt.Fprint(w, "built by\tnothing that this store remembers: by another one, or changed since\n")
		return w.Flush()
	}
	fmt.Fprintf(w, "artifact\t%s\n", o.Artifact)
	for _, g := range o.Origins {
		fmt.Fprintf(w, "built from\t%s\n", printable(g.Image))
		fmt.Fprintf(w, "built by\t%s, %s%s\n", printable(g.Builder.Name), printable(g.Builder.Version), toolVersions(g.Builder.Tools))
		fmt.Fprintf(w, "\ton %s in %.1f s, with %d losses\n", g.Created.Format("2006-01-02 15:04:05 MST"), float64(g.Millis)/1000, g.Losses)
		fmt.Fprintf(w, "action\t%s\ntree\t%s\n", g.Action, g.Tree)
	}
	return w.Flush()
}
