//go:build linux

// Command init is the whole userland of the demo image: it runs as process 1,
// says what it sees of its root filesystem, and then offers a few commands on
// the console. With "banger.poweroff" or "banger.reboot" on the kernel's
// command line it ends the machine instead.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"banger/demo/internal/fact"
)

func main() {
	if os.Getpid() != 1 {
		fmt.Fprintln(os.Stderr, "this is the init of a demo image: boot it as process 1")
		os.Exit(2)
	}
	mountAll()
	openConsole()
	fmt.Printf("\nbanger demo: booted Linux %s, root filesystem %s\n", release(), rootType())
	report("/")
	words := strings.Fields(read("/proc/cmdline"))
	switch {
	case slices.Contains(words, "banger.poweroff"):
		end(unix.LINUX_REBOOT_CMD_POWER_OFF)
	case slices.Contains(words, "banger.reboot"):
		end(unix.LINUX_REBOOT_CMD_RESTART)
	default:
		end(shell(os.Stdin))
	}
}

// mountAll mounts what a userland expects. A kernel may have mounted some of
// it already.
func mountAll() {
	for _, m := range []struct{ fstype, at string }{{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}} {
		if err := unix.Mount(m.fstype, m.at, m.fstype, 0, ""); err != nil && err != unix.EBUSY {
			fmt.Printf("banger demo: mount %s: %v\n", m.at, err)
		}
	}
}

// openConsole makes /dev/console the standard streams, in case that the
// kernel found none when it started this process.
func openConsole() {
	fd, err := unix.Open("/dev/console", unix.O_RDWR, 0)
	if err != nil {
		return
	}
	for std := range 3 {
		if fd != std {
			_ = unix.Dup3(fd, std, 0)
		}
	}
}

// report holds the facts that the image carries against its files.
func report(root string) {
	file, err := os.Open(filepath.Join(root, fact.Path))
	if err != nil {
		fmt.Printf("banger demo: %v\n", err)
		return
	}
	defer func() { _ = file.Close() }()
	facts, err := fact.ReadAll(file)
	if err != nil {
		fmt.Printf("banger demo: %v\n", err)
		return
	}
	good := 0
	for _, f := range facts {
		diff := f.Check(root)
		for _, d := range diff {
			fmt.Printf("banger demo: differs: %s\n", d)
		}
		if len(diff) == 0 {
			good++
		}
	}
	fmt.Printf("banger demo: %d of %d files are as the image says\n", good, len(facts))
}

func release() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return err.Error()
	}
	return unix.ByteSliceToString(u.Release[:])
}

// rootType returns the type of the filesystem on /, the last one mounted.
func rootType() string {
	fstype := "unknown"
	for line := range strings.Lines(read("/proc/mounts")) {
		if f := strings.Fields(line); len(f) > 2 && f[1] == "/" {
			fstype = f[2]
		}
	}
	return fstype
}

func read(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// end ends the machine with one of reboot(2)'s commands. A Firecracker microVM
// cannot power off, and ends on a restart.
func end(command int) {
	fmt.Println("banger demo: end")
	unix.Sync()
	if err := unix.Reboot(command); err != nil {
		fmt.Printf("banger demo: reboot: %v\n", err)
	}
	select {} // the kernel panics when process 1 exits
}
