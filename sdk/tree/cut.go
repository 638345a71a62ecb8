package tree

import (
	"errors"
	"fmt"
	"io"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// maxMessage bounds one message of a tree file in bytes. An entry holds its
// path, its xattrs and its extents, which banger bounds to far less.
const maxMessage = 64 << 20

// CutMessage cuts the length-delimited message that s begins with off what
// follows it. Where s ends before it does, or it is over 64 MiB, the error wraps
// ErrCorrupt.
func CutMessage(s string) (msg, rest string, err error) {
	n, rest, err := cutLength(s)
	if err == nil && n > len(rest) {
		err = errCutShort
	}
	if err != nil {
		return "", "", err
	}
	return rest[:n], rest[n:], nil
}

// cutLength cuts off the varint before a message.
func cutLength(s string) (n int, rest string, err error) {
	v, rest, err := cutVarint(s)
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return 0, "", errCutShort
	case err != nil:
		return 0, "", fmt.Errorf("%w: message length: %w", ErrCorrupt, err)
	case v > maxMessage:
		return 0, "", fmt.Errorf("%w: message of %d bytes", ErrCorrupt, v)
	}
	return int(v), rest, nil
}

var errCutShort = fmt.Errorf("%w: %w", ErrCorrupt, io.ErrUnexpectedEOF)

// The encoding of protobuf messages: protobuf.dev/programming-guides/encoding.
const (
	maxVarint  = 10 // bytes of a varint of 64 bits
	typeBits   = 3  // of a tag, below the field's number
	maxNesting = 100
)

var (
	errVarint   = errors.New("a number of more than 64 bits")
	errTag      = errors.New("a tag that no field has")
	errGroup    = errors.New("a group without its end, or too deep")
	errWireType = errors.New("field has the wrong wire type")
)

// cutVarint cuts the varint that s begins with off what follows it.
func cutVarint(s string) (v uint64, rest string, err error) {
	for i := range min(len(s), maxVarint) {
		b := s[i]
		if i == maxVarint-1 && b > 1 {
			return 0, "", errVarint
		}
		v |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			return v, s[i+1:], nil
		}
	}
	return 0, "", io.ErrUnexpectedEOF
}

func cutBytes(s string, n uint64) (head, rest string, err error) {
	if n > uint64(len(s)) {
		return "", "", io.ErrUnexpectedEOF
	}
	return s[:n], s[n:], nil
}

// field is one field of a protobuf message as it stands on the wire.
type field struct {
	num     protowire.Number
	typ     protowire.Type
	varint  uint64
	content string // of a field of BytesType
}

// cutField cuts the field that s begins with off what follows it. Of fields
// that are neither varints nor bytes it tells only that they are there, for they
// are passed over, as protobuf readers do.
func cutField(s string) (f field, rest string, err error) { return cutNested(s, 0) }

func cutNested(s string, depth int) (f field, rest string, err error) {
	tag, s, err := cutVarint(s)
	if err != nil {
		return f, "", err
	}
	if n := tag >> typeBits; n < uint64(protowire.MinValidNumber) || n > math.MaxInt32 {
		return f, "", errTag
	}
	f.num, f.typ = protowire.Number(tag>>typeBits), protowire.Type(tag&(1<<typeBits-1))
	switch f.typ {
	case protowire.VarintType:
		f.varint, rest, err = cutVarint(s)
	case protowire.BytesType:
		if f.varint, s, err = cutVarint(s); err == nil {
			f.content, rest, err = cutBytes(s, f.varint)
		}
	case protowire.Fixed32Type:
		_, rest, err = cutBytes(s, 4)
	case protowire.Fixed64Type:
		_, rest, err = cutBytes(s, 8)
	case protowire.StartGroupType:
		rest, err = cutGroup(s, f.num, depth+1)
	default: // an end is for cutGroup, and nothing elsewhere
		rest = s
		if f.typ != protowire.EndGroupType || depth == 0 {
			err = errTag
		}
	}
	return f, rest, err
}

// cutGroup returns what follows the group of that number, whose first field s
// begins with.
func cutGroup(s string, num protowire.Number, depth int) (rest string, err error) {
	for depth <= maxNesting {
		var f field
		if f, s, err = cutNested(s, depth); err != nil {
			return "", err
		}
		if f.typ == protowire.EndGroupType {
			if f.num != num {
				break
			}
			return s, nil
		}
	}
	return "", errGroup
}

func (f *field) text() (string, error) {
	if f.typ != protowire.BytesType {
		return "", errWireType
	}
	return f.content, nil
}

func (f *field) uint() (uint64, error) {
	if f.typ != protowire.VarintType {
		return 0, errWireType
	}
	return f.varint, nil
}

func (f *field) uint32() (uint32, error) {
	v, err := f.uint()
	if err == nil && v > math.MaxUint32 {
		return 0, fmt.Errorf("%d does not fit 32 bits", v)
	}
	return uint32(v), err
}

func (f *field) int64() (int64, error) {
	v, err := f.uint()
	if err == nil && v > math.MaxInt64 {
		return 0, fmt.Errorf("%d does not fit 63 bits", v)
	}
	return int64(v), err
}

// eachField calls do for each field of s, in order. The field is valid until do
// returns.
func eachField(s string, do func(*field) error) error {
	var f field
	for len(s) > 0 {
		var err error
		if f, s, err = cutField(s); err != nil {
			return err
		}
		if err := do(&f); err != nil {
			return fmt.Errorf("field %d: %w", f.num, err)
		}
	}
	return nil
}
