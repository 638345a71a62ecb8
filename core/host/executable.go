package host

import (
	"bufio"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"

	"banger/internal/hint"
)

// checkExecutable tells why path is no program that can be started, as far as
// that can be seen from outside.
func checkExecutable(path string) error {
	fi, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		if target, linkErr := os.Readlink(path); linkErr == nil {
			return fmt.Errorf("%s is a symlink to %s, which does not exist", path, target)
		}
		return err
	case err != nil:
		return err
	case fi.IsDir():
		return fmt.Errorf("%s is a directory", path)
	case !fi.Mode().IsRegular():
		return fmt.Errorf("%s is no regular file", path)
	case fi.Mode()&0o111 == 0:
		return hint.With(fmt.Errorf("%s is not executable", path), "chmod +x "+path)
	}
	if err := unix.Access(path, unix.X_OK); err != nil {
		return fmt.Errorf("%s is not executable for this user, or lies on a filesystem mounted noexec: %w", path, err)
	}
	return nil
}

// explainExec says what the kernel meant when it would not start path.
func explainExec(path string, err error) error {
	switch {
	case errors.Is(err, unix.ENOENT):
		return fmt.Errorf("start %s: its interpreter %s is missing: %w", path, quote(interpreter(path)), err)
	case errors.Is(err, unix.ENOEXEC):
		if f, elfErr := elf.Open(path); elfErr == nil {
			defer f.Close()
			return fmt.Errorf("start %s: it is built for %s, and this is %s: %w", path, f.Machine, runtime.GOARCH, err)
		}
		return fmt.Errorf("start %s: it is neither a program for this machine nor a script that begins with #!: %w", path, err)
	case errors.Is(err, unix.ESTALE): // macOS: keeper_darwin.go
		return fmt.Errorf("start %s: %w", path, changed())
	case errors.Is(err, unix.ETXTBSY):
		return hint.With(fmt.Errorf("start %s: it is still being written: %w", path, err), "try again in a moment")
	}
	return fmt.Errorf("start %s: %w", path, err)
}

// interpreter returns the program that a script or a dynamically linked
// executable asks for, or "".
func interpreter(path string) string {
	if f, err := elf.Open(path); err == nil {
		defer f.Close()
		for _, p := range f.Progs {
			if p.Type == elf.PT_INTERP {
				name, _ := io.ReadAll(io.LimitReader(p.Open(), unix.PathMax))
				return strings.TrimRight(string(name), "\x00")
			}
		}
		return ""
	}
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	line, _ := bufio.NewReader(io.LimitReader(f, 256)).ReadString('\n')
	fields := strings.Fields(strings.TrimPrefix(line, "#!"))
	if !strings.HasPrefix(line, "#!") || len(fields) == 0 {
		return ""
	}
	return fields[0]
}
