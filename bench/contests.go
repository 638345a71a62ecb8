package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// setup is what the contests run with.
type setup struct {
	banger, layout, dir string
	images              string // directory of large-oci and small-oci
	only                string // text in the names of the contests that are held
	turns               int

	self     string // this program
	registry string // "HOST:PORT" of one with the image
}

// contests are the promises about speed, in the order that they need. None of
// what they need is looked for before they are held.
func (s setup) contests() []contest {
	all := s.general()
	for _, name := range []string{"large", "small"} {
		all = append(all, s.native(name, s.imageOf(name))...)
	}
	all = append(all, s.million())
	if os.Geteuid() == 0 { // who may mount
		all = append(all, s.reflinked("large", s.imageOf("large")))
	}
	return all
}

func (s setup) imageOf(name string) string { return filepath.Join(s.images, name+"-oci") }

// general are those with the Debian image of the tests.
func (s setup) general() []contest {
	store, image := filepath.Join(s.dir, "store"), filepath.Join(s.dir, "banger.ext4")
	bundle, rival := filepath.Join(s.dir, "bundle"), filepath.Join(s.dir, "rival.ext4")
	e2fs := side{"banger build, e2fs", s.build("e2fs", s.layout, store, image)}
	unpack := side{"umoci unpack, mkfs.ext4 -d", []string{"sh", "-ec", unpackAndMkfs, "sh", s.layout + ":latest", bundle, rival}}
	idle := side{"true", []string{"true"}}
	cp := side{"cp --sparse=always", []string{"cp", "--sparse=always", image, rival}}
	again := func() error { return removeAll(rival) }
	anew := func() error { return removeAll(store, image, bundle, rival) }
	teardown := func() error { return removeAll(bundle, rival) }
	return []contest{
		{name: "cold build, e2fs", ours: e2fs, rival: unpack, prepare: anew, limit: 1, peakMiB: 150, teardown: teardown},
		{name: "second build, e2fs", ours: e2fs, rival: cp, prepare: again, limit: 1.5},
		{
			name:     "known build",
			ours:     side{"banger build, no -o", []string{s.banger, "build", "--quiet", "--builder", "e2fs", "--store", store, "oci:" + s.layout}},
			rival:    idle,
			prepare:  nothing,
			overhead: 50 * time.Millisecond,
		},
		{name: "help", ours: side{"banger --help", []string{s.banger, "--help"}}, rival: idle, prepare: nothing, overhead: 50 * time.Millisecond},
		s.coldPull("cold pull"),
		s.coldPull("cold pull, without igzip", "env", "PATH="+s.dir),
	}
}

// coldPull is a pull from a registry of this machine, which verifies, keeps
// and unpacks, against getting the same blobs and decompressing the largest.
// banger is run by a command that may keep it from finding other programs.
func (s setup) coldPull(name string, by ...string) contest {
	store, dir := filepath.Join(s.dir, "pulled"), filepath.Join(s.dir, "copied")
	return contest{
		name:  name,
		ours:  side{"banger pull", append(by, s.banger, "pull", "--quiet", "--store", store, s.registry+"/bench:latest")},
		rival: side{"skopeo copy, klauspost gunzip", []string{"sh", "-ec", copyAndGunzip, "sh", s.registry + "/bench:latest", dir, s.self, s.layout}},
		prepare: func() error {
			return removeAll(store, dir)
		},
		limit:    1.15,
		teardown: func() error { return removeAll(store, dir) },
	}
}

// copyAndGunzip gets the image $1 into the directory $2, and has $3, which is
// this program, decompress the largest layer of the layout $4.
const copyAndGunzip = `
skopeo copy --quiet --src-tls-verify=false "docker://$1" "dir:$2"
"$3" -gunzip "$4"
`

func nothing() error { return nil }

// unpackAndMkfs makes what banger makes with tools that root has: $1 is the
// image, $2 a directory, $3 the file. It leaves a fifth of the room free.
const unpackAndMkfs = `
umoci unpack --image "$1" "$2" >/dev/null
size=$(du -sk "$2/rootfs" | cut -f1)
mkfs.ext4 -q -F -b 4096 -E root_owner=0:0 -d "$2/rootfs" "$3" $((size * 5 / 4 + 65536))k
`

func removeAll(paths ...string) error {
	for _, path := range paths {
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("remove %s: %w", path, err)
		}
	}
	return nil
}
