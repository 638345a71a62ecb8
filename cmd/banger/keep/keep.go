// Package keep makes banger the keeper of a builder, if that is what it has been
// started as, while the program is still being initialized: every build waits for
// two processes that are keepers or become builders, and with all else
// initialized first each would take 2 ms more. It works because a package comes
// as soon as those that it imports have (Go's specification, "Program
// initialization"), which is why package keeper imports so few.
package keep

import (
	"os"

	"banger/core/host/keeper"
)

// Name as the first argument makes this process a keeper, with the builder's
// name and arguments after it. What follows is not for banger to read.
const Name = "builder-keep"

func init() {
	if len(os.Args) > 2 && os.Args[1] == Name {
		keeper.Keep(os.Args[2:])
	}
}
