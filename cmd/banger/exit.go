package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"banger/cas"
	"banger/core"
	"banger/core/host"
	"banger/core/source"
	"banger/internal/hint"
)

// The exit codes, as docs/cli.md lists them.
const (
	exitOK          = 0
	exitOther       = 1
	exitUsage       = 2
	exitNotFound    = 3
	exitAuth        = 4
	exitNetwork     = 5
	exitBuilder     = 6
	exitTool        = 7
	exitStore       = 8
	exitDifference  = 9
	exitInterrupted = 130
)

// exitMeanings are what the codes mean, for the documents.
var exitMeanings = []struct {
	code    int
	meaning string
}{
	{exitOK, "done"},
	{exitOther, "any other error"},
	{exitUsage, "the command line is wrong, or asks a builder for what cannot be"},
	{exitNotFound, "the image, tag or platform was not found"},
	{exitAuth, "the registry wants (other) credentials"},
	{exitNetwork, "the network or the registry failed, or limits the rate"},
	{exitBuilder, "the builder failed, or with --strict could not keep everything"},
	{exitTool, "a tool of the host is missing"},
	{exitStore, "the store failed"},
	{exitDifference, "a difference was found: by verify, to which a damaged file is one, or by diff; or by cache verify something that is not as it should be"},
	{exitInterrupted, "interrupted"},
}

// errUsage marks what is wrong with the command line itself.
var errUsage = errors.New("usage")

// errStore marks a store that does not open, for whatever reason.
var errStore = errors.New("open store")

// storeFailure is an error that is an errStore and says so itself.
type storeFailure struct{ error }

func (e storeFailure) Unwrap() error        { return e.error }
func (e storeFailure) Is(target error) bool { return target == errStore }

// errInterrupted is the cause of a context that a signal ended.
var errInterrupted = errors.New("interrupted")

func usagef(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...)}
}

type usageError struct{ text string }

func (e *usageError) Error() string        { return e.text }
func (e *usageError) Is(target error) bool { return target == errUsage }

// codes orders the kinds of errors: the first that matches decides. Output
// comes before the store, whose ways of failing it shares.
var codes = []struct {
	err  error
	code int
}{
	{errUsage, exitUsage},
	{source.ErrReference, exitUsage},
	{source.ErrAuthFile, exitUsage},
	{host.ErrInvalid, exitUsage},
	{host.ErrUnknownBuilder, exitUsage},
	{cas.ErrIsDirectory, exitUsage},
	{core.ErrEmbed, exitUsage},
	{core.ErrOutput, exitOther},
	{core.ErrAmbiguous, exitUsage},
	{core.ErrDifferent, exitDifference},
	{source.ErrNotFound, exitNotFound},
	{core.ErrNotCached, exitNotFound},
	{source.ErrAuth, exitAuth},
	{source.ErrNetwork, exitNetwork},
	{host.ErrToolMissing, exitTool},
	{host.ErrBuilder, exitBuilder},
	{core.ErrLosses, exitBuilder},
	{core.ErrDamage, exitDifference},
	{errNotConforming, exitBuilder},
	{errStore, exitStore},
	{cas.ErrVersion, exitStore},
	{cas.ErrReadOnly, exitStore},
	{cas.ErrNoSpace, exitStore},
	{cas.ErrCorrupt, exitStore},
	{cas.ErrNotFound, exitStore},
	{cas.ErrTooLarge, exitStore},
	{cas.ErrMismatch, exitStore},
	{cas.ErrNoLocks, exitStore},
	{cas.ErrBusy, exitStore},
}

func exitCode(ctx context.Context, err error) int {
	if err == nil {
		return exitOK
	}
	if errors.Is(context.Cause(ctx), errInterrupted) {
		return exitInterrupted
	}
	for _, c := range codes {
		if errors.Is(err, c.err) {
			return c.code
		}
	}
	return exitOther
}

// report says what went wrong and, where it is known, what to do.
func report(ctx context.Context, w io.Writer, err error) {
	if errors.Is(context.Cause(ctx), errInterrupted) {
		fmt.Fprintln(w, "banger: interrupted")
		return
	}
	fmt.Fprintf(w, "banger: error: %s\n", printable(err.Error()))
	if h := hint.Of(err); h != "" {
		fmt.Fprintf(w, "banger: hint: %s\n", printable(h))
	}
}
