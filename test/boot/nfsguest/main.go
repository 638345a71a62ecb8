//go:build linux

// Command nfsguest is the init of a machine in which several clients of an NFS
// server use one store: it serves a directory, mounts it twice, so that each
// mount caches names for itself as two hosts do, has banger build there many
// times at once, and prints what became of it, a line each that begins with
// "nfs: ".
//
// It stands in for the programs of nfs-utils: the kernel asks its caches of exports
// (Documentation/filesystems/nfs/rpc-cache.rst), which are filled beforehand.
package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// mounts are the clients.
var mounts = []string{"/client1", "/client2"}

func main() {
	if os.Getpid() != 1 {
		fmt.Fprintln(os.Stderr, "nfsguest is the init of a virtual machine")
		os.Exit(2)
	}
	if err := errors.Join(prepare(), serve(), mountClients()); err != nil {
		say("%v", err)
	} else {
		useStore()
	}
	say("end")
	unix.Sync()
	say("power off: %v", unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF))
	select {} // the kernel panics when process 1 exits
}

func say(format string, args ...any) { fmt.Printf("nfs: "+format+"\n", args...) }

// prepare makes what a userland expects, and the loopback network.
func prepare() error {
	var errs error
	for _, m := range [][2]string{{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}, {"tmpfs", "/tmp"}, {"nfsd", "/proc/fs/nfsd"}} {
		if err := unix.Mount(m[0], m[1], m[0], 0, ""); err != nil && !errors.Is(err, unix.EBUSY) {
			errs = errors.Join(errs, fmt.Errorf("mount %s: %w", m[1], err))
		}
	}
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP)
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	return errors.Join(errs, unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, lo))
}

// serve exports /export, as the root of NFSv4 (fsid 0), and starts the server
// without its time of grace, in which clients of before might take back their
// locks.
func serve() error {
	const (
		never = "2147483647" // seconds since the epoch at which an entry expires
		// NFSEXP_INSECURE_PORT, _ASYNC, _NOSUBTREECHECK, _FSID
		// (linux/nfsd/export.h)
		flags = "9234"
	)
	var errs error
	for _, w := range [][2]string{
		{"/proc/net/rpc/auth.unix.ip/channel", "nfsd 127.0.0.1 " + never + " guest\n"},
		{"/proc/net/rpc/nfsd.fh/channel", `guest 1 \x00000000 ` + never + " /export\n"},
		{"/proc/net/rpc/nfsd.export/channel", "guest /export " + never + " " + flags + " -2 -2 0\n"},
		{"/proc/fs/nfsd/versions", "-3\n"},
		{"/proc/fs/nfsd/portlist", ""},
		{"/proc/fs/nfsd/threads", "4\n"},
		{"/proc/fs/nfsd/v4_end_grace", "Y\n"},
	} {
		if w[1] == "" {
			errs = errors.Join(errs, listen(w[0]))
			continue
		}
		errs = errors.Join(errs, os.WriteFile(w[0], []byte(w[1]), 0))
	}
	return errs
}

// listen hands the server a socket (nfsd(7), portlist).
func listen(portlist string) error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	if err := unix.Bind(s, &unix.SockaddrInet4{Port: 2049, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return err
	}
	if err := unix.Listen(s, 64); err != nil {
		return err
	}
	return os.WriteFile(portlist, fmt.Appendf(nil, "%d\n", s), 0)
}

func mountClients() (errs error) {
	for _, at := range mounts {
		if err := unix.Mount("127.0.0.1:/", at, "nfs4", 0, "vers=4.2,nosharecache,addr=127.0.0.1,clientaddr=127.0.0.1"); err != nil {
			errs = errors.Join(errs, fmt.Errorf("mount %s: %w", at, err))
		}
	}
	return errs
}

// useStore builds in a store that is not there yet, several times at once over
// each mount, and then looks at what is left.
func useStore() {
	const each = 3
	done := make(chan string)
	for i := range each * len(mounts) {
		go func() { done <- build(mounts[i%len(mounts)], fmt.Sprintf("/tmp/%d.ext4", i)) }()
	}
	sums := map[string]bool{}
	for range each * len(mounts) {
		sums[<-done] = true
	}
	say("%d builds made %d images", each*len(mounts), len(sums))
	for _, m := range mounts {
		cached := strings.Contains(banger("build", "--json", "--store", m+"/store", "oci:/demo-oci"), `"cached": true`)
		say("built before, says %s: %v", m, cached)
	}
	say("verify: %s", banger("cache", "verify", "--store", mounts[0]+"/store"))
	say("prune: %s", banger("cache", "prune", "--all", "--store", mounts[1]+"/store"))
	say("doctor: %s", banger("doctor", "--store", mounts[1]+"/store"))
	for _, dir := range []string{"tmp", "quarantine"} {
		left, err := filepath.Glob("/export/store/" + dir + "/*")
		say("left in %s: %q, %v", dir, left, err)
	}
}

// build returns the sum of the image, or says what went wrong.
func build(mount, image string) string {
	said := banger("build", "--store", mount+"/store", "--builder", "ext4", "-o", image, "oci:/demo-oci")
	b, err := os.ReadFile(image)
	if err != nil {
		say("over %s: %s", mount, said)
		return err.Error()
	}
	return fmt.Sprintf("%x", sha256.Sum256(b))
}
