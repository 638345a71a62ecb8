package sdk

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"sync"

	"google.golang.org/protobuf/encoding/protowire"
)

// Body is a range of an image that a builder has left out: its bytes are in a
// pack, and banger puts them in; see [Request.Copy].
type Body struct {
	Offset     int64 // in the image
	Layer      int   // index into the tree's Layers
	PackOffset int64
	Length     int64
}

// The field numbers of builder.proto's Body.
const bodyOffset, bodyLayer, bodyPackOffset, bodyLength = 1, 2, 3, 4

const (
	// maxBody bounds one encoded body: four tags and numbers.
	maxBody = 4 * (1 + 10)
	// maxBodies bounds what is read, and so the memory that a list takes.
	maxBodies = 16 << 20
)

// WriteBodies writes bodies as length-delimited Body messages of
// builder.proto, the format of [Request.BodiesPath].
func WriteBodies(w io.Writer, list []Body) error {
	bw := bufio.NewWriterSize(w, 64<<10)
	var body, record []byte
	for _, b := range list {
		body = body[:0]
		for i, n := range []uint64{clamp(b.Offset), clamp(int64(b.Layer)), clamp(b.PackOffset), clamp(b.Length)} {
			if n > 0 {
				body = protowire.AppendVarint(protowire.AppendTag(body, protowire.Number(bodyOffset+i), protowire.VarintType), n)
			}
		}
		record = protowire.AppendBytes(record[:0], body)
		_, _ = bw.Write(record) // Flush has its error
	}
	if err := bw.Flush(); err != nil {
		return fmt.Errorf("write bodies: %w", err)
	}
	return nil
}

// ReadBodies reads all that WriteBodies wrote, up to the end of r, and no more
// than 16 Mi of them. size is how many bytes there are, as far as that is known:
// it saves memory. What the numbers mean is for the caller to check.
func ReadBodies(r io.Reader, size int64) ([]Body, error) { return readBodies(r, size, maxBodies) }

// usualBody is what the body of a small file takes in a list, in bytes.
const usualBody = 14

func readBodies(r io.Reader, size int64, most int) ([]Body, error) {
	br := bufio.NewReaderSize(r, 64<<10)
	list := make([]Body, 0, min(max(size, 0)/usualBody, firstBodies))
	for {
		b, err := readBody(br)
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read bodies: record %d: %w", len(list), err)
		}
		if len(list) == most {
			return nil, fmt.Errorf("read bodies: more than %d", most)
		}
		list = append(roomFor(list), b)
	}
}

// firstBodies bounds for how many bodies there is room at first.
const firstBodies = 64 << 10

// roomFor returns list with room for one more: twice as much where there is
// none, since append, which adds a quarter, would come to five times what is
// needed.
func roomFor(list []Body) []Body {
	if len(list) < cap(list) {
		return list
	}
	return slices.Grow(list, max(len(list), 1))
}

// readBody reads one record. At a clean end it returns io.EOF.
func readBody(br *bufio.Reader) (Body, error) {
	text, err := br.Peek(1 + maxBody)
	if len(text) == 0 {
		return Body{}, err
	}
	length := int(text[0])
	switch {
	case length > maxBody:
		return Body{}, fmt.Errorf("%d bytes, where %d are allowed", length, maxBody)
	case length >= len(text):
		return Body{}, cmp.Or(notEOF(err), io.ErrUnexpectedEOF)
	}
	b, err := parseBody(text[1 : 1+length])
	_, _ = br.Discard(1 + length) // what was peeked at is there
	return b, err
}

func notEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func parseBody(text []byte) (b Body, err error) {
	for len(text) > 0 {
		field, kind, n := protowire.ConsumeTag(text)
		if n < 0 || kind != protowire.VarintType {
			return Body{}, errors.New("it is no Body")
		}
		text = text[n:]
		v, n := protowire.ConsumeVarint(text)
		if n < 0 {
			return Body{}, protowire.ParseError(n)
		}
		text = text[n:]
		b.set(field, signed(v))
	}
	return b, nil
}

