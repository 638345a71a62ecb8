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
}}

func TestOptionsGetters(t *testing.T) {
	t.Parallel()
	o, err := described.CheckOptions(map[string]string{"journal": "true"})
	if err != nil {
		t.Fatal(err)
	}
	if len(o) != 5 || o.String("label") != "rootfs" || !o.Bool("journal") || o.Int("level") != -3 || o.Size("block") != 4096 {
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
		{"unknown", "labl", "x", "takes label, journal, level, block, mode"},
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
