package sdk_test

import (
	"bytes"
	"fmt"

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
