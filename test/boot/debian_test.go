package boot

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"banger/internal/ext4test"
	"banger/internal/need"
)

// What is typed in the machine, and what it must answer.
var debianDialog = []struct{ command, answer string }{
	{"echo init: $(cat /proc/1/comm)", "init: systemd"},
	{"echo root: $(findmnt -no FSTYPE,OPTIONS / | cut -d, -f1)", "root: ext4 rw"},
	{"stat -c '%n %s %b %y' /srv/sparse", "/srv/sparse 209715200 24 2040-02-29 12:34:56.789012345 +0000"},
	{"stat -c '%n %u:%g %y' /etc/issue", "/etc/issue 3000000000:4000000000 1950-01-01 00:00:00.500000000 +0000"},
	{"mount --bind / /mnt && stat -c '%n %F %t:%T' /mnt/dev/nvme-test", "/mnt/dev/nvme-test block special file 103:12c"},
	{"getcap /usr/bin/ping", "/usr/bin/ping cap_net_raw=ep"},
	{"sudo -u nobody cat /srv/two", "linked"},
	{"dpkg --verify; echo verified: $?", "verified: 0"},
	{"python3 -c 'open(\"/srv/one\", \"a\").write(\"written\\n\"); print(\"python wrote\")'", "python wrote"},
	{"tail -n 1 /srv/two", "written"},
	{"systemctl poweroff", ""},
}

// notAsPacked begins the lines of dpkg --verify about what test/debian/mkimage
// changes, and what the tools it runs leave out. All other files have the
// MD5 sums of their packages.
var notAsPacked = []string{
	"missing     /var/cache/apt/", "missing     /var/lib/apt/lists/",
	"missing     /usr/share/doc/sudo", "missing     /usr/bin/perl5.36.0", "missing     /usr/bin/perlthanks",
	"missing     /usr/share/nginx/modules", "??5??????   /usr/share/nginx/html/index.html",
}

// TestDebianBoots builds the Debian image as an ordinary user, boots it with
// its systemd to a shell, has that run commands and power the machine off, and
// has e2fsck look at what is left.
func TestDebianBoots(t *testing.T) {
	need.Tool(t, "mkfs.ext4", "e2fsprogs")
	m := machine(t)
	m.Writes = true
	layout, err := filepath.Abs("../../build/debian-oci")
	if err != nil {
		t.Fatal(err)
	}
	need.File(t, filepath.Join(layout, "index.json"), "make fixtures makes it")
	banger := filepath.Join(need.OpenDir(t), "banger")
	run(t, "go", "build", "-o", banger, "./cmd/banger")
	for _, builder := range []string{"ext4", "debugfs"} {
		t.Run(builder, func(t *testing.T) {
			t.Parallel()
			image := buildImage(t, false, banger, "build", "--builder", builder, "oci:"+layout)
			if err := os.Chmod(image, 0o666); err != nil {
				t.Fatal(err)
			}
			debianShell(t, m, image)
			ext4test.Fsck(t, image)
		})
	}
}

// debianShell talks with the shell that systemd starts on the console early
// in the boot (systemd-debug-generator(8)), with a silent kernel.
func debianShell(t *testing.T, m Machine, image string) {
	t.Helper()
	var commands []string
	for _, d := range debianDialog {
		commands = append(commands, d.command)
	}
	words := []string{"init=/lib/systemd/systemd", "systemd.debug_shell=ttyS0", "systemd.unit=basic.target", "systemd.show_status=0", "loglevel=1"}
	lines := boot(t, m, image, words, commands...)
	for _, d := range debianDialog {
		if !slices.Contains(lines, d.answer) && d.answer != "" {
			t.Errorf("%s: no %q on the console:\n%s", d.command, d.answer, strings.Join(lines, "\n"))
		}
	}
	for _, line := range lines {
		bad := strings.HasPrefix(line, "missing ") || strings.HasPrefix(line, "??")
		if bad && !slices.ContainsFunc(notAsPacked, func(p string) bool { return strings.HasPrefix(line, p) }) {
			t.Errorf("dpkg --verify says %q", line)
		}
	}
}
