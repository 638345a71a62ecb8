//go:build linux

package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// shell reads commands from in until its end or a command that ends the
// machine, and returns reboot(2)'s command for that.
func shell(in io.Reader) int {
	fmt.Println("banger demo: commands are: ls PATH, cat PATH, check, poweroff, reboot")
	for s := bufio.NewScanner(in); prompt() && s.Scan(); {
		name, arg, _ := strings.Cut(strings.TrimSpace(s.Text()), " ")
		if arg = strings.TrimSpace(arg); arg == "" {
			arg = "/"
		}
		switch name {
		case "":
		case "ls":
			list(arg)
		case "cat":
			fmt.Print(read(arg))
		case "check":
			report("/")
		case "poweroff":
			return unix.LINUX_REBOOT_CMD_POWER_OFF
		case "reboot":
			return unix.LINUX_REBOOT_CMD_RESTART
		default:
			fmt.Printf("no command %q\n", name)
		}
	}
	return unix.LINUX_REBOOT_CMD_POWER_OFF
}

func prompt() bool {
	fmt.Print("# ")
	return true
}

func list(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, e := range entries {
		info, err := os.Lstat(filepath.Join(dir, e.Name()))
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Printf("%s %10d %s %s\n", info.Mode(), info.Size(), info.ModTime().UTC().Format("2006-01-02 15:04"), e.Name())
	}
}
