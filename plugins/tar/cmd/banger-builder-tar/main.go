// Command banger-builder-tar is the builder tar as a program of its own, for
// banger to start.
package main

import (
	"banger/plugins/tar"
	"banger/sdk"
)

func main() { sdk.Main(tar.New()) }
