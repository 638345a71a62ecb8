package tree_test

import (
	"bytes"
	"fmt"
	"os"
	"time"

	"banger/sdk/tree"
)

// demo is a tree with a directory, a file of two names and a device.
func demo() *tree.Tree {
	return &tree.Tree{
		Layers: []string{"sha256:demo"},
		Entries: []tree.Entry{
			{Type: tree.Directory, Mode: 0o755},
			{Path: "bin", Type: tree.Directory, Mode: 0o755},
			{Path: "bin/one", Type: tree.Regular, Mode: 0o755, Links: 2, Size: 3, Extents: []tree.Extent{{Length: 3}}},
			{Path: "bin/two", Type: tree.Hardlink, Target: "bin/one"},
			{Path: "null", Type: tree.CharDevice, Mode: 0o666, DevMajor: 1, DevMinor: 3},
		},
	}
}

// A tree is written to a file and read from one; what is wrong with it is found
// out when it is read.
func ExampleTree() {
	var file bytes.Buffer
	if _, err := demo().WriteTo(&file); err != nil {
		fmt.Println(err)
	}
	t, err := tree.Read(&file)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, e := range t.Entries {
		fmt.Printf("/%s\n", e.Path)
	}
	fmt.Println(t.Lookup("bin/none"), t.Index("null"))
	// Output:
	// /
	// /bin
	// /bin/one
	// /bin/two
	// /null
	// <nil> 4
}

// A hardlink has no attributes of its own: those of the inode are at its
// target.
func ExampleEntry() {
	t := demo()
	e := t.Lookup("bin/two")
	inode := t.Lookup(e.Target)
	fmt.Printf("%s is a %s to %s: %04o, %d bytes, %d names\n", e.Path, e.Type, inode.Path, inode.Mode, inode.Size, inode.Links)
	// Output: bin/two is a hardlink to bin/one: 0755, 3 bytes, 2 names
}

func ExampleType() {
	fmt.Println(tree.Fifo, tree.Fifo.Valid(), tree.Type(99).Valid())
	// Output: fifo true false
}

// Times go further than 64 bits of nanoseconds do.
func ExampleTime() {
	fmt.Println(tree.Time{Sec: -1, Nsec: 500_000_000}.Time().Format(time.RFC3339Nano))
	// Output: 1969-12-31T23:59:59.5Z
}

func ExampleXattr() {
	e := tree.Entry{Path: "bin/ping", Type: tree.Regular, Xattrs: []tree.Xattr{{Name: "user.note", Value: "a\x00b"}}}
	for _, x := range e.Xattrs {
		fmt.Printf("%s=%q\n", x.Name, x.Value)
	}
	// Output: user.note="a\x00b"
}

// What the extents of a file leave out is a hole.
func ExampleExtent() {
	e := tree.Entry{Path: "disk", Type: tree.Regular, Size: 1 << 30, Extents: []tree.Extent{
		{Offset: 0, PackOffset: 8192, Length: 5000},
		{Offset: 1 << 20, PackOffset: 16384, Length: 100},
	}}
	fmt.Println(e.DataSize(), "bytes of data")
	for first, count := range e.BlockRuns(4096) {
		fmt.Println("blocks", first, "to", first+count-1)
	}
	// Output:
	// 5100 bytes of data
	// blocks 0 to 1
	// blocks 256 to 256
}

func ExampleDecoder() {
	var d tree.Decoder
	for _, path := range []string{"etc", "etc/passwd"} {
		encoded := tree.AppendEntry(nil, &tree.Entry{Path: path, Type: tree.Regular})
		var e tree.Entry
		err := d.Decode(&e, string(encoded))
		fmt.Println(e.Path, err)
	}
	// Output:
	// etc <nil>
	// etc/passwd <nil>
}

func ExampleUsage() {
	u := demo().Usage(4096)
	fmt.Println(u.Entries-u.Hardlinks, "inodes,", u.Directories, "of them directories;", u.Data, "bytes in", u.Blocks, "block")
	// Output: 4 inodes, 2 of them directories; 3 bytes in 1 block
}

// onePack is the pack of a tree with one layer.
type onePack struct{ file *os.File }

func (p onePack) Pack(int) (*os.File, error) { return p.file, nil }

// Packs hold the contents: an extent says in which, and where.
func ExamplePacks() {
	f, err := os.CreateTemp("", "pack-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if _, err := f.WriteString("one"); err != nil {
		fmt.Println(err)
	}
	var packs tree.Packs = onePack{f}
	for _, x := range demo().Lookup("bin/one").Extents {
		pack, err := packs.Pack(x.Layer)
		if err != nil {
			fmt.Println(err)
			return
		}
		content := make([]byte, x.Length)
		n, err := pack.ReadAt(content, x.PackOffset)
		fmt.Printf("%s %d %v\n", content, n, err)
	}
	// Output: one 3 <nil>
}
