package tree_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"

	"banger/sdk/tree"
)

// TestManyEntries: a tree of many parts, whole and with one bad entry in each
// place where it could matter to which part it belongs.
func TestManyEntries(t *testing.T) {
	want := large()
	got, err := tree.Parse(string(encode(t, want)))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("(-written +parsed):\n%s", diff)
	}
	for _, i := range []int{1, 1023, 1024, 1025, 20_000, len(want.Entries) - 1} {
		bad := large()
		bad.Entries[i].Path = bad.Entries[i-1].Path
		if _, err := tree.Parse(string(encode(t, bad))); !errors.Is(err, tree.ErrCorrupt) || !strings.Contains(err.Error(), "out of order") {
			t.Errorf("entry %d again: %v", i, err)
		}
		bad = large()
		bad.Entries[i].Type = 9
		if _, err := tree.Parse(string(encode(t, bad))); !errors.Is(err, tree.ErrCorrupt) || !strings.Contains(err.Error(), "file type 9") {
			t.Errorf("entry %d of type 9: %v", i, err)
		}
	}
}

// TestMessagesThatAreNoEntries: a header may promise more than there is, and
// nothing is made for that.
func TestMessagesThatAreNoEntries(t *testing.T) {
	header := message(append(varint(1, 1), varint(3, 1<<40)...))
	_, err := tree.Parse(string(header) + strings.Repeat("\x00", 1<<16))
	if !errors.Is(err, tree.ErrCorrupt) || !strings.Contains(err.Error(), "0 bytes are no entry") {
		t.Error(err)
	}
}

// TestGroups: fields of every kind are passed over, as protobuf readers do.
func TestGroups(t *testing.T) {
	group := protowire.AppendTag(nil, 99, protowire.StartGroupType)
	group = append(group, varint(1, 5)...)
	group = append(group, protowire.AppendFixed32(protowire.AppendTag(nil, 2, protowire.Fixed32Type), 7)...)
	group = append(group, protowire.AppendTag(nil, 3, protowire.StartGroupType)...)
	group = append(group, protowire.AppendTag(nil, 3, protowire.EndGroupType)...)
	end := protowire.AppendTag(nil, 99, protowire.EndGroupType)
	path := chunk(1, "path")
	e, err := decode(append(append(append([]byte{}, group...), end...), path...))
	if err != nil || e.Path != "path" {
		t.Errorf("after a group: %q, %v", e.Path, err)
	}
	deep := strings.Repeat(string(protowire.AppendTag(nil, 99, protowire.StartGroupType)), 1<<20)
	for name, msg := range map[string]string{
		"no end": string(group), "another's end": string(group) + string(protowire.AppendTag(nil, 98, protowire.EndGroupType)),
		"an end alone": string(end), "deep": deep, "type 6": "\x0e", "type 7": "\x0f", "field 0": "\x00\x00",
	} {
		if _, err := decode([]byte(msg)); err == nil {
			t.Errorf("%s is passed over", name)
		}
	}
}
