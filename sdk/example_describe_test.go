package sdk_test

import (
	"fmt"
	"os/exec"

	"banger/sdk"
)

// What a builder takes is checked before it is started, and before anything is
// fetched.
func ExampleOption() {
	label := sdk.Option{Name: "label", Type: sdk.OptionString, Default: "rootfs", MaxBytes: 16, Doc: "volume label"}
	fmt.Println(label.Check("disk"))
	fmt.Println(label.Check("a label that is too long"))
	serial := sdk.Option{Name: "serial", Type: sdk.OptionString, Pattern: "|[0-9A-F]{8}", Doc: "empty for one made from the tree"}
	fmt.Println(serial.Check("0badcafe"))
	// Output:
	// <nil>
	// bad builder option: label="a label that is too long": want at most 16 bytes
	// bad builder option: serial="0badcafe": want what matches |[0-9A-F]{8}
}

func ExampleOptionType() {
	for _, o := range []sdk.Option{
		{Name: "quick", Type: sdk.OptionBool},
		{Name: "level", Type: sdk.OptionInt},
		{Name: "block-size", Type: sdk.OptionSize},
	} {
		fmt.Println(o.Type, o.Check("4K"))
	}
	// Output:
	// bool bad builder option: quick="4K": want true or false
	// int bad builder option: level="4K": want an integer
	// size <nil>
}

func ExampleInput() {
	d := sdk.Description{Name: "squash", Input: sdk.InputTar}
	fmt.Printf("%s reads a %s from Request.TarPath\n", d.Name, d.Input)
	// Output: squash reads a tar from Request.TarPath
}

// A builder that writes owners and modes itself takes a directory that is the
// same whoever runs banger.
func ExampleStaging() {
	d := sdk.Description{Name: "mkfs", Input: sdk.InputDir, Staging: sdk.StagingPlain}
	fmt.Println(d.Input, d.Staging == sdk.StagingPlain)
	// Output: dir true
}

// A tool that is not installed is described all the same: without a path, and
// with what to do about it.
func ExampleTool() {
	t := sdk.Tool{Name: "mkfs.nowhere", Hint: "install nowhere-progs"}
	if path, err := exec.LookPath(t.Name); err == nil {
		t.Path, t.Version = path, "1.0"
	}
	fmt.Printf("%s: path %q: %s\n", t.Name, t.Path, t.Hint)
	// Output: mkfs.nowhere: path "": install nowhere-progs
}

func ExampleDescription_CheckSize() {
	d := sdk.Description{MediaType: "application/vnd.banger.image.ext4", MinBytes: 64 << 20}
	fmt.Println(d.CheckSize(sdk.SizePlan{Bytes: 1 << 20}))
	// Output: size does not fit: ext4 size 1048576 below minimum 67108864
}
