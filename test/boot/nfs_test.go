package boot

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"banger/internal/need"
)

// onNFS is what the guest must say, as patterns of whole lines.
var onNFS = []string{
	`nfs: 6 builds made 1 images`,
	`nfs: built before, says /client1: true`,
	`nfs: built before, says /client2: true`,
	`nfs: verify: exit 0: banger: warning: no dependable file locks: /client1/store is on NFS, .*: all sound`,
	`nfs: prune: exit 8: banger: error: .* no dependable file locks: /client2/store is on NFS, .* hint: keep the store on a local filesystem`,
	`nfs: doctor: .* WARN store /client2/store: no dependable file locks.*`,
	`nfs: left in tmp: \[\], <nil>`,
	`nfs: left in quarantine: \[\], <nil>`,
}

// TestStoreOnNFS has two clients of a real NFS server make a store at once and
// build in it. The kernel that runs the tests may have no NFS, so that it is
// Debian's in a virtual machine.
func TestStoreOnNFS(t *testing.T) {
	mkfs := need.Tool(t, "mkfs.ext4", "e2fsprogs")
	m := machine(t)
	m.Memory = 768
	m.Initrd = initrdWith(t, m.Kernel, "nfsd", "nfsv4")
	banger, layout := buildDemo(t)
	dir := need.OpenDir(t)
	root, image := filepath.Join(dir, "root"), filepath.Join(dir, "rootfs.ext4")
	for _, name := range []string{"bin", "client1", "client2", "dev", "export", "proc", "run", "sbin", "sys", "tmp", "var/lib/nfs/v4recovery"} {
		if err := os.MkdirAll(filepath.Join(root, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	run(t, "go", "build", "-o", filepath.Join(root, "sbin/init"), "./test/boot/nfsguest")
	run(t, "cp", "-r", banger, filepath.Join(root, "bin/banger"))
	run(t, "cp", "-r", layout, filepath.Join(root, "demo-oci"))
	run(t, mkfs, "-q", "-F", "-d", root, image, "512M")

	console := boot(t, m, image, nil)
	for _, want := range onNFS {
		whole := regexp.MustCompile("^" + want + "$")
		found := false
		for _, line := range console {
			found = found || whole.MatchString(line)
		}
		if !found {
			t.Errorf("no line %q on the console:\n%s", want, strings.Join(console, "\n"))
		}
	}
}
