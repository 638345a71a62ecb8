package tree_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"banger/sdk/tree"
)

func varint(num protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, num, protowire.VarintType), v)
}

func chunk(num protowire.Number, s string) []byte {
	return protowire.AppendString(protowire.AppendTag(nil, num, protowire.BytesType), s)
}

// decode decodes one entry.
func decode(msg []byte) (tree.Entry, error) {
	var d tree.Decoder
	var e tree.Entry
	err := d.Decode(&e, string(msg))
	return e, err
}

func TestDecodeRefuses(t *testing.T) {
	for _, c := range []struct {
		name, want string
		msg        []byte
	}{
		{"type 0", "file type 0", varint(2, 0)},
		{"type 8", "file type 8", varint(2, 8)},
		{"type 257", "file type 257", varint(2, 257)},
		{"mode", "0100644", varint(3, 0o100644)},
		{"uid", "32 bits", varint(4, 1<<32)},
		{"gid", "32 bits", varint(5, 1<<63)},
		{"nanoseconds", "1000000000", varint(7, 1e9)},
		{"devices", "32 bits", varint(11, 1<<32)},
		{"size", "63 bits", varint(13, 1<<63)},
		{"hash", "sha256 of 3", chunk(14, "abc")},
		{"path as a number", "wire type", varint(1, 1)},
		{"mode as bytes", "wire type", chunk(3, "x")},
		{"xattr as a number", "wire type", varint(8, 1)},
		{"xattr name as a number", "wire type", chunk(8, string(varint(1, 1)))},
		{"hash as a number", "wire type", varint(14, 1)},
		{"extent", "63 bits", chunk(15, string(varint(3, 1<<63)))},
		{"extent layer", "32 bits", chunk(15, string(varint(2, 1<<32)))},
		{"cut tag", "EOF", []byte{0x80}},
		{"cut bytes", "EOF", []byte{0x0a, 5, 'a'}},
		{"cut fixed", "EOF", []byte{0x0d, 5}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := decode(c.msg); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestDecodePassesOverUnknownFields(t *testing.T) {
	fixed := protowire.AppendFixed64(protowire.AppendTag(nil, 99, protowire.Fixed64Type), 1)
	msg := bytes.Join([][]byte{varint(100, 1), chunk(101, "x"), fixed, chunk(1, "path")}, nil)
	e, err := decode(msg)
	if err != nil || e.Path != "path" {
		t.Errorf("%+v, %v", e, err)
	}
}

func message(b []byte) []byte { return protowire.AppendBytes(nil, b) }

func TestReadRefusesHeaders(t *testing.T) {
	for name, file := range map[string][]byte{
		"empty":            nil,
		"other version":    message(varint(1, 2)),
		"no version":       message(varint(3, 0)),
		"layer a number":   message(varint(2, 1)),
		"too large":        protowire.AppendVarint(nil, 1<<40),
		"length too long":  bytes.Repeat([]byte{0xff}, 11),
		"many, none there": message(append(varint(1, 1), varint(3, 1<<60)...)),
		"no entries":       message(varint(1, 1)),
		"malformed entry":  append(message(append(varint(1, 1), varint(3, 1)...)), message([]byte{0x80})...),
	} {
		if _, err := tree.Read(bytes.NewReader(file)); !errors.Is(err, tree.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
