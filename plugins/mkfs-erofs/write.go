package mkfserofs

import (
	"context"
	"fmt"
	"io"

	"banger/sdk/tree"
)

// finish writes everything but the contents of files to w, which must read as
// zeros where nothing has been written. The superblock comes last: until then
// nothing takes the image for a filesystem.
func (p *plan) finish(ctx context.Context, w io.WriterAt) error {
	for i := range p.nodes {
		if p.nodes[i].links == 0 {
			continue
		}
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if err := p.writeInode(w, i); err != nil {
			return fmt.Errorf("write erofs metadata: %w", err)
		}
	}
	if _, err := w.WriteAt(p.super(), 0); err != nil {
		return fmt.Errorf("write erofs superblock: %w", err)
	}
	return nil
}

// writeInode writes the inode of entry i and, unless it is a file's, its data.
func (p *plan) writeInode(w io.WriterAt, i int) error {
	e, n := &p.tree.Entries[i], &p.nodes[i]
	b := appendXattrs(p.inode(i), e)
	var data []byte
	switch {
	case n.layout == chunked:
		b = appendChunks(b, e, n.chunkBits, n.block)
	case e.Type == tree.Directory:
		data = p.appendDirectory(nil, i)
	case e.Type == tree.Symlink:
		data = []byte(e.Target)
	}
	if n.layout == flatInline {
		whole := len(data) &^ (blockSize - 1)
		b, data = append(b, data[whole:]...), data[:whole]
	}
	if len(data) > 0 {
		if _, err := w.WriteAt(data, int64(n.block)<<blockBits); err != nil {
			return err
		}
	}
	_, err := w.WriteAt(b, n.number*slotSize)
	return err
}
