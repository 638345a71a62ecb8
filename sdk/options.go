package sdk

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// ErrOption is wrapped by every error about an option that a builder does not
// take or a value that it cannot have.
var ErrOption = Invalid(errors.New("bad builder option"))

// maxOptionValue bounds an option's value in bytes.
const maxOptionValue = 64 << 10

// Options are the values of a builder's options by name, as text. Those of a
// [Request] hold every option of the [Description] with a valid value, so the
// getters do not fail: a name that is not there, or a value of another type,
// reads as the zero value.
type Options map[string]string

// String returns the text of an option.
func (o Options) String(name string) string { return o[name] }

// Bool returns the value of an OptionBool.
func (o Options) Bool(name string) bool { return o[name] == "true" }

// Int returns the value of an OptionInt.
func (o Options) Int(name string) int64 {
	n, err := strconv.ParseInt(o[name], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// Size returns the value of an OptionSize in bytes.
func (o Options) Size(name string) int64 {
	n, err := ParseSize(o[name])
	if err != nil {
		return 0
	}
	return n
}

// CheckOptions holds what a user gave against the options that the builder
// takes, and returns them all with defaults filled in. Errors wrap ErrOption
// and say what would be valid.
func (d *Description) CheckOptions(given map[string]string) (Options, error) {
	all := make(Options, len(d.Options))
	known := make([]string, 0, len(d.Options))
	for _, o := range d.Options {
		all[o.Name] = o.Default
		known = append(known, o.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		i := slices.Index(known, name)
		if i < 0 {
			return nil, unknownOption(name, known)
		}
		if err := d.Options[i].Check(given[name]); err != nil {
			return nil, err
		}
		all[name] = given[name]
	}
	return all, nil
}

func unknownOption(name string, known []string) error {
	if len(known) == 0 {
		return fmt.Errorf("%w: unknown option %q: the builder takes none", ErrOption, clip(name))
	}
	return fmt.Errorf("%w: unknown option %q: the builder takes %s", ErrOption, clip(name), strings.Join(known, ", "))
}

// CheckSize holds what a user said of the size against the least that the
// builder makes. The error wraps ErrSize and has a hint.
func (d *Description) CheckSize(want SizePlan) error {
	format, ok := strings.CutPrefix(d.MediaType, "application/vnd.banger.image.")
	if !ok {
		format = d.Name
	}
	return belowMinimum(format, want.Bytes, d.MinBytes)
}

// Check tells whether value is one that the option can have. Errors wrap
// ErrOption.
func (o *Option) Check(value string) error {
	bad := func(want string) error {
		return fmt.Errorf("%w: %s=%q: want %s", ErrOption, o.Name, clip(value), want)
	}
	if len(value) > maxOptionValue || !utf8.ValidString(value) || strings.IndexByte(value, 0) >= 0 {
		return bad("UTF-8 text of at most 64 KiB")
	}
	if o.MaxBytes > 0 && len(value) > o.MaxBytes {
		return bad(fmt.Sprintf("at most %d bytes", o.MaxBytes))
	}
	if len(o.Choices) > 0 && !slices.Contains(o.Choices, value) {
		return bad("one of " + strings.Join(o.Choices, ", "))
	}
	if whole, err := regexp.Compile(`\A(?:` + o.Pattern + `)\z`); err != nil {
		return bad("nothing: its pattern is no regular expression")
	} else if o.Pattern != "" && !whole.MatchString(value) {
		return bad("what matches " + o.Pattern)
	}
	switch o.Type {
	case OptionString:
		return nil
	case OptionBool:
		if value != "true" && value != "false" {
			return bad("true or false")
		}
	case OptionInt:
		if _, err := strconv.ParseInt(value, 10, 64); err != nil {
			return bad("an integer")
		}
	case OptionSize:
		if _, err := ParseSize(value); err != nil {
			return bad("a size in bytes such as 1536, 64M or 2G")
		}
	default:
		return bad("nothing: its type is unknown")
	}
	return nil
}
