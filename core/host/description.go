package host

import (
	"fmt"
	"mime"

	"banger/sdk"
)

// The bounds of a description.
const (
	maxItems = 200     // options, tools, choices, …
	maxText  = 2 << 10 // bytes of a text for people
)

// checkDescription refuses a description that could not be worked with, and
// makes its texts for people fit to print.
func checkDescription(name string, d *sdk.Description) error {
	if d.Name != name {
		return fmt.Errorf("it calls itself %s", quote(d.Name))
	}
	if t, params, err := mime.ParseMediaType(d.MediaType); err != nil || t != d.MediaType || len(params) > 0 || len(t) > 255 {
		return fmt.Errorf("its media type %s is none", quote(d.MediaType))
	}
	if d.Input < sdk.InputTree || d.Input > sdk.InputTar {
		return fmt.Errorf("it wants input %d, which this banger does not have: upgrade banger", d.Input)
	}
	if d.Input == sdk.InputDir && d.Staging != sdk.StagingFaithful && d.Staging != sdk.StagingPlain {
		return fmt.Errorf("it wants staging %d, which this banger does not have: upgrade banger", d.Staging)
	}
	if len(d.Options) > maxItems || len(d.Tools) > maxItems || len(d.CannotKeep) > maxItems {
		return fmt.Errorf("it has more than %d options, tools or limitations", maxItems)
	}
	d.Version = clean(d.Version, maxText)
	for i := range d.CannotKeep {
		d.CannotKeep[i] = clean(d.CannotKeep[i], maxText)
	}
	if err := checkTools(d.Tools); err != nil {
		return err
	}
	return checkOptionList(d.Options)
}

func checkTools(tools []sdk.Tool) error {
	for i := range tools {
		t := &tools[i]
		if t.Name == "" || t.Name != clean(t.Name, 64) {
			return fmt.Errorf("its tool %d is called %s", i, quote(t.Name))
		}
		t.Path, t.Version, t.Hint = clean(t.Path, maxText), clean(t.Version, maxText), clean(t.Hint, maxText)
	}
	return nil
}

func checkOptionList(options []sdk.Option) error {
	seen := make(map[string]bool)
	for i := range options {
		o := &options[i]
		if !isName(o.Name) || seen[o.Name] {
			return fmt.Errorf("its option %d is called %s: want a name of its own, of lower-case letters, digits and dashes", i, quote(o.Name))
		}
		seen[o.Name] = true
		if o.Type < sdk.OptionString || o.Type > sdk.OptionSize {
			return fmt.Errorf("its option %s has type %d, which this banger does not have: upgrade banger", o.Name, o.Type)
		}
		if len(o.Choices) > maxItems {
			return fmt.Errorf("its option %s has more than %d choices", o.Name, maxItems)
		}
		for _, c := range append([]string{o.Default, o.Pattern}, o.Choices...) {
			if c != clean(c, maxText) {
				return fmt.Errorf("its option %s has the value or pattern %s", o.Name, quote(c))
			}
		}
		if err := o.Check(o.Default); err != nil {
			return fmt.Errorf("its option %s has a default that it does not take: %w", o.Name, err)
		}
		o.Doc = clean(o.Doc, maxText)
	}
	return nil
}
