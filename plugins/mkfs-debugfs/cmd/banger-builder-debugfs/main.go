// Command banger-builder-debugfs is the builder debugfs as a program of its
// own, for banger to start.
package main

import (
	mkfsdebugfs "banger/plugins/mkfs-debugfs"
	"banger/sdk"
)

func main() { sdk.Main(mkfsdebugfs.New()) }
