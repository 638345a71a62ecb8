package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"banger/core/host"
	"banger/internal/hint"
)

func lockCommand(flags []cli.Flag) *cli.Command {
	return &cli.Command{
		Name:      "lock",
		Usage:     "accept third-party builders as they are: those of the names given, or all that are found and no others",
		ArgsUsage: "[NAME]…",
		Flags:     flags,
		Action:    lockBuilders,
	}
}

// lockPath is --builders-lock, or the user's own file.
func lockPath(c *cli.Context) (string, error) {
	if path := c.String("builders-lock"); path != "" {
		return filepath.Abs(path)
	}
	config := userDir("XDG_CONFIG_HOME", ".config")
	if config == "" { // without a home there is no lock
		return "", nil
	}
	return filepath.Join(config, "banger", "builders.lock"), nil
}

// readLock reads the lock, nil if there is none. One that the user named must
// be there: who asks for a lock does not mean none.
func readLock(c *cli.Context) (*host.Lock, error) {
	path, err := lockPath(c)
	if path == "" || err != nil {
		return nil, err
	}
	lock, err := loadLock(path)
	missing := errors.Is(err, fs.ErrNotExist)
	switch named := c.String("builders-lock") != ""; {
	case missing && named:
		return nil, hint.With(usagef("--builders-lock: %v", err), "banger builders lock makes it")
	case missing:
		return nil, nil //nolint:nilnil // the usual case
	case err != nil && named:
		return nil, usagef("--builders-lock: %v", err)
	}
	return lock, err
}

func loadLock(path string) (*host.Lock, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read builders.lock: %w", err)
	}
	defer f.Close()
	lock, err := host.ReadLock(f)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return lock, nil
}

// lockedOutput is an accepted builder as JSON.
type lockedOutput struct {
	Name   string `json:"name"`
	Path   string `json:"path"`
	Digest string `json:"digest"`
}

func lockBuilders(c *cli.Context) error {
	path, err := lockPath(c)
	if err != nil {
		return err
	}
	if path == "" {
		return usagef("there is no place for builders.lock: name one with --builders-lock")
	}
	names := c.Args().Slice()
	files, err := host.New(host.Config{Dirs: pluginDirs(c)}).Digests(c.Context, names...)
	if err != nil {
		return err
	}
	lock, err := loadLock(path)
	if errors.Is(err, fs.ErrNotExist) {
		lock, err = &host.Lock{}, nil
	}
	if err != nil {
		return err
	}
	if len(names) == 0 {
		lock.Forget()
	}
	out := []lockedOutput{}
	for _, f := range files {
		lock.Accept(f.Name, f.Digest)
		out = append(out, lockedOutput{f.Name, f.Path, f.Digest.String()})
	}
	if err := storeLock(path, lock); err != nil {
		return err
	}
	return printLocked(c, path, out)
}

// storeLock replaces the lock in one step.
func storeLock(path string, lock *host.Lock) error {
	var text bytes.Buffer
	if err := lock.Write(&text); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".builders.lock-")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = f.Write(text.Bytes())
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

func printLocked(c *cli.Context, path string, out []lockedOutput) error {
	if c.Bool("json") {
		return printJSON(c, map[string]any{"lock": path, "builders": out})
	}
	for _, b := range out {
		if err := printLine(c.App.Writer, b.Name, b.Digest, printable(b.Path)); err != nil {
			return err
		}
	}
	return nil
}
