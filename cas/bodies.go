package cas

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/opencontainers/go-digest"
)

// Body is a range of an image whose bytes lie in the pack of an unpacked layer
// and nowhere else in the store.
type Body struct {
	Offset     int64 // in the image
	Layer      int   // index into Bodies.Layers
	PackOffset int64
	Length     int64
}

// Bodies are what an image leaves to packs. List is sorted by Offset, and no
// two overlap. What the image has itself at such a range does not count.
type Bodies struct {
	Layers []digest.Digest // diffIDs
	List   []Body
}

// bodiesName is the file of an artifact that lists its bodies: bodiesMagic,
// and four numbers for each body in the order of their offsets: how far it is
// from the end of the one before, the index of its layer, its offset in the
// pack, its length; each as encoding/binary's uvarint.
const (
	bodiesName  = "bodies"
	bodiesMagic = "banger bodies 1\n"
)

// maxBodies is the largest file of bodies: some 20 million of them.
const maxBodies = 256 << 20

// maxLayers is how many layers an artifact may need; images have 127 at most.
const maxLayers = 4096

func encodeBodies(list []Body) []byte {
	b := []byte(bodiesMagic)
	end := int64(0)
	for _, x := range list {
		for _, n := range []int64{x.Offset - end, int64(x.Layer), x.PackOffset, x.Length} {
			b = binary.AppendUvarint(b, uint64(n))
		}
		end = x.Offset + x.Length
	}
	return b
}

// parseBodies reads the bodies of an image of that size, which lie in packs
// of these sizes. Its errors wrap errBadContent.
func parseBodies(b []byte, size int64, packs []int64) ([]Body, error) {
	if len(b) < len(bodiesMagic) || string(b[:len(bodiesMagic)]) != bodiesMagic {
		return nil, fmt.Errorf("%w: it is no list of bodies", errBadContent)
	}
	b = b[len(bodiesMagic):]
	var list []Body
	for end := int64(0); len(b) > 0; {
		var numbers [4]int64
		for i := range numbers {
			n, length := binary.Uvarint(b)
			if length <= 0 || n > MaxArtifactSize {
				return nil, fmt.Errorf("%w: body %d is cut, or has a number that is too large", errBadContent, len(list))
			}
			numbers[i], b = int64(n), b[length:]
		}
		x := Body{Offset: end + numbers[0], Layer: int(numbers[1]), PackOffset: numbers[2], Length: numbers[3]}
		if err := x.check(end, size, packs); err != nil {
			return nil, fmt.Errorf("%w: body %d: %w", errBadContent, len(list), err)
		}
		list = append(list, x)
		end = x.Offset + x.Length
	}
	return list, nil
}

// check wants a body to begin at start or later, and to lie in the image and
// in its pack.
func (x Body) check(start, size int64, packs []int64) error {
	switch {
	case x.Layer < 0 || x.Layer >= len(packs):
		return fmt.Errorf("there is no layer %d", x.Layer)
	case x.Offset < start:
		return fmt.Errorf("it begins at %d, before the end of the one before it at %d", x.Offset, start)
	case x.Length <= 0 || x.Offset > size || x.Length > size-x.Offset:
		return fmt.Errorf("its %d bytes at %d are not in the image, which has %d", x.Length, x.Offset, size)
	case x.PackOffset < 0 || x.PackOffset > packs[x.Layer] || x.Length > packs[x.Layer]-x.PackOffset:
		return fmt.Errorf("its %d bytes at %d are not in the pack, which has %d", x.Length, x.PackOffset, packs[x.Layer])
	}
	return nil
}

// used returns the bodies with those layers only that they lie in, in the order
// in which they come. The list may be that of b.
func (b Bodies) used() (Bodies, error) {
	u := Bodies{List: b.List}
	numbers := make([]int, len(b.Layers)) // new ones, from 1
	same := true
	for i, x := range b.List {
		if x.Layer < 0 || x.Layer >= len(b.Layers) {
			return u, fmt.Errorf("body %d: there is no layer %d", i, x.Layer)
		}
		if numbers[x.Layer] == 0 {
			u.Layers = append(u.Layers, b.Layers[x.Layer])
			numbers[x.Layer] = len(u.Layers)
			same = same && len(u.Layers) == x.Layer+1
		}
	}
	if len(u.Layers) > maxLayers {
		return u, errors.New("too many layers")
	}
	if !same {
		u.List = slices.Clone(b.List)
		for i := range u.List {
			u.List[i].Layer = numbers[u.List[i].Layer] - 1
		}
	}
	return u, nil
}

// check wants the bodies to lie in an image of that size and in their packs,
// and to be sorted.
func (b Bodies) check(size int64, packs []int64) error {
	end := int64(0)
	for i, x := range b.List {
		if err := x.check(end, size, packs); err != nil {
			return fmt.Errorf("body %d: %w", i, err)
		}
		end = x.Offset + x.Length
	}
	return nil
}
