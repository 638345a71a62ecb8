// Command banger-builder-e2fs is the builder e2fs as a program of its own,
// for banger to start.
package main

import (
	mkfse2fs "banger/plugins/mkfs-e2fs"
	"banger/sdk"
)

func main() { sdk.Main(mkfse2fs.New()) }
