//go:build !amd64

package twosums

import "hash"

const fast = false

func both(_, _ hash.Hash, _ []byte) int { return 0 }
