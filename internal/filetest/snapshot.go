// Package filetest looks at files and directories for tests, and damages them.
package filetest

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"testing"
)

// Snapshot lists dir and all below it, with modes, sizes and modification
// times: two are equal when nothing has come, gone or changed between them, not
// even for a moment, which the time of its directory tells.
func Snapshot(t testing.TB, dir string) []string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil {
			list = append(list, fmt.Sprintf("%s %s %d %s", path, info.Mode(), info.Size(), info.ModTime()))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}
