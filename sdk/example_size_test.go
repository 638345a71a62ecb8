package sdk_test

import (
	"fmt"

	"banger/sdk"
	"banger/sdk/tree"
)

// A format with blocks of 4 KiB that takes a block of each inode and one for
// the header.
func ExampleSizing() {
	t := &tree.Tree{Entries: []tree.Entry{
		{Type: tree.Directory},
		{Path: "hello", Type: tree.Regular, Size: 5000, Extents: []tree.Extent{{Length: 5000}}},
	}}
	const block = 4096
	u := t.Usage(block)
	inodes := u.Entries - u.Hardlinks
	s := sdk.Sizing{
		Format: "demofs", Content: (1 + u.Blocks + inodes) * block, Inodes: inodes,
		MinBytes: 64 << 10, MaxBytes: 1 << 40, MaxInodes: 1 << 16, Block: block, Step: block,
	}
	for _, want := range []sdk.SizePlan{
		{},                                 // --size auto --free 0
		{FreeBytes: 1 << 20, Inodes: 1000}, // --free 1M --inodes 1000
		{Bytes: 100_000},                   // --size 100000
		{Bytes: 1 << 10},                   // --size 1K
	} {
		size, err := s.Plan(want)
		fmt.Println(size.Bytes, size.Inodes, err)
	}
	// Output:
	// 65536 2 <nil>
	// 1069056 1000 <nil>
	// 102400 2 <nil>
	// 0 0 plan demofs: size does not fit: demofs size 1024 below minimum 65536
}

// An image that was planned from the tree and turns out too small is made once
// more, and larger.
func ExampleImageSize() {
	s := sdk.Sizing{Format: "demofs", Content: 10 << 20, Block: 4096, Step: 1 << 20}
	size, err := s.Plan(sdk.SizePlan{FreePercent: 20})
	fmt.Println(size.Bytes>>20, size.Free>>20, size.Auto, err)
	size = s.Larger(size, 300_000)
	fmt.Println(size.Bytes >> 20)
	// Output:
	// 12 2 true <nil>
	// 30
}

// What the user says of the size reaches a builder as it is; [Sizing] makes a
// size of it.
func ExampleSizePlan() {
	req := &sdk.Request{Size: sdk.SizePlan{FreePercent: 50}}
	s := sdk.Sizing{Format: "demofs", Content: 1 << 20}
	size, err := s.Plan(req.Size)
	fmt.Println(size.Bytes, err)
	// Output: 1572864 <nil>
}

func ExampleIsZero() {
	block := make([]byte, 4096)
	fmt.Println(sdk.IsZero(block))
	block[4095] = 1
	fmt.Println(sdk.IsZero(block))
	// Output:
	// true
	// false
}
