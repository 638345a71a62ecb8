package host

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"banger/internal/hint"
	"banger/sdk"
)

// Error is what went wrong with a builder. It wraps ErrBuilder and Err.
type Error struct {
	Builder string // its name
	Op      string // "start", "describe", "build", …
	Err     error
	// Exit tells how the process ended ("exit status 2", "signal: killed")
	// if it did so of its own accord; otherwise it is "".
	Exit string
	// Output is the last of what the process printed, at most 50 lines.
	Output []string
}

// Error returns one line, and what a builder that ended by itself had printed
// on further ones.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "builder %s: %s: %v", e.Builder, e.Op, e.Err)
	if e.Exit == "" {
		return b.String()
	}
	fmt.Fprintf(&b, " (%s)", e.Exit)
	for _, line := range e.Output {
		b.WriteString("\n  | " + line)
	}
	return b.String()
}

// Unwrap implements the errors package's contract.
func (e *Error) Unwrap() []error { return []error{ErrBuilder, e.Err} }

// maxMessage bounds the text of an error that a builder sent.
const maxMessage = 4 << 10

var (
	errLost = errors.New("the connection to it broke")
	errDied = errors.New("it ended unexpectedly")
	errSlow = errors.New("it did not answer in time")
)

// remote turns the error of a call into one for people. It wraps errLost if
// the connection was the reason.
func remote(err error) error {
	var call interface{ GRPCStatus() *status.Status }
	if !errors.As(err, &call) {
		return err
	}
	s := call.GRPCStatus()
	out := errors.New(cleanLines(s.Message(), maxMessage))
	switch s.Code() {
	case codes.Unimplemented:
		out = fmt.Errorf("it does not speak builder protocol %d: %w", sdk.ProtocolVersion, out)
	case codes.Unavailable:
		out = fmt.Errorf("%w: %w", errLost, out)
	case codes.DeadlineExceeded:
		out = errSlow
	case codes.ResourceExhausted:
		out = fmt.Errorf("it sent too large a message: %w", out)
	}
	if h := clean(hint.Of(err), maxMessage); h != "" {
		return hint.With(out, h)
	}
	return out
}

// cleanLines cleans a text of several lines, each by itself.
func cleanLines(s string, most int) string {
	var lines []string
	for line := range strings.Lines(shorten(s, most)) {
		lines = append(lines, clean(line, most))
	}
	return strings.Join(lines, "\n")
}

// failure turns err into what the caller is told: the end of ctx, if that is
// why, or an Error with what is known of the process.
func (s *session) failure(ctx context.Context, op string, err error) error {
	if ctx.Err() != nil {
		return failure(ctx, s.builder, op, err)
	}
	invalid := op == "build" && status.Code(err) == codes.InvalidArgument
	if err = remote(err); invalid {
		err = sdk.Invalid(err)
	}
	e := &Error{Builder: s.builder.Name, Op: op, Err: err}
	lost := errors.Is(err, errLost)
	if e.Exit = s.runner.died(lost || errors.Is(err, errClosed)); e.Exit != "" && lost {
		e.Err = errDied
	}
	e.Output = s.noise.last()
	return e
}

func failure(ctx context.Context, b *Builder, op string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("builder %s: %s: %w", b.Name, op, context.Cause(ctx))
	}
	return &Error{Builder: b.Name, Op: op, Err: err}
}
