package main

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"banger/core"
)

// TestJSONDoc: docs/json.md names every member that --json prints.
func TestJSONDoc(t *testing.T) {
	b, err := os.ReadFile("../../docs/json.md")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, printed := range []any{
		buildOutput{},
		core.Pulled{},
		planOutput{},
		inspectOutput{},
		fileOutput{},
		builderOutput{},
		lockedOutput{},
		checkedOutput{},
		check{},
		settingOutput{},
		verifiedJSON{},
		cachedOutput{},
		usageOutput{},
		removedOutput{},
		verifyOutput{},
		explainOutput{},
	} {
		for _, name := range members(reflect.TypeOf(printed)) {
			if n++; !strings.Contains(string(b), "`"+name+"`") {
				t.Errorf("%T: docs/json.md does not name %s", printed, name)
			}
		}
	}
	if n < 150 {
		t.Errorf("only %d members were looked at", n)
	}
}

// members lists the names of a type's members in JSON, and of those in them.
func members(t reflect.Type) (names []string) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return members(t.Elem())
	case reflect.Struct:
		for f := range t.Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name != "" {
				names = append(names, name)
			}
			if name != "" || f.Anonymous {
				names = append(names, members(f.Type)...)
			}
		}
	}
	return names
}
