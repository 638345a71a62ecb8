package treetar_test

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"

	"banger/sdk/tree"
	"banger/sdk/treetar"
)

func ExampleWrite() {
	t := &tree.Tree{Entries: []tree.Entry{
		{Type: tree.Directory, Mode: 0o755},
		{Path: "sh", Type: tree.Symlink, Mode: 0o777, Target: "bin/busybox"},
	}}
	var file bytes.Buffer
	if err := treetar.Write(context.Background(), &file, t, nil); err != nil { // no file has content: no packs
		fmt.Println(err)
	}
	for r := tar.NewReader(&file); ; {
		h, err := r.Next()
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s -> %q\n", h.Name, h.Linkname)
	}
	// Output:
	// ./ -> ""
	// sh -> "bin/busybox"
	// EOF
}
