package cas

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"banger/internal/need"
)

// TestPowerCutOnRealFilesystems has real filesystems judge what the model of
// TestPowerCut says. The store is made on a loop device; after each call the
// device is copied as it is, which is what a power cut leaves of it, caches
// unwritten. Each copy is then mounted, its journal replayed, and the store in
// it held to its promises.
func TestPowerCutOnRealFilesystems(t *testing.T) {
	need.Root(t)
	for _, fs := range []struct{ name, mkfs, debian, size, options string }{
		{"ext4", "mkfs.ext4", "e2fsprogs", "24M", "loop,commit=600"},
		{"ext4 without data order", "mkfs.ext4", "e2fsprogs", "24M", "loop,commit=600,data=writeback,noauto_da_alloc"},
		{"xfs", "mkfs.xfs", "xfsprogs", "300M", "loop"},
		{"btrfs", "mkfs.btrfs", "btrfs-progs", "110M", "loop,commit=600"},
	} {
		t.Run(fs.name, func(t *testing.T) {
			mkfs := need.Tool(t, fs.mkfs, fs.debian)
			device := newDevice(t, mkfs, fs.size)
			cuts, calls := cutDevice(t, device, fs.options, realDisk())
			last := lastCall(calls)
			for i, c := range calls {
				if err := checkCut(t, cuts[i], fs.options, func(name string) bool { return last[name] <= i+1 }); err != nil {
					t.Errorf("cut after call %d, %s of %s: %v", i+1, c.call, c.step, err)
				}
			}
			t.Logf("%d cuts", len(calls))
		})
	}
}

// TestPowerCutOnRealFilesystemsIsSeen cuts the power of a store that never
// syncs.
func TestPowerCutOnRealFilesystemsIsSeen(t *testing.T) {
	need.Root(t)
	const options = "loop,commit=600"
	device := newDevice(t, need.Tool(t, "mkfs.ext4", "e2fsprogs"), "24M")
	cuts, _ := cutDevice(t, device, options, quickDisk())
	if err := checkCut(t, cuts[len(cuts)-1], options, func(string) bool { return true }); err == nil {
		t.Error("nothing was lost")
	}
}

// newDevice makes a file with an empty filesystem.
func newDevice(t *testing.T, mkfs, size string) string {
	t.Helper()
	device := filepath.Join(t.TempDir(), "device")
	run(t, "truncate", "-s", size, device)
	run(t, mkfs, "-q", device)
	return device
}

// cutDevice does the steps to a store on the device and returns a copy of the
// device after each call, with the calls.
func cutDevice(t *testing.T, device, options string, d disk) (cuts []string, calls []stepsCall) {
	t.Helper()
	dir, unmount := mountDevice(t, device, options)
	defer unmount()
	step := "open"
	s, err := open(t.Context(), filepath.Join(dir, storeBelow), serially(hookedDisk(d, func(c diskCall, do func() error) error {
		if err := do(); err != nil {
			return err
		}
		cut := fmt.Sprintf("%s-%d", device, len(cuts))
		cuts, calls = append(cuts, cut), append(calls, stepsCall{step, c})
		for try := 0; ; try++ {
			run(t, "cp", "--sparse=always", device, cut)
			if sameData(t, device, cut) {
				return nil
			}
			if try == 100 {
				return errors.New("the device never rests")
			}
		}
	})))
	must(t, err)
	for _, st := range steps {
		step = st.name
		must(t, st.do(t.Context(), s))
	}
	must(t, s.Close())
	return cuts, calls
}

// sameData says whether the device still is what was copied of it. Then the
// copy is of one moment; else the kernel has written to the device meanwhile.
func sameData(t *testing.T, device, cut string) bool {
	t.Helper()
	a, b := openRead(t, device), openRead(t, cut)
	defer func() { must(t, errors.Join(a.Close(), b.Close())) }()
	info, err := a.Stat()
	must(t, err)
	for _, f := range []*os.File{a, b} {
		for e, err := range extents(f, info.Size()) {
			must(t, err)
			if !bytes.Equal(readRange(t, a, e), readRange(t, b, e)) {
				return false
			}
		}
	}
	return true
}

func openRead(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.Open(path)
	must(t, err)
	return f
}

func readRange(t *testing.T, f *os.File, e extent) []byte {
	t.Helper()
	p := make([]byte, e.end-e.start)
	_, err := f.ReadAt(p, e.start)
	must(t, err)
	return p
}

// checkCut checks the store on a copied device, on which the steps that done
// tells of were done, and removes the copy.
func checkCut(t *testing.T, cut, options string, done func(step string) bool) error {
	t.Helper()
	dir, unmount := mountDevice(t, cut, options)
	defer func() { unmount(); must(t, os.Remove(cut)) }()
	s, err := open(t.Context(), filepath.Join(dir, storeBelow), quickDisk())
	if err != nil {
		return err
	}
	defer func() { must(t, s.Close()) }()
	errs := checkAbsentOrWhole(s)
	for _, st := range steps {
		if err := st.there(s); err != nil && done(st.name) {
			errs = errors.Join(errs, fmt.Errorf("%s was committed, and is lost: %w", st.name, err))
		}
		if err := errors.Join(st.do(t.Context(), s), st.there(s)); err != nil {
			errs = errors.Join(errs, fmt.Errorf("%s, done again: %w", st.name, err))
		}
	}
	return errs
}

func mountDevice(t *testing.T, device, options string) (dir string, unmount func()) {
	t.Helper()
	dir = t.TempDir()
	run(t, "mount", "-o", options, device, dir)
	mounted := true
	unmount = func() {
		if mounted {
			mounted = false
			run(t, "umount", dir)
		}
	}
	t.Cleanup(unmount)
	return dir, unmount
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil { //nolint:noctx // umount must run after the test's context
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
}
