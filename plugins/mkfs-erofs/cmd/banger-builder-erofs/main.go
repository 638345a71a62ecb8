// Command banger-builder-erofs is the builder erofs as a program of its own,
// for banger to start.
package main

import (
	mkfserofs "banger/plugins/mkfs-erofs"
	"banger/sdk"
)

func main() { sdk.Main(mkfserofs.New()) }
