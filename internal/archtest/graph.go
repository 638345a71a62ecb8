// Package archtest holds the module to its dependency rule: which package may
// lead to which other, and which calls a library may not make. It has tests
// alone for users; what is exported serves them.
package archtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Package is one package as go list sees it, without its tests.
type Package struct {
	ImportPath string
	Dir        string
	Standard   bool
	GoFiles    []string
	CgoFiles   []string
	Imports    []string
}

// Graph is all packages of a build by import path.
type Graph map[string]Package

// Load lists the packages that match the patterns in dir, with all that they
// depend on.
func Load(ctx context.Context, dir string, patterns ...string) (Graph, error) {
	cmd := exec.CommandContext(ctx, "go", append([]string{"list", "-deps", "-json=ImportPath,Dir,Standard,GoFiles,CgoFiles,Imports"}, patterns...)...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("list packages: %w: %s", err, stderr.Bytes())
	}
	g := Graph{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p Package
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return g, nil
		} else if err != nil {
			return nil, fmt.Errorf("read list of packages: %w", err)
		}
		g[p.ImportPath] = p
	}
}

// Within returns the packages at or below one of the import paths, sorted. A
// path may hold the patterns of path.Match.
func (g Graph) Within(paths ...string) []Package {
	var found []Package
	for _, p := range g {
		if within(p.ImportPath, paths) {
			found = append(found, p)
		}
	}
	slices.SortFunc(found, func(a, b Package) int { return strings.Compare(a.ImportPath, b.ImportPath) })
	return found
}

// within reports whether an import path is one of paths, or below one.
func within(importPath string, paths []string) bool {
	for _, pattern := range paths {
		depth := strings.Count(pattern, "/") + 1
		elems := strings.Split(importPath, "/")
		if len(elems) < depth {
			continue
		}
		if ok, _ := filepath.Match(pattern, strings.Join(elems[:depth], "/")); ok {
			return true
		}
	}
	return false
}

// chains returns, for each package that start leads to through packages for
// which follow holds, one shortest chain of imports from start to it.
func (g Graph) chains(start string, follow func(Package) bool) map[string][]string {
	found := map[string][]string{start: {start}}
	for queue := []string{start}; len(queue) > 0; queue = queue[1:] {
		from := queue[0]
		if p, ok := g[from]; from != start && (!ok || !follow(p)) {
			continue
		}
		for _, to := range g[from].Imports {
			if _, seen := found[to]; !seen {
				found[to] = append(slices.Clone(found[from]), to)
				queue = append(queue, to)
			}
		}
	}
	delete(found, start)
	return found
}
