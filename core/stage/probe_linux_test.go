package stage_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"banger/core/stage"
	"banger/internal/need"
)

func TestProbe(t *testing.T) {
	need.Root(t)
	dir := t.TempDir()
	got, err := stage.Probe(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := stage.Capabilities{
		Chown: true, Mknod: true, UserXattr: true, TrustedXattr: true, SecurityXattr: true, FileCaps: true, ACL: true, FullTimes: true,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("as root: %s", d)
	}
	isEmpty(t, dir)
	if looked, err := stage.Look(dir); err != nil || looked != got {
		t.Errorf("looking found %+v, %v", looked, err)
	}
}

// TestLookTouchesNothing: the directory does not even have another time, and
// where there is none to look in, memory will do.
func TestLookTouchesNothing(t *testing.T) {
	dir := t.TempDir()
	before, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	looked, err := stage.Look(filepath.Join(dir, "none"), dir)
	if err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(dir)
	if err != nil || !after.ModTime().Equal(before.ModTime()) {
		t.Errorf("%v became %v, %v", before.ModTime(), after.ModTime(), err)
	}
	if probed, err := stage.Probe(dir); err != nil || probed != looked {
		t.Errorf("looked %+v, probed %+v, %v", looked, probed, err)
	}
	if c, err := stage.Look(filepath.Join(dir, "none")); err != nil || c.UID != os.Geteuid() {
		t.Errorf("in memory: %+v, %v", c, err)
	}
}

func TestProbeAsNobody(t *testing.T) {
	need.Root(t)
	other, home := nobody(t)
	dir := ownedDir(t, home)
	r, err := other.do(job{Probe: dir, Umask: 0o777})
	if err != nil {
		t.Fatal(err)
	}
	want := stage.Capabilities{UID: need.Nobody, GID: need.Nobody, UserXattr: true, ACL: true, FullTimes: true}
	if d := cmp.Diff(want, r.Capabilities); d != "" {
		t.Error(d)
	}
	isEmpty(t, dir)
}

// TestProbeInUserNamespace is root of a namespace that maps one id.
func TestProbeInUserNamespace(t *testing.T) {
	need.Root(t)
	need.UserNamespaces(t)
	dir := t.TempDir()
	inside := privileged(t, &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}},
	})
	r, err := inside.do(job{Probe: dir})
	if err != nil {
		t.Fatal(err)
	}
	want := stage.Capabilities{IDMap: "0+1/0+1", Chown: true, UserXattr: true, FileCaps: true, ACL: true, FullTimes: true}
	if d := cmp.Diff(want, r.Capabilities); d != "" {
		t.Error(d)
	}
}

// TestCapabilitiesJSON pins the names that are part of cache keys.
func TestCapabilitiesJSON(t *testing.T) {
	got, err := json.Marshal(stage.Capabilities{UID: 1, GID: 2, IDMap: "m", Label: "l"})
	const want = `{"uid":1,"gid":2,"id_map":"m","chown":false,"mknod":false,"user_xattr":false,"trusted_xattr":false,` +
		`"security_xattr":false,"file_caps":false,"acl":false,"full_times":false,"label":"l"}`
	if err != nil || string(got) != want {
		t.Errorf("got %s, error %v", got, err)
	}
}

func isEmpty(t testing.TB, dir string) {
	t.Helper()
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left in %s: %v, %v", dir, left, err)
	}
}
