// Command banger-builder-squashfs is the builder squashfs as a program of its
// own, for banger to start.
package main

import (
	mkfssquashfs "banger/plugins/mkfs-squashfs"
	"banger/sdk"
)

func main() { sdk.Main(mkfssquashfs.New()) }
