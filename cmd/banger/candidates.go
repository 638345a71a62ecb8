package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"banger/cas"
)

// candidates are what may stand in the place of the last of words. What could
// not be found out is left out: nobody wants an error there.
func candidates(ctx context.Context, app *cli.App, words []string) []string {
	if len(words) == 0 {
		return nil
	}
	words, word := words[:len(words)-1], words[len(words)-1]
	at := cursorOf(app, words)
	switch {
	case at.flag != nil:
		return matching(valuesOf(at, word), word)
	case strings.HasPrefix(word, "-") && !at.operandsOnly:
		if name, value, ok := strings.Cut(word, "="); ok {
			at.flag = findFlag(at.flags(), flagName(name))
			return prefixed(name+"=", matching(valuesOf(at, value), value))
		}
		return matching(flagNames(at.flags()), word)
	case at.command == nil:
		return matching(commandNames(app.Commands), word)
	}
	return matching(at.operands(ctx, word), word)
}

// cursor is where in a command line the word to complete stands.
type cursor struct {
	app          *cli.App
	command      *cli.Command // nil before the command
	flag         cli.Flag     // whose value it is, or nil
	operandsOnly bool         // behind "--"
	count        int          // operands before it
	words        []string
}

func cursorOf(app *cli.App, words []string) cursor {
	at := cursor{app: app, words: words}
	for _, w := range words {
		switch {
		case at.flag != nil:
			at.flag = nil
		case at.operandsOnly:
			at.count++
		case w == "--":
			at.operandsOnly = true
		case strings.HasPrefix(w, "-"):
			if f := findFlag(at.flags(), flagName(w)); f != nil && takesValue(f) && !strings.Contains(w, "=") {
				at.flag = f
			}
		case at.command == nil:
			at.command = app.Command(w)
			if at.command == nil {
				at.operandsOnly, at.command = true, &cli.Command{}
			}
		case at.count == 0 && findSub(at.command, w) != nil:
			at.command = findSub(at.command, w)
		default:
			at.count++
		}
	}
	return at
}

func (at *cursor) flags() []cli.Flag {
	if at.command == nil {
		return storeFlags()
	}
	return at.command.Flags
}

// operands are what a command takes beside flags.
func (at *cursor) operands(ctx context.Context, word string) []string {
	var list []string
	if at.count == 0 {
		list = commandNames(at.command.Subcommands)
	}
	kinds := at.command.ArgsUsage
	switch {
	case strings.Contains(kinds, "SHELL"):
		return append(list, "bash", "fish", "zsh")
	case strings.Contains(kinds, "COMMAND"):
		return append(list, commandNames(at.app.Commands)...)
	case strings.Contains(kinds, "NAME"):
		return append(list, at.builders()...)
	case strings.Contains(kinds, "IMAGE"):
		list = append(list, at.images(ctx, word)...)
	}
	if strings.Contains(kinds, "FILE") {
		list = append(list, filesToo)
	}
	return list
}

// images are the references that the store knows, the schemes, and paths
// behind a scheme.
func (at *cursor) images(ctx context.Context, word string) []string {
	list := at.stored(ctx)
	if scheme, path, ok := strings.Cut(word, ":"); ok && slices.Contains(localSchemes, scheme+":") {
		list = append(list, prefixed(scheme+":", paths(path))...)
	} else {
		list = append(append(list, localSchemes...), "docker-daemon:", "docker://")
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// stored are the references of the images in the store that came from a
// registry: the store does not keep paths as they were given.
func (at *cursor) stored(ctx context.Context) []string {
	dir := at.value("store")
	if dir == "" {
		cache := userDir("XDG_CACHE_HOME", ".cache")
		if cache == "" {
			return nil
		}
		dir = filepath.Join(cache, "banger", "oci")
	}
	s, err := cas.View(ctx, dir)
	if err != nil {
		return nil
	}
	defer s.Close()
	var list []string
	for _, name := range s.Names() {
		if host, _, _ := strings.Cut(name, "/"); host == "localhost" || strings.ContainsAny(host, ".:") {
			list = append(list, familiar(name))
		}
	}
	return list
}

// familiar is a reference as people write it: without Docker Hub's host.
func familiar(name string) string {
	for _, prefix := range []string{"index.docker.io/library/", "index.docker.io/"} {
		if short, ok := strings.CutPrefix(name, prefix); ok {
			return short
		}
	}
	return name
}

// localSchemes are those with a path behind them.
var localSchemes = []string{"oci:", "oci-archive:", "docker-archive:"}

// paths are the files that a path may go on to, directories with a slash.
func paths(word string) []string {
	found, err := filepath.Glob(escapeGlob(word) + "*")
	if err != nil {
		return nil
	}
	for i, p := range found {
		if info, err := os.Stat(p); err == nil && info.IsDir() {
			found[i] += "/"
		}
	}
	return found
}

func escapeGlob(s string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(s)
}

// value is what the words before the cursor, or the environment, set a flag to.
func (at *cursor) value(name string) string {
	f := findFlag(at.flags(), name)
	if f == nil {
		return ""
	}
	value := os.Getenv(variable(f))
	for i, w := range at.words {
		if strings.HasPrefix(w, "-") && findFlag([]cli.Flag{f}, flagName(w)) != nil {
			if _, joined, ok := strings.Cut(w, "="); ok {
				value = joined
			} else if i+1 < len(at.words) {
				value = at.words[i+1]
			}
		}
	}
	return value
}
