package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
)

// logLevels are the values of --log-level: what is printed, and all above it.
var logLevels = map[string]slog.Level{
	"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
}

func logLevel(name string) (slog.Level, error) {
	level, ok := logLevels[name]
	if !ok {
		return 0, usagef("--log-level is one of %s, not %q", strings.Join(slices.Sorted(maps.Keys(logLevels)), ", "), name)
	}
	return level, nil
}

// people is a slog handler that writes lines for people: the level where it is
// not info, the message, and what belongs to it.
type people struct {
	w     io.Writer
	level slog.Level
	color bool
	attrs []slog.Attr
}

// Enabled implements slog.Handler.
func (h *people) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level }

// WithAttrs implements slog.Handler.
func (h *people) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *h
	with.attrs = slices.Concat(h.attrs, attrs)
	return &with
}

// WithGroup implements slog.Handler. Lines for people have no groups.
func (h *people) WithGroup(string) slog.Handler { return h }

// Handle implements slog.Handler.
func (h *people) Handle(_ context.Context, r slog.Record) error {
	word := map[slog.Level]string{slog.LevelDebug: "debug: ", slog.LevelWarn: "warning: ", slog.LevelError: "error: "}[r.Level]
	if h.color && r.Level == slog.LevelWarn {
		word = "\x1b[33mwarning:\x1b[0m "
	}
	line := "banger: " + word + printable(r.Message)
	add := func(a slog.Attr) bool {
		line += fmt.Sprintf(" %s=%s", a.Key, printable(a.Value.String()))
		return true
	}
	for _, a := range h.attrs {
		add(a)
	}
	r.Attrs(add)
	_, err := io.WriteString(h.w, line+"\n")
	return err
}
