package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"banger/internal/bangertest"
	"banger/internal/need"
)

// TestInstall installs with standalone builders, as make does: they are found
// below the prefix and make the images that the bundled ones make, and nothing
// is said of hiding those. A builder that is another is said to hide one.
func TestInstall(t *testing.T) {
	need.Tool(t, "mkfs.ext4", "e2fsprogs")
	bin, dir := bangertest.Binary(t), t.TempDir()
	prefix := filepath.Join(dir, "prefix")
	builder := func(name string) string { return filepath.Join(filepath.Dir(bin), "banger-builder-"+name) }
	runAnew(t, "../..", "packaging/install", bin, bin, prefix, builder("debugfs"), builder("ext4"))
	for _, name := range []string{
		"bin/banger", "libexec/banger/banger-builder-debugfs", "share/bash-completion/completions/banger", "share/zsh/site-functions/_banger",
		"share/fish/vendor_completions.d/banger.fish", "share/man/man1/banger.1", "share/man/man1/banger-build.1",
	} {
		if info, err := os.Stat(filepath.Join(prefix, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	must(t, writeImage(filepath.Join(dir, "img"), "good"))
	run := func(program string, args ...string) (stdout, stderr string) {
		t.Helper()
		return runAnew(t, dir, program, args...)
	}
	installed := filepath.Join(prefix, "bin", "banger")
	for _, name := range []string{"debugfs", "ext4"} {
		if out, errs := run(installed, "build", "--json", "oci:img", "-b", name, "-o", name); errs != "" || !strings.Contains(out, `"identity": "sha256:`) {
			t.Errorf("%s: %s\n%s", name, errs, out)
		}
		run(bin, "build", "oci:img", "-b", name, "-o", name+".bundled")
		must(t, exec.CommandContext(t.Context(), "cmp", filepath.Join(dir, name), filepath.Join(dir, name+".bundled")).Run())
	}
	if out, errs := run(installed, "builders"); errs != "" || !strings.Contains(out, filepath.Join(prefix, "libexec/banger/banger-builder-ext4")) || !strings.Contains(out, "bundled") {
		t.Errorf("builders: %s\n%s", errs, out)
	}
	must(t, os.Mkdir(filepath.Join(dir, "more"), 0o755), os.Link(filepath.Join(prefix, "libexec/banger/banger-builder-ext4"), filepath.Join(dir, "more", "banger-builder-ext4")))
	if _, errs := run(installed, "builders", "--plugin-dir", filepath.Join(dir, "more")); !strings.Contains(errs, "which hides "+filepath.Join(prefix, "libexec/banger/banger-builder-ext4")+", bundled") {
		t.Errorf("another one: %s", errs)
	}
}

// TestPackage makes the Debian package with standalone builders, as make does,
// and runs what is in it: the builders are found, and one of them builds.
func TestPackage(t *testing.T) {
	dpkg := need.Tool(t, "dpkg-deb", "dpkg")
	t.Setenv("DPKG_DEB_COMPRESSOR_TYPE", "none") // dpkg-deb(1): xz would take most of the time
	bin, dir := bangertest.Binary(t), t.TempDir()
	arch, _ := runAnew(t, dir, need.Tool(t, "dpkg", "dpkg"), "--print-architecture")
	arch = strings.TrimSpace(arch)
	must(t, os.Symlink(bin, filepath.Join(dir, "banger-"+arch)), writeImage(filepath.Join(dir, "img"), "good"))
	builders, err := filepath.Glob(filepath.Join(filepath.Dir(bin), "banger-builder-*"))
	must(t, err)
	runAnew(t, "../..", "packaging/deb", append([]string{arch, "v1.2.3", dir, bin}, builders...)...)

	root := filepath.Join(dir, "root")
	runAnew(t, dir, dpkg, "-x", filepath.Join(dir, "banger_1.2.3_"+arch+".deb"), root)
	installed := filepath.Join(root, "usr", "bin", "banger")
	out, errs := runAnew(t, dir, installed, "builders")
	for _, b := range builders {
		if path := filepath.Join(root, "usr", "libexec", "banger", filepath.Base(b)); errs != "" || !strings.Contains(out, path) {
			t.Errorf("builders does not have %s: %s\n%s", path, errs, out)
		}
	}
	if out, errs := runAnew(t, dir, installed, "build", "--json", "oci:img", "-b", "ext4", "-o", "image"); errs != "" || !strings.Contains(out, `"identity": "sha256:`) {
		t.Errorf("build: %s\n%s", errs, out)
	}
	if info, err := os.Stat(filepath.Join(dir, "image")); err != nil || info.Size() == 0 {
		t.Errorf("the image: %v", err)
	}
}

// runAnew runs a program in dir for a user who has nothing yet.
func runAnew(t *testing.T, dir, program string, args ...string) (stdout, stderr string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "HOME="+t.TempDir(), "XDG_CONFIG_HOME=", "XDG_DATA_HOME=", "XDG_CACHE_HOME=")
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s", program, args, err, errs.String())
	}
	return out.String(), errs.String()
}
