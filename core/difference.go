package core

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Difference is one input of a build that is not what it was in another.
type Difference struct {
	Input string // as a path into the preimage, "options.label"
	// Had is what the build in the store has, Has what is asked for, as JSON;
	// nil stands for none.
	Had, Has json.RawMessage
	Text     string // for people: `option label: "a" → "b"`
}

// asked is a preimage with what people call its parts.
type asked struct {
	preimage json.RawMessage
	ref      string
	builder  string
}

// differences lists the inputs that differ, in the order of their names.
func differences(had, has asked) ([]Difference, error) {
	before, err := leaves(had.preimage)
	if err != nil {
		return nil, err
	}
	after, err := leaves(has.preimage)
	if err != nil {
		return nil, err
	}
	all := maps.Clone(before)
	maps.Copy(all, after)
	var diffs []Difference
	for _, input := range slices.Sorted(maps.Keys(all)) {
		b, a := before[input], after[input]
		if string(b) != string(a) {
			d := Difference{Input: input, Had: b, Has: a}
			d.Text = d.inWords(had, has)
			diffs = append(diffs, d)
		}
	}
	return diffs, nil
}

// inWords says what differs, what a builder and its tools have to say to it in
// one line.
func inWords(diffs []Difference) []string {
	var lines []string
	at := make(map[string]int) // the line of a builder
	for _, d := range diffs {
		subject, change, ok := strings.Cut(d.Text, ": ")
		if line, again := at[subject]; again && ok {
			lines[line] += "; " + change
			continue
		}
		if strings.HasPrefix(subject, "builder ") {
			at[subject] = len(lines)
		}
		lines = append(lines, d.Text)
	}
	return lines
}

// leaves maps the path of each value in an object to the value. An object
// within it is none itself, even when it is empty.
func leaves(object json.RawMessage) (map[string]json.RawMessage, error) {
	out := make(map[string]json.RawMessage)
	var walk func(prefix string, raw json.RawMessage) error
	walk = func(prefix string, raw json.RawMessage) error {
		var fields map[string]json.RawMessage
		if len(raw) == 0 || raw[0] != '{' {
			out[prefix] = raw
			return nil
		}
		if err := json.Unmarshal(raw, &fields); err != nil {
			return err
		}
		for name, v := range fields {
			if err := walk(strings.TrimPrefix(prefix+"."+name, "."), v); err != nil {
				return err
			}
		}
		return nil
	}
	return out, walk("", object)
}

// inWords says what differs.
func (d *Difference) inWords(had, has asked) string {
	change := value(d.Had) + " → " + value(d.Has)
	group, name, _ := strings.Cut(d.Input, ".")
	switch group {
	case "manifest":
		return fmt.Sprintf("manifest: %s (%s) → %s (%s)", text(d.Had), had.ref, text(d.Has), has.ref)
	case "builder":
		return builderChange(text(d.Had), text(d.Has), had.builder, has.builder)
	case "tools":
		return fmt.Sprintf("builder %s: %s %s → %s", has.builder, name, cmp.Or(text(d.Had), "none"), cmp.Or(text(d.Has), "none"))
	case "options":
		return fmt.Sprintf("option %s: %s", name, change)
	case "protocol":
		return "builder protocol: " + change
	case "staging":
		return "revision of staging: " + change
	case "runner":
		return fmt.Sprintf("who runs it, %s: %s", cmp.Or(name, "anybody, as it does not matter"), change)
	case "flatten":
		return flattenChange(name, d)
	case "size":
		return sizeChange(name, d)
	}
	return d.Input + ": " + change
}

// builderChange tells two builders' identities apart; see host.Builder.
func builderChange(had, has, hadName, hasName string) string {
	if hadName != hasName {
		return fmt.Sprintf("builder: %s → %s", hadName, hasName)
	}
	before, wasBundled := strings.CutPrefix(had, "bundled:"+hasName+"/")
	after, isBundled := strings.CutPrefix(has, "bundled:"+hasName+"/")
	switch {
	case wasBundled && isBundled:
		return fmt.Sprintf("builder %s: revision %s → %s", hasName, before, after)
	case wasBundled:
		return fmt.Sprintf("builder %s: the bundled one → another program, %s", hasName, has)
	case isBundled:
		return fmt.Sprintf("builder %s: another program, %s → the bundled one", hasName, had)
	}
	return fmt.Sprintf("builder %s: binary changed", hasName)
}

func flattenChange(name string, d *Difference) string {
	if name == "contain_paths" {
		return fmt.Sprintf("unsafe paths: %s → %s", pathPolicy(text(d.Had)), pathPolicy(text(d.Has)))
	}
	return fmt.Sprintf("%s of flattening: %s → %s", name, value(d.Had), value(d.Has))
}

func pathPolicy(contain string) string {
	if contain == "true" {
		return "contain"
	}
	return "refuse"
}

func sizeChange(name string, d *Difference) string {
	switch name {
	case "bytes":
		return fmt.Sprintf("size: %s → %s", sizeText(d.Had, "auto"), sizeText(d.Has, "auto"))
	case "free_bytes":
		return fmt.Sprintf("free room: %s → %s", sizeText(d.Had, "no fixed size"), sizeText(d.Has, "no fixed size"))
	case "free_percent":
		return fmt.Sprintf("free room: %s%% → %s%%", value(d.Had), value(d.Has))
	}
	return fmt.Sprintf("%s: %s → %s", name, sizeless(d.Had), sizeless(d.Has))
}

// sizeText writes a number of bytes, and zero as what it stands for.
func sizeText(raw json.RawMessage, zero string) string {
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil || n == 0 {
		return zero
	}
	unit := 0
	for unit < len(sizeUnits)-1 && n%1024 == 0 {
		n, unit = n/1024, unit+1
	}
	return fmt.Sprintf("%d%s", n, sizeUnits[unit])
}

// sizeUnits are those of sdk.ParseSize.
var sizeUnits = []string{"", "K", "M", "G", "T"}

func sizeless(raw json.RawMessage) string {
	if string(raw) == "0" {
		return "planned"
	}
	return value(raw)
}

// value writes JSON for people: strings keep their quotes, none is said.
func value(raw json.RawMessage) string {
	if len(raw) == 0 {
		return "none"
	}
	return string(raw)
}

// text is the text of a JSON string, and of other values their JSON.
func text(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}
