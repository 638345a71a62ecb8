package sdk_test

import (
	"bytes"
	"context"
	"fmt"
	"os"

	"banger/sdk"
)

func ExampleParseSize() {
	for _, s := range []string{"1536", "64M", "2GiB", "1.5G"} {
		fmt.Println(sdk.ParseSize(s))
	}
	// Output:
	// 1536 <nil>
	// 67108864 <nil>
	// 2147483648 <nil>
	// 0 parse size "1.5G": unknown unit ".5G", want K, M, G or T
}

func ExampleDescription_CheckOptions() {
	d := sdk.Description{Options: []sdk.Option{
		{Name: "label", Type: sdk.OptionString, Default: "rootfs", Doc: "the volume's label"},
		{Name: "block-size", Type: sdk.OptionSize, Default: "4K"},
	}}
	o, err := d.CheckOptions(map[string]string{"label": "disk"})
	fmt.Println(o.String("label"), o.Size("block-size"), err)
	_, err = d.CheckOptions(map[string]string{"lable": "disk"})
	fmt.Println(err)
	// Output:
	// disk 4096 <nil>
	// bad builder option: unknown option "lable": the builder takes label, block-size
}

func ExampleWriteLosses() {
	var file bytes.Buffer
	err := sdk.WriteLosses(&file, []sdk.Loss{{Path: "bin/ping", Field: "xattr:security.capability", Why: "no root"}})
	losses, readErr := sdk.ReadLosses(&file)
	fmt.Println(len(losses), losses[0].Field, err, readErr)
	// Output: 1 xattr:security.capability <nil> <nil>
}

// hello is a builder that lists the tree's paths.
type hello struct{}

func (hello) Describe(context.Context) (sdk.Description, error) {
	return sdk.Description{
		Name: "hello", Version: "1.0", Revision: 1, MediaType: "text/plain", Input: sdk.InputTree, Deterministic: true,
		Options: []sdk.Option{{Name: "prefix", Type: sdk.OptionString, Default: "/", Doc: "stands before each path"}},
	}, nil
}

func (hello) Build(_ context.Context, req *sdk.Request) error {
	t, err := req.Tree()
	if err != nil {
		return err
	}
	var list bytes.Buffer
	for i := range t.Entries {
		fmt.Fprintf(&list, "%s%s\n", req.Options.String("prefix"), t.Entries[i].Path)
		if len(t.Entries[i].Xattrs) > 0 {
			req.Lose(sdk.Loss{Path: t.Entries[i].Path, Field: "xattrs", Why: "a list of paths has none"})
		}
	}
	req.Progress(sdk.Progress{Phase: "listing", Done: 1, Total: 1})
	return os.WriteFile(req.Output, list.Bytes(), 0o644)
}

// A builder's whole main function is sdk.Main(hello{}).
func ExampleBuilder() {
	d, err := hello{}.Describe(context.Background())
	fmt.Println(d.Name, "takes a", d.Input, err)
	for _, o := range d.Options {
		fmt.Printf("%s: %s, default %q\n", o.Name, o.Type, o.Default)
	}
	// Output:
	// hello takes a tree <nil>
	// prefix: string, default "/"
}

func ExampleOptions() {
	o := sdk.Options{"label": "root", "level": "3", "quick": "true", "block-size": "64K"}
	fmt.Println(o.String("label"), o.Int("level"), o.Bool("quick"), o.Size("block-size"), o.Int("none"))
	// Output: root 3 true 65536 0
}

func ExampleLoss() {
	fmt.Println(sdk.Loss{Path: "bin/ping", Field: "owner", Wanted: "0:0", Got: "1000:1000", Why: "not root"})
	// Output: "bin/ping": owner: wanted "0:0", got "1000:1000": not root
}
