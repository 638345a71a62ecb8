// Package boot boots root filesystem images in a virtual machine, for tests.
//
// It emulates the processor in software: /dev/kvm may be there and yet fail
// in a nested machine, and a boot takes only some five seconds without it.
package boot

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Machine is what boots an image: a kernel and its initramfs, which has the
// drivers for a virtio disk with ext4.
type Machine struct {
	QEMU   string // path of qemu-system-x86_64
	Kernel string
	Initrd string

	Writes bool // into the image; otherwise what it writes is lost
	Memory int  // in MiB; 0 is 256
}

// kernels is where Debian's kernels for virtual machines are.
const kernels = "/boot/vmlinuz-*-cloud-amd64"

// Find returns a machine with one of the installed kernels for virtual
// machines. Where there is none, its files do not exist.
func Find(qemu string) Machine {
	found, err := filepath.Glob(kernels)
	if err != nil || len(found) == 0 {
		return Machine{QEMU: qemu, Kernel: kernels, Initrd: kernels}
	}
	kernel := slices.Max(found)
	return Machine{QEMU: qemu, Kernel: kernel, Initrd: strings.Replace(kernel, "vmlinuz", "initrd.img", 1)}
}

// Command returns the command that boots the image, with words added to the
// kernel's command line. Its standard output is the serial console, and it
// ends when the machine powers off, restarts or panics.
func (m Machine) Command(ctx context.Context, image string, words ...string) *exec.Cmd {
	// An emulated timer that comes late on a busy host is no broken timer:
	// without no_timer_check the kernel panics over it.
	snapshot := "on"
	if m.Writes {
		snapshot = "off"
	}
	line := append([]string{"console=ttyS0", "quiet", "panic=-1", "no_timer_check", "root=/dev/vda", "rw", "init=/sbin/init"}, words...)
	cmd := exec.CommandContext(ctx, m.QEMU,
		"-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
		"-accel", "tcg", "-m", strconv.Itoa(cmp.Or(m.Memory, 256)),
		"-kernel", m.Kernel, "-initrd", m.Initrd, "-append", strings.Join(line, " "),
		"-drive", "if=virtio,format=raw,snapshot="+snapshot+",file="+strings.ReplaceAll(image, ",", ",,"),
		"-serial", "stdio")
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// prompt is the end of what root's shell in / asks with.
const prompt = ":/# "

// Run runs a machine's command to its end and returns the console's lines,
// without escape sequences. Whenever a root shell in / shows its prompt, the
// next of the commands is typed. What QEMU itself complains of is in the error.
func Run(cmd *exec.Cmd, commands ...string) ([]string, error) {
	keys, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("run virtual machine: %w", err)
	}
	console := typist{commands: commands, keys: keys}
	var complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &console, &complaints
	err = cmd.Run()
	var lines []string
	for line := range strings.Lines(escape.ReplaceAllString(console.shown.String(), "")) {
		lines = append(lines, strings.TrimSpace(line))
	}
	if err != nil {
		return lines, fmt.Errorf("run virtual machine: %w: %s", err, strings.TrimSpace(complaints.String()))
	}
	return lines, nil
}

// escape matches what a shell says to a terminal alone (ECMA-48, CSI).
var escape = regexp.MustCompile("\x1b\\[[0-?]*[ -/]*[@-~]")

// typist sits at a console.
type typist struct {
	shown    bytes.Buffer
	read     int // of it, to the end of the last prompt
	commands []string
	keys     io.Writer
}

// Write takes what the console shows.
func (t *typist) Write(p []byte) (int, error) {
	t.shown.Write(p)
	for len(t.commands) > 0 {
		at := bytes.Index(t.shown.Bytes()[t.read:], []byte(prompt))
		if at < 0 {
			break
		}
		t.read += at + len(prompt)
		if _, err := io.WriteString(t.keys, t.commands[0]+"\n"); err != nil {
			return 0, fmt.Errorf("type on the console: %w", err)
		}
		t.commands = t.commands[1:]
	}
	return len(p), nil
}
