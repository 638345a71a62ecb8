package e2e

import (
	"strings"
	"testing"

	"banger/internal/filetest"
	"banger/internal/need"
	"banger/internal/registrytest"
)

// TestRegistry pulls the Debian image out of a real registry and wants the
// bytes that the same image gives out of an OCI layout.
func TestRegistry(t *testing.T) {
	need.Tool(t, "mkfs.ext4", "e2fsprogs")
	layout := debian(t)
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir()) // skopeo fails where it may not look for credentials
	host := registrytest.Start(t, registrytest.Config{})
	need.Run(t, need.Tool(t, "skopeo", "skopeo"), "copy", "-q", "--dest-tls-verify=false", "--preserve-digests",
		"oci:"+layout+":latest", "docker://"+host+"/test/debian:1")

	b := newBanger(t)
	remote := filetest.SHA256(t, b.build(t, "debugfs", host+"/test/debian:1"))
	other := newBanger(t)
	if local := filetest.SHA256(t, other.build(t, "debugfs", "oci:"+layout)); local != remote {
		t.Errorf("sha256 %s out of the registry, %s out of the layout", remote, local)
	}
	// The manifest is the same, so the answer is known, wherever it is from.
	if out := b.run(t, "build", "--json", "--builder", "debugfs", "oci:"+layout); !strings.Contains(out, `"cached": true`) {
		t.Errorf("the same manifest by another reference was built again:\n%s", out)
	}
}
