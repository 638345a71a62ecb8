package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// choices are the values of flags that take one of a few, by the flag's name.
var choices = map[string][]string{
	"progress":     {"auto", "tty", "plain", "json", "none"},
	"log-level":    {"debug", "info", "warn", "error"},
	"unsafe-paths": {"refuse", "contain"},
	"format":       slices.Sorted(maps.Keys(treeFormats)),
	"platform":     {"linux/amd64", "linux/arm64", "linux/arm/v7", "linux/386", "linux/riscv64", "linux/ppc64le", "linux/s390x"},
	"size":         {"auto"},
}

// valuesOf are the values that the flag at the cursor may have; files, when it
// names one.
func valuesOf(at cursor, word string) []string {
	if at.flag == nil {
		return nil
	}
	name := at.flag.Names()[0]
	if list, ok := choices[name]; ok {
		return list
	}
	if name == "builder" {
		return at.builders()
	}
	d, ok := at.flag.(cli.DocGenerationFlag)
	if ok && (strings.Contains(d.GetUsage(), "`FILE`") || strings.Contains(d.GetUsage(), "`DIR`")) {
		if word != "" && strings.Contains(word, "=") {
			return paths(word)
		}
		return []string{filesToo}
	}
	return nil
}

// builders are the names of the builders that are there; none is started.
func (at *cursor) builders() []string {
	names := slices.Collect(maps.Keys(bundledBuilders))
	dirs := append(filepath.SplitList(os.Getenv("BANGER_PLUGIN_PATH")), defaultPluginDirs()...)
	if dir := at.value("plugin-dir"); dir != "" {
		dirs = append(dirs, dir)
	}
	for _, dir := range dirs {
		found, err := filepath.Glob(filepath.Join(escapeGlob(dir), "banger-builder-*"))
		if err != nil {
			continue
		}
		for _, path := range found {
			names = append(names, strings.TrimPrefix(filepath.Base(path), "banger-builder-"))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func commandNames(commands []*cli.Command) []string {
	var names []string
	for _, c := range commands {
		if !c.Hidden {
			names = append(names, c.Name+"\t"+c.Usage)
		}
	}
	return names
}

func flagNames(flags []cli.Flag) []string {
	names := []string{"--help\tshow help"}
	for _, f := range flags {
		usage := ""
		if d, ok := f.(cli.DocGenerationFlag); ok {
			usage = "\t" + strings.ReplaceAll(d.GetUsage(), "`", "")
		}
		names = append(names, "--"+f.Names()[0]+usage)
	}
	return names
}

// matching are those of list that begin with word, and filesToo.
func matching(list []string, word string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool {
		return !strings.HasPrefix(s, word) && s != filesToo
	})
}

func prefixed(prefix string, list []string) []string {
	out := make([]string, 0, len(list))
	for _, s := range list {
		if s != filesToo {
			s = prefix + s
		}
		out = append(out, s)
	}
	return out
}
