package sdk_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"banger/sdk"
)

// A builder that does not use Request.Copy can list by itself what banger is
// to put into its image.
func ExampleBody() {
	var file bytes.Buffer
	err := sdk.WriteBodies(&file, []sdk.Body{
		{Offset: 1 << 20, Layer: 0, PackOffset: 0, Length: 8192},
		{Offset: 2 << 20, Layer: 2, PackOffset: 4096, Length: 100},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	list, err := sdk.ReadBodies(&file, int64(file.Len()))
	for _, b := range list {
		fmt.Printf("%d bytes of pack %d at %d\n", b.Length, b.Layer, b.Offset)
	}
	fmt.Println(err)
	// Output:
	// 8192 bytes of pack 0 at 1048576
	// 100 bytes of pack 2 at 2097152
	// <nil>
}

// A builder that knows where everything goes says so before it writes the rest.
func ExampleRequest_Placed() {
	err := withHello(func(req *sdk.Request) error {
		req.BodiesPath = filepath.Join(req.Scratch, "bodies")
		t, err := req.Tree()
		if err != nil {
			return err
		}
		image, err := os.Create(req.Output)
		if err != nil {
			return err
		}
		defer image.Close()
		if err := req.Copy(context.Background(), image, 4096, t.Lookup("hello")); err != nil {
			return err
		}
		if err := req.Placed(8192); err != nil {
			return err
		}
		_, err = image.WriteString("inodes, directories and all else")
		return errors.Join(err, image.Truncate(8192))
	})
	fmt.Println(err)
	// Output:
	// placed, in 8192 bytes
	// <nil>
}
