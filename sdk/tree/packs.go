package tree

import "os"

// Packs opens the packs that hold a tree's contents.
type Packs interface {
	// Pack returns the pack of Tree.Layers[layer], open for reading. The file
	// is shared and stays its owner's: read it with ReadAt, or with
	// copy_file_range and explicit offsets, and do not close it. It may be
	// called from several goroutines.
	Pack(layer int) (*os.File, error)
}
