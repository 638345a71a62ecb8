package sdk

import (
	"errors"
	"maps"
	"strings"
	"testing"
)

var described = Description{Options: []Option{
	{Name: "label", Type: OptionString, Default: "rootfs"},
	{Name: "journal", Type: OptionBool, Default: "false"},
	{Name: "level", Type: OptionInt, Default: "-3"},
	{Name: "block", Type: OptionSize, Default: "4K"},
	{Name: "mode", Type: OptionString, Default: "fast", Choices: []string{"fast", "small"}},
	{Name: "uuid", Type: OptionString, MaxBytes: 6, Pattern: "auto|[0-9a-f]*"},
	{Name: "share", Type: OptionInt, Default: "0", Pattern: "[0-9]|10"},
}}

func TestOptionsGetters(t *testing.T) {
	t.Parallel()
	o, err := described.CheckOptions(map[string]string{"journal": "true"})
	if err != nil {
		t.Fatal(err)
	}
	if len(o) != 7 || o.String("label") != "rootfs" || !o.Bool("journal") || o.Int("level") != -3 || o.Size("block") != 4096 {
		t.Errorf("options are %v", o)
	}
	if o.String("none") != "" || o.Bool("none") || o.Int("label") != 0 || o.Size("label") != 0 {
		t.Error("what is not there, or not of that type, is not zero")
	}
}

func TestCheckOptions(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, option, value string
		want                string // in the error; "" for none
	}{
		{"text", "label", "any text ✓", ""},
		{"empty text", "label", "", ""},
		{"bool", "journal", "true", ""},
		{"int", "level", "-9223372036854775808", ""},
		{"size", "block", "64KiB", ""},
		{"choice", "mode", "small", ""},
		{"as long as can be", "uuid", "012def", ""},
		{"one of two", "uuid", "auto", ""},
		{"an int that matches", "share", "10", ""},
		{"too long", "uuid", "0123456", "want at most 6 bytes"},
		{"matches in part", "uuid", "auto5", "want what matches auto|[0-9a-f]*"},
		{"another line", "uuid", "auto\n", "want what matches"},
		{"an int that does not match", "share", "11", "want what matches [0-9]|10"},
		{"unknown", "labl", "x", "takes label, journal, level, block, mode, uuid, share"},
		{"unknown with escapes", "\x1b[31m", "x", `"\x1b[31m"`},
		{"not UTF-8", "label", "\xff", "want UTF-8 text"},
		{"NUL", "label", "a\x00b", "want UTF-8 text"},
		{"endless", "label", strings.Repeat("x", 1<<20), "want UTF-8 text"},
		{"no bool", "journal", "yes", "want true or false"},
		{"no int", "level", "high", "want an integer"},
		{"int too large", "level", "9223372036854775808", "want an integer"},
		{"no size", "block", "4Q", "want a size"},
		{"no choice", "mode", "slow", "want one of fast, small"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			given := map[string]string{c.option: c.value}
			o, err := described.CheckOptions(given)
			if c.want == "" {
				if err != nil || o[c.option] != c.value {
					t.Errorf("options are %v, %v", o, err)
				}
				return
			}
			if !errors.Is(err, ErrOption) || !strings.Contains(err.Error(), c.want) || len(err.Error()) > 1000 {
				t.Errorf("error is %v, want %q", err, c.want)
			}
		})
	}
	none := Description{}
	if _, err := none.CheckOptions(map[string]string{"x": "y"}); err == nil || !strings.Contains(err.Error(), "takes none") {
		t.Errorf("error is %v", err)
	}
}

func TestCheckOptionsKeepsItsInput(t *testing.T) {
	t.Parallel()
	given := map[string]string{"level": "1"}
	if _, err := described.CheckOptions(given); err != nil || !maps.Equal(given, map[string]string{"level": "1"}) {
		t.Errorf("the input is %v now, %v", given, err)
	}
}

func TestCheckSize(t *testing.T) {
	t.Parallel()
	d := Description{Name: "mine", MediaType: "application/vnd.banger.image.ext4", MinBytes: 1 << 20}
	for _, good := range []SizePlan{{}, {Bytes: 1 << 20}, {FreeBytes: 1}} {
		if err := d.CheckSize(good); err != nil {
			t.Errorf("%+v: %v", good, err)
		}
	}
	for mediaType, format := range map[string]string{d.MediaType: "ext4", "application/x-tar": "mine"} {
		d.MediaType = mediaType
		if err := d.CheckSize(SizePlan{Bytes: 5}); !errors.Is(err, ErrSize) || !strings.Contains(err.Error(), format+" size 5 below minimum 1048576") {
			t.Errorf("error is %v", err)
		}
	}
	d.MinBytes = 0
	if err := d.CheckSize(SizePlan{Bytes: 1}); err != nil {
		t.Error(err)
	}
}
