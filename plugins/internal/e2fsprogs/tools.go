// Package e2fsprogs runs mkfs.ext4, debugfs and e2fsck so that what they do
// depends on nothing but their arguments and their version: with an
// environment of their own, no configuration of the host, and a fixed clock.
// It turns what they print into errors.
//
// e2fsprogs 1.46 or newer is needed, for mkfs.ext4 -E no_copy_xattrs.
package e2fsprogs

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"

	"banger/internal/hint"
	"banger/sdk"
)

// The programs' names.
const (
	MkfsName    = "mkfs.ext4"
	DebugfsName = "debugfs"
	FsckName    = "e2fsck"
)

// ErrMissing is wrapped by the error about a program that is not installed or
// too old.
var ErrMissing = errors.New("host tool missing")

const installHint = "install e2fsprogs"

// sbin is where distributions put the programs, outside the PATH of ordinary
// users.
var sbin = [...]string{"/usr/local/sbin", "/usr/sbin", "/sbin"}

// Tools are the paths of the programs that a builder needs.
type Tools struct {
	Mkfs, Debugfs, Fsck string
	// Log, if not nil, gets each line that the programs print, once they have
	// ended.
	Log func(line string)
}

// Describe looks the named programs up and asks their versions.
func Describe(ctx context.Context, names ...string) []sdk.Tool {
	tools := make([]sdk.Tool, len(names))
	for i, name := range names {
		tools[i] = sdk.Tool{Name: name, Path: lookPath(name), Hint: installHint}
		if tools[i].Path != "" {
			tools[i].Version = version(ctx, tools[i].Path)
		}
	}
	return tools
}

// Find returns the paths of the named programs, or an error that wraps
// ErrMissing and has a hint.
func Find(ctx context.Context, names ...string) (Tools, error) {
	var t Tools
	for _, tool := range Describe(ctx, names...) {
		if tool.Path == "" {
			return Tools{}, hint.With(fmt.Errorf("find %s: %w", tool.Name, ErrMissing), installHint)
		}
		if tooOld(tool.Version) {
			err := fmt.Errorf("find %s: %w: %s is version %s, 1.46 or newer is needed", tool.Name, ErrMissing, tool.Path, tool.Version)
			return Tools{}, hint.With(err, "install a newer e2fsprogs")
		}
		switch tool.Name {
		case MkfsName:
			t.Mkfs = tool.Path
		case DebugfsName:
			t.Debugfs = tool.Path
		case FsckName:
			t.Fsck = tool.Path
		}
	}
	return t, nil
}

func lookPath(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		if path, err = filepath.Abs(path); err == nil {
			return path
		}
	}
	for _, dir := range sbin {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path
		}
	}
	return ""
}

var versionPattern = regexp.MustCompile(`\b[0-9]+\.[0-9]+[0-9A-Za-z.~-]*`)

// version returns what a program says its version is, "unknown" when it says
// none.
func version(ctx context.Context, path string) string {
	out, err := run(ctx, command{path: path, args: []string{"-V"}})
	if v := versionPattern.FindString(out.stderr + out.stdout); err == nil && v != "" {
		return v
	}
	return "unknown"
}

// oldest is the first version with mkfs.ext4 -E no_copy_xattrs.
const oldest = "1.46"

// tooOld reports whether a version is known to be older than oldest.
func tooOld(version string) bool {
	return versionPattern.MatchString(version) && compareVersions(version, oldest) < 0
}
