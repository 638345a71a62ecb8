// Package sdk is what the author of a banger builder imports. A builder is a
// program named banger-builder-NAME whose main calls [Main] with a [Builder]:
// banger starts it, asks it to describe itself, and has it write one
// filesystem image from a flattened tree.
//
// A builder's standard output belongs to the protocol; it must write nothing
// there. It logs through its [Request].
package sdk

import (
	"context"
	"fmt"
)

// Builder turns a tree into a filesystem image. Its methods may be called
// from several goroutines.
type Builder interface {
	// Describe tells what the builder is. It is quick, changes nothing, and
	// succeeds even where a tool that Build needs is missing: such a [Tool]
	// has an empty Path.
	Describe(ctx context.Context) (Description, error)

	// Build writes the image to req.Output and reports what it could not
	// keep with req.Lose. It returns when ctx ends, with everything it
	// started gone. After an error what lies at req.Output is discarded.
	Build(ctx context.Context, req *Request) error
}

// Input is the form in which a builder takes a tree's contents.
type Input uint8

// The forms of input. The tree itself, [Request.Tree], is there with each.
const (
	InputTree Input = 1 // the tree, contents read from packs
	InputDir  Input = 2 // a staged directory, Request.Dir
	InputTar  Input = 3 // the flattened tar, Request.Tar
)

// String returns "tree", "dir" or "tar".
func (i Input) String() string {
	switch i {
	case InputTree:
		return "tree"
	case InputDir:
		return "dir"
	case InputTar:
		return "tar"
	}
	return "unknown"
}

// Staging tells how the directory of InputDir is made.
type Staging uint8

// The ways of staging.
const (
	// StagingFaithful is as true to the tree as the host's privileges allow;
	// Request.StagingLosses lists where it is not.
	StagingFaithful Staging = 1
	// StagingPlain is the same for every user: names, contents, hardlinks of
	// regular files, symlinks and fifos; owned by the caller, modes 0700 and
	// 0600, no xattrs and no devices.
	StagingPlain Staging = 2
)

// OptionType is the type of an option's value.
type OptionType uint8

// The types of options.
const (
	OptionString OptionType = 1
	OptionBool   OptionType = 2 // "true" or "false"
	OptionInt    OptionType = 3
	OptionSize   OptionType = 4 // bytes, with an optional K, M, G or T: powers of 1024
)

// String returns "string", "bool", "int" or "size".
func (t OptionType) String() string {
	switch t {
	case OptionString:
		return "string"
	case OptionBool:
		return "bool"
	case OptionInt:
		return "int"
	case OptionSize:
		return "size"
	}
	return "unknown"
}

// Option is one option that a builder takes (--opt NAME=VALUE).
type Option struct {
	Name    string
	Type    OptionType
	Default string
	Doc     string
	Choices []string // when not empty, the only values allowed
	// MaxBytes, when not 0, is how long a value is at most.
	MaxBytes int
	// Pattern, when not "", is a regular expression (package regexp) that
	// matches every value from end to end.
	Pattern string
}

// Tool is a program of the host that a builder runs.
type Tool struct {
	Name    string
	Path    string // "" when it is not installed
	Version string // part of the cache key
	Hint    string // how to install it
}

// Description is what a builder says of itself.
type Description struct {
	Name    string // as in banger-builder-NAME
	Version string // for people
	// Revision goes up whenever equal input would give other bytes.
	Revision uint32
	// MediaType of the image, such as "application/vnd.banger.image.ext4".
	MediaType string
	Input     Input
	Staging   Staging // for InputDir
	Options   []Option
	// MinBytes is the smallest image that the builder makes; a user who asks
	// for less hears of it before anything is fetched or started.
	MinBytes   int64
	CannotKeep []string // what the format or the builder cannot hold, for people
	Tools      []Tool
	// Deterministic: equal input gives equal bytes.
	Deterministic bool
	// PrivilegeDependent: the bytes depend on who runs the host, because
	// faithful staging does.
	PrivilegeDependent bool
}

// SizePlan is the user's word on the size of the image. The zero value
// leaves everything to the builder.
type SizePlan struct {
	Bytes       int64 // of the image; 0 plans it from the tree
	FreeBytes   int64 // room left after the content when Bytes is 0 …
	FreePercent int   // … or the same in percent of what the content needs
	Inodes      int64 // in all; 0 plans it from the tree
}

// Loss is something in the tree that an image or a staged directory does not
// hold.
type Loss struct {
	Path   string // raw bytes, as in the tree
	Field  string // "owner", "mode", "mtime", "xattr:NAME", "device", "links", "type", …
	Wanted string
	Got    string
	Why    string
}

// String says the loss in one line, with bytes that are not printable
// escaped.
func (l Loss) String() string {
	return fmt.Sprintf("%q: %s: wanted %q, got %q: %s", l.Path, l.Field, l.Wanted, l.Got, l.Why)
}
