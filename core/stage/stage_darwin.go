package stage

import (
	"context"
	"errors"

	"banger/internal/hint"
	"banger/sdk"
	"banger/sdk/tree"
)

// errLinux is the error about everything that this package does, here.
var errLinux = hint.With(errors.New("stage a directory: this builder wants one as only Linux can hold it"),
	"use --builder ext4, which needs none, or run banger on Linux")

// Available returns why there is no staging here.
func Available() error { return errLinux }

// Dir fails: it takes Linux.
func Dir(context.Context, *tree.Tree, tree.Packs, string, sdk.Staging, func(done, total int64)) ([]sdk.Loss, error) {
	return nil, errLinux
}

// Probe fails: it takes Linux.
func Probe(string) (Capabilities, error) { return Capabilities{}, errLinux }

// Look fails: it takes Linux.
func Look(...string) (Capabilities, error) { return Capabilities{}, errLinux }

// Remove fails: it takes Linux.
func Remove(string) error { return errLinux }
