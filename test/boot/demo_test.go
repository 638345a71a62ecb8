package boot

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"banger/internal/need"
)

// The main job: from the demo's sources to a machine that runs, with each
// bundled builder, as root and as an ordinary user.
func TestDemoBoots(t *testing.T) {
	need.Tool(t, "mkfs.ext4", "e2fsprogs")
	machine(t)
	banger, layout := buildDemo(t)
	tests := []struct {
		builder  string
		asRoot   bool
		faithful bool // the builder keeps all that the demo checks
	}{
		{builder: "e2fs", asRoot: true},
		{builder: "e2fs"},
		{builder: "debugfs", asRoot: true, faithful: true},
		{builder: "debugfs", faithful: true},
		{builder: "ext4", asRoot: true, faithful: true},
		{builder: "ext4", faithful: true},
	}
	for _, test := range tests {
		user := map[bool]string{true: "root", false: "ordinary user"}[test.asRoot]
		t.Run(test.builder+" as "+user, func(t *testing.T) {
			t.Parallel()
			lines := start(t, buildImage(t, test.asRoot, banger, "build", "--builder", test.builder, "oci:"+layout))
			differs := differences(lines)
			if test.faithful && len(differs) > 0 {
				t.Errorf("the machine sees other files than the image has:\n%s", strings.Join(differs, "\n"))
			}
			if !test.faithful && len(differs) == 0 {
				t.Error("e2fs cannot keep nanoseconds, and the machine saw no difference: is the check alive?")
			}
		})
	}
}

// Another filesystem, on Debian's kernel: an erofs image is read-only, and its
// driver must be added to the initramfs.
func TestErofsBoots(t *testing.T) {
	m := machine(t)
	banger, layout := buildDemo(t)
	m.Initrd = initrdWith(t, m.Kernel, "erofs")
	image := buildImage(t, false, banger, "build", "--builder", "erofs", "oci:"+layout)
	if differs := differences(startOn(t, m, "erofs", image, "ro", "rootfstype=erofs")); len(differs) > 0 {
		t.Errorf("the machine sees other files than the image has:\n%s", strings.Join(differs, "\n"))
	}
}

// initrdWith makes the initramfs of a kernel with more modules in it, which it
// loads.
func initrdWith(t *testing.T, kernel string, modules ...string) string {
	t.Helper()
	tool := need.Tool(t, "mkinitramfs", "initramfs-tools")
	dir := need.OpenDir(t)
	conf, initrd := filepath.Join(dir, "conf"), filepath.Join(dir, "initrd")
	if err := os.CopyFS(conf, os.DirFS("/etc/initramfs-tools")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(conf, "modules"), []byte(strings.Join(modules, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, version, _ := strings.Cut(filepath.Base(kernel), "-")
	run(t, tool, "-d", conf, "-o", initrd, version)
	return initrd
}

// differences are the lines of the demo's init about files that are not as in
// the image.
func differences(lines []string) []string {
	return slices.DeleteFunc(lines, func(l string) bool { return !strings.HasPrefix(l, "banger demo: differs: ") })
}

// buildDemo builds banger and the demo's image, an OCI layout.
func buildDemo(t *testing.T) (banger, layout string) {
	t.Helper()
	dir := need.OpenDir(t)
	banger, layout = filepath.Join(dir, "banger"), filepath.Join(dir, "demo-oci")
	program := filepath.Join(dir, "init")
	run(t, "go", "build", "-o", banger, "./cmd/banger")
	buildDemoInit(t, program)
	run(t, "go", "run", "./demo/mkimage", "-init", program, "-o", layout)
	return banger, layout
}

// buildImage runs banger with a store of its own and returns the image's path.
func buildImage(t *testing.T, asRoot bool, banger string, args ...string) string {
	t.Helper()
	dir := need.OpenDir(t)
	image := filepath.Join(dir, "rootfs.ext4")
	cmd := exec.CommandContext(t.Context(), banger, append(args, "--store", filepath.Join(dir, "store"), "-o", image)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+dir, "TMPDIR="+dir)
	if asRoot {
		need.Root(t)
	} else {
		need.AsNobody(cmd)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("banger build: %v\n%s", err, out)
	}
	if err := os.Chmod(image, 0o644); err != nil {
		t.Fatal(err)
	}
	return image
}

// buildDemoInit builds the demo's static init.
func buildDemoInit(t *testing.T, program string) {
	t.Helper()
	run(t, "go", "build", "-trimpath", "-ldflags=-s -w -buildid=", "-o", program, "./demo/init")
}

// run starts a command in the repository's root and waits for it.
func run(t *testing.T, name string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}
