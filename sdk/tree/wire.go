package tree

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// The field numbers of tree.proto.
const (
	headerVersion, headerLayers, headerEntries = 1, 2, 3

	entryPath, entryType, entryMode, entryUID, entryGID      = 1, 2, 3, 4, 5
	entryMtimeSec, entryMtimeNsec, entryXattrs, entryTarget  = 6, 7, 8, 9
	entryMajor, entryMinor, entryLinks, entrySize, entryHash = 10, 11, 12, 13, 14
	entryExtents                                             = 15

	xattrName, xattrValue                                     = 1, 2
	extentOffset, extentLayer, extentPackOffset, extentLength = 1, 2, 3, 4
)

// AppendEntry appends the canonical encoding of e to b: tree.proto's Entry,
// fields in ascending order, defaults left out.
func AppendEntry(b []byte, e *Entry) []byte {
	b = appendBytes(b, entryPath, e.Path)
	b = appendUint(b, entryType, uint64(e.Type))
	b = appendUint(b, entryMode, uint64(e.Mode))
	b = appendUint(b, entryUID, uint64(e.UID))
	b = appendUint(b, entryGID, uint64(e.GID))
	b = appendUint(b, entryMtimeSec, protowire.EncodeZigZag(e.MTime.Sec))
	b = appendUint(b, entryMtimeNsec, uint64(e.MTime.Nsec))
	for i := range e.Xattrs {
		b = appendMessage(b, entryXattrs, func(b []byte) []byte {
			b = appendBytes(b, xattrName, e.Xattrs[i].Name)
			return appendBytes(b, xattrValue, e.Xattrs[i].Value)
		})
	}
	b = appendBytes(b, entryTarget, e.Target)
	b = appendUint(b, entryMajor, uint64(e.DevMajor))
	b = appendUint(b, entryMinor, uint64(e.DevMinor))
	b = appendUint(b, entryLinks, uint64(e.Links))
	b = appendUint(b, entrySize, uint64(e.Size))
	if e.Type == Regular {
		b = appendBytes(b, entryHash, string(e.SHA256[:]))
	}
	for _, x := range e.Extents {
		b = appendMessage(b, entryExtents, func(b []byte) []byte {
			b = appendUint(b, extentOffset, uint64(x.Offset))
			b = appendUint(b, extentLayer, uint64(x.Layer))
			b = appendUint(b, extentPackOffset, uint64(x.PackOffset))
			return appendUint(b, extentLength, uint64(x.Length))
		})
	}
	return b
}

func appendUint(b []byte, field protowire.Number, v uint64) []byte {
	if v == 0 {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), v)
}

func appendBytes(b []byte, field protowire.Number, s string) []byte {
	if s == "" {
		return b
	}
	return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), s)
}

func appendMessage(b []byte, field protowire.Number, fill func([]byte) []byte) []byte {
	b = protowire.AppendTag(b, field, protowire.BytesType)
	start := len(b)
	b = fill(b)
	var length [binary.MaxVarintLen64]byte
	return slices.Insert(b, start, binary.AppendUvarint(length[:0], uint64(len(b)-start))...)
}

// Decoder decodes entries. Its zero value is ready. It is not safe for
// concurrent use.
type Decoder struct {
	spare []Extent
}

// spareExtents are made at once.
const spareExtents = 512

// Decode decodes the encoding that AppendEntry makes into e, which is zero. Its
// strings become parts of msg. It checks the ranges of single fields; what holds
// between entries is [Tree.Validate]'s.
func (d *Decoder) Decode(e *Entry, msg string) error {
	var f field
	for len(msg) > 0 {
		var err error
		if f, msg, err = cutField(msg); err != nil {
			return fmt.Errorf("decode entry: %w", err)
		}
		if f.num == entryExtents && e.Extents == nil {
			e.Extents = d.extent()
		}
		if err := e.setField(&f); err != nil {
			return fmt.Errorf("decode entry: field %d: %w", f.num, err)
		}
	}
	return nil
}

// extent returns an empty list with room for one extent, which is what most
// files have.
func (d *Decoder) extent() []Extent {
	if len(d.spare) == 0 {
		d.spare = make([]Extent, spareExtents)
	}
	list := d.spare[:0:1]
	d.spare = d.spare[1:]
	return list
}

func (e *Entry) setField(f *field) (err error) {
	switch f.num {
	case entryPath:
		e.Path, err = f.text()
	case entryType:
		var v uint32
		v, err = f.uint32()
		if e.Type = Type(v); err == nil && (v > math.MaxUint8 || !e.Type.Valid()) {
			err = fmt.Errorf("unknown file type %d", v)
		}
	case entryMode:
		if e.Mode, err = f.uint32(); err == nil && e.Mode > 0o7777 {
			err = fmt.Errorf("mode %#o is more than permission bits", e.Mode)
		}
	case entryUID:
		e.UID, err = f.uint32()
	case entryGID:
		e.GID, err = f.uint32()
	case entryMtimeSec:
		var v uint64
		v, err = f.uint()
		e.MTime.Sec = protowire.DecodeZigZag(v)
	case entryMtimeNsec:
		if e.MTime.Nsec, err = f.uint32(); err == nil && e.MTime.Nsec > 999_999_999 {
			err = fmt.Errorf("%d nanoseconds", e.MTime.Nsec)
		}
	case entryXattrs:
		var x Xattr
		x, err = decodeXattr(f)
		e.Xattrs = append(e.Xattrs, x)
	case entryTarget:
		e.Target, err = f.text()
	case entryMajor:
		e.DevMajor, err = f.uint32()
	case entryMinor:
		e.DevMinor, err = f.uint32()
	case entryLinks:
		e.Links, err = f.uint32()
	case entrySize:
		e.Size, err = f.int64()
	case entryHash:
		err = e.setHash(f)
	case entryExtents:
		var x Extent
		x, err = decodeExtent(f)
		e.Extents = append(e.Extents, x)
	}
	return err
}

func (e *Entry) setHash(f *field) error {
	s, err := f.text()
	if err != nil {
		return err
	}
	if len(s) != len(e.SHA256) {
		return fmt.Errorf("sha256 of %d bytes", len(s))
	}
	copy(e.SHA256[:], s)
	return nil
}

func decodeXattr(f *field) (Xattr, error) {
	var x Xattr
	text, err := f.text()
	if err != nil {
		return x, err
	}
	err = eachField(text, func(f *field) (err error) {
		switch f.num {
		case xattrName:
			x.Name, err = f.text()
		case xattrValue:
			x.Value, err = f.text()
		}
		return err
	})
	return x, err
}

// decodeExtent goes without eachField, for which f would be on the heap, and
// most entries have an extent.
func decodeExtent(f *field) (x Extent, err error) {
	text, err := f.text()
	for text != "" && err == nil {
		var f field
		if f, text, err = cutField(text); err != nil {
			break
		}
		if err = x.setField(&f); err != nil {
			err = fmt.Errorf("field %d: %w", f.num, err)
		}
	}
	return x, err
}

func (x *Extent) setField(f *field) (err error) {
	switch f.num {
	case extentOffset:
		x.Offset, err = f.int64()
	case extentLayer:
		var v uint32
		v, err = f.uint32()
		x.Layer = int(v)
	case extentPackOffset:
		x.PackOffset, err = f.int64()
	case extentLength:
		x.Length, err = f.int64()
	}
	return err
}
