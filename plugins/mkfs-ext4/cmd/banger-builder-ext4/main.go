// Command banger-builder-ext4 is the builder ext4 as a program of its own, for
// banger to start.
package main

import (
	mkfsext4 "banger/plugins/mkfs-ext4"
	"banger/sdk"
)

func main() { sdk.Main(mkfsext4.New()) }
