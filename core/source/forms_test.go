package source_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"banger/core/source"
	"banger/internal/need"
)

// run runs a program and fails the test with what it printed.
func run(t testing.TB, tool, pkg string, args ...string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	out, err := exec.CommandContext(ctx, need.Tool(t, tool, pkg), args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", tool, strings.Join(args, " "), err, out)
	}
}

func skopeoCopy(t testing.TB, from, to string, more ...string) {
	t.Helper()
	run(t, "skopeo", "skopeo", append([]string{"copy", "--quiet", "--insecure-policy", from, to}, more...)...)
}

// Every form of the real image that the usual tools write gives the same
// diffIDs, and configs that are the same wherever the tool kept the bytes.
func TestFormsAgree(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	original := "docker-archive:" + alpineArchive(t)
	run(t, "sh", "dash", "-c", `zcat "$1" >"$2"`, "sh", alpineArchive(t), at("docker.tar"))
	run(t, "zstd", "zstd", "-q", at("docker.tar"), "-o", at("docker.tar.zst"))

	skopeoCopy(t, "docker-archive:"+at("docker.tar"), "oci:"+at("oci")+":3.11")
	skopeoCopy(t, "docker-archive:"+at("docker.tar"), "oci:"+at("zstd")+":3.11", "--dest-compress-format", "zstd")
	skopeoCopy(t, "oci:"+at("oci")+":3.11", "oci-archive:"+at("oci.tar")+":3.11")
	skopeoCopy(t, "oci:"+at("oci")+":3.11", "docker-archive:"+at("skopeo.tar")+":alpine:3.11")
	run(t, "sh", "dash", "-c", `gzip -k "$1"`, "sh", at("oci.tar"))
	run(t, "sh", "dash", "-c", `gzip -k "$1"`, "sh", at("skopeo.tar"))
	run(t, "umoci", "umoci", "tag", "--image", at("oci")+":3.11", "umoci")
	run(t, "bsdtar", "libarchive-tools", "-C", at("oci"), "-cf", at("bsd.tar"), ".")

	ociConfig := mustOpen(t, "oci:"+at("oci")+":3.11", source.Options{}).Manifest().Config.Digest.String()
	for _, c := range []struct{ ref, config string }{
		{original, alpineConfig},
		{original + ":alpine:3.11", alpineConfig},
		{"docker-archive:" + at("docker.tar"), alpineConfig},
		{"docker-archive:" + at("docker.tar") + ":docker.io/library/alpine:3.11", alpineConfig},
		{"docker-archive:" + at("docker.tar.zst"), alpineConfig},
		{"oci:" + at("oci"), ociConfig},
		{"oci:" + at("oci") + ":umoci", ociConfig},
		{"oci:" + at("zstd"), ociConfig},
		{"oci-archive:" + at("oci.tar") + ":3.11", ociConfig},
		{"oci-archive:" + at("oci.tar.gz"), ociConfig},
		{"oci-archive:" + at("bsd.tar") + ":umoci", ociConfig},
		{"docker-archive:" + at("skopeo.tar"), ociConfig},
		{"docker-archive:" + at("skopeo.tar.gz") + ":alpine:3.11", ociConfig},
	} {
		t.Run(strings.ReplaceAll(c.ref, dir, ""), func(t *testing.T) {
			im := mustOpen(t, c.ref, source.Options{Platform: platform(t, "linux/amd64")})
			ids := check(t, im)
			if len(ids) != 1 || ids[0] != alpineDiffID {
				t.Errorf("diffIDs %v", ids)
			}
			if got := im.Manifest().Config.Digest.String(); got != c.config {
				t.Errorf("config %s, want %s", got, c.config)
			}
			if im.Name() != c.ref {
				t.Errorf("name %s", im.Name())
			}
		})
	}
}

// buildah's layouts and archives, of an image with two layers and an index.
func TestFormsOfBuildah(t *testing.T) {
	need.Root(t)
	dir, err := os.MkdirTemp("", "banger-forms-") // buildah wants a path in lower case
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	base := []string{"--root", dir + "/root", "--runroot", dir + "/run", "--storage-driver", "vfs"}
	buildah := func(args ...string) {
		t.Helper()
		run(t, "buildah", "buildah", append(base, args...)...)
	}
	run(t, "sh", "dash", "-c", `zcat "$1" >"$2"`, "sh", alpineArchive(t), dir+"/docker.tar")
	skopeoCopy(t, "docker-archive:"+dir+"/docker.tar", "oci:"+dir+"/base:3.11")
	if err := os.WriteFile(dir+"/added", []byte("added\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	buildah("from", "--name", "work", "oci:"+dir+"/base:3.11")
	buildah("add", "work", dir+"/added", "/added")
	buildah("commit", "work", "img")
	buildah("push", "img", "oci:"+dir+"/oci:x")
	buildah("push", "img", "oci-archive:"+dir+"/oci.tar:x")
	buildah("push", "img", "docker-archive:"+dir+"/pushed.tar:img:1")
	buildah("manifest", "create", "list", "img")
	buildah("manifest", "push", "--all", "list", "oci:"+dir+"/list:x")

	want := check(t, mustOpen(t, "oci:"+dir+"/oci:x", source.Options{}))
	if len(want) != 2 || want[0] != alpineDiffID {
		t.Fatalf("diffIDs %v", want)
	}
	for _, ref := range []string{
		"oci-archive:" + dir + "/oci.tar:x", "docker-archive:" + dir + "/pushed.tar:img:1", "oci:" + dir + "/list:x",
	} {
		im := mustOpen(t, ref, source.Options{Platform: platform(t, "amd64")})
		if got := check(t, im); len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
			t.Errorf("%s: diffIDs %v, want %v", ref, got, want)
		}
		if strings.Contains(ref, "list") && len(im.Manifest().Indexes) != 1 {
			t.Errorf("%s: not from an index", ref)
		}
	}
}