func (b *Body) set(field protowire.Number, n int64) {
	switch field {
	case bodyOffset:
		b.Offset = n
	case bodyLayer:
		b.Layer = int(min(n, math.MaxInt32))
	case bodyPackOffset:
		b.PackOffset = n
	case bodyLength:
		b.Length = n
	}
}

// leftOut are the bodies that a build has left out of its image so far.
type leftOut struct {
	mu    sync.Mutex
	files map[*os.File]bool // whether it is the image
	image os.FileInfo       // of the first of them that is
	size  int64             // that the image has at least
	list  []Body

	placed bool // the list is with banger, and closed
}

// leave notes a body in place of writing it to dst, if banger takes it and dst
// is the image.
func (r *Request) leave(dst *os.File, b Body) (bool, error) {
	if r.BodiesPath == "" {
		return false, nil
	}
	l := &r.leftOut
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.placed {
		return false, nil
	}
	is, known := l.files[dst]
	if !known {
		is = l.meet(dst, r.Output)
	}
	if !is {
		return false, nil
	}
	if l.list == nil {
		l.list = make([]Body, 0, r.expectedBodies())
	}
	l.list = append(roomFor(l.list), b)
	return true, l.extend(dst, b.Offset+b.Length)
}

// expectedBodies is how many bodies a builder that has read the tree leaves.
func (r *Request) expectedBodies() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.tree == nil {
		return 0
	}
	return min(len(r.tree.Entries), firstBodies)
}

// meet finds out whether dst is the image at output.
func (l *leftOut) meet(dst *os.File, output string) bool {
	mine, err := dst.Stat()
	at, lstatErr := os.Lstat(output)
	is := err == nil && lstatErr == nil && os.SameFile(mine, at)
	if l.files == nil {
		l.files = make(map[*os.File]bool)
	}
	l.files[dst] = is
	if is && l.image == nil {
		l.image = mine
	}
	return is
}

// extend makes dst as long as if a body that ends there had been written.
func (l *leftOut) extend(dst *os.File, end int64) error {
	if end <= l.size {
		return nil
	}
	info, err := dst.Stat()
	if err == nil && info.Size() < end {
		err = dst.Truncate(end)
	}
	if err == nil {
		l.size = max(end, info.Size())
	}
	return err
}

var errOtherImage = errors.New("the image is another file than the one that contents were copied to: use CopyNow")

// leaveBodies lists for banger what the image at r.Output lacks, unless Placed
// has done so.
func (r *Request) leaveBodies() error {
	l := &r.leftOut
	l.mu.Lock()
	defer l.mu.Unlock()
	image := l.image
	l.image = nil
	if image == nil {
		return nil
	}
	at, err := os.Lstat(r.Output)
	if errors.Is(err, os.ErrNotExist) {
		return nil // the build has failed
	}
	if err == nil && !os.SameFile(at, image) {
		err = errOtherImage
	}
	if err == nil && !l.placed {
		err = l.write(r.BodiesPath)
	}
	if err != nil {
		return fmt.Errorf("leave bodies: %w", err)
	}
	return nil
}

// write writes the list to the new file at path.
func (l *leftOut) write(path string) error {
	list := l.list
	l.list = nil
	slices.SortFunc(list, func(a, b Body) int { return cmp.Compare(a.Offset, b.Offset) })
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(WriteBodies(f, list), f.Close())
}

// Placed says that all contents have been given to [Request.Copy], and that the
// image will have size bytes: banger can begin with the user's file then, while
// the builder writes the rest of the image. It is worth a call where much of that
// is still to be written. An image that has another size in the end is refused.
// What is copied later is copied at once, as by CopyNow. Where nothing is left to
// banger, Placed does nothing, and so does a second call.
func (r *Request) Placed(size int64) error {
	l := &r.leftOut
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.placed || len(l.list) == 0 {
		return nil
	}
	if err := l.write(r.BodiesPath); err != nil {
		return fmt.Errorf("leave bodies: %w", err)
	}
	l.placed = true
	if r.Events != nil {
		r.Events.Placed(size)
	}
	return nil
}
