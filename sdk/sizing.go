package sdk

import (
	"errors"
	"fmt"
	"math"

	"banger/internal/hint"
)

// ErrSize is wrapped by the error about a size or a number of inodes that a
// user asked for and that cannot be.
var ErrSize = Invalid(errors.New("size does not fit"))

// Sizing is what a builder knows of the size of an image that it is to make.
// [Sizing.Plan] brings it together with what the user wants. All sizes are in
// bytes; zero fields do not matter to the format.
type Sizing struct {
	Format string // its name, for errors

	// Content is what the tree takes in the image, at least, and Inodes how
	// many inodes it needs, those included that every image has.
	Content, Inodes int64

	// MinBytes is the smallest image there is, which Description.MinBytes
	// should say, too. MaxBytes and MaxInodes are more than any image has.
	MinBytes, MaxBytes, MaxInodes int64

	// Block divides the length of every image, Step the one of an image that
	// is planned from the tree.
	Block, Step int64

	// Missing returns how much larger an image of so many bytes and inodes
	// would have to be to hold the content and the free room, for all that is
	// known; 0 or less if it holds them. It is called again with the larger
	// size, so it may tell too little. Nil is for a format that takes nothing
	// for itself.
	Missing func(bytes, inodes, free int64) int64

	// InodeCounts returns how many inodes an image may have if the user does
	// not say, the best number first and in the end the least: one planned
	// with so much free room, or one of so many bytes, free being 0. Nil is
	// for Inodes and no more.
	InodeCounts func(bytes, free int64) []int64
}

// ImageSize is the size that an image is to have.
type ImageSize struct {
	Bytes  int64
	Inodes int64
	Free   int64 // the room that the user asked for and must find in it, in bytes
	Auto   bool  // planned from the tree: may be made larger if it turns out too small
}

// Plan plans an image. Where the user leaves it open it has the free room that
// he asks for besides the content, is not smaller than MinBytes, and its
// length is a multiple of Step; an exact length is rounded up to a multiple of
// Block. Errors about what the user wants wrap ErrSize, and where less or more
// would do have a hint that says so; a tree that no image holds is another error.
func (s *Sizing) Plan(want SizePlan) (ImageSize, error) {
	switch {
	case min(want.Bytes, want.FreeBytes, int64(want.FreePercent), want.Inodes) < 0:
		return ImageSize{}, s.errorf("a size or a number of inodes is negative")
	case s.MaxInodes > 0 && s.Inodes >= s.MaxInodes:
		return ImageSize{}, fmt.Errorf("plan %s: the tree needs %d inodes, and an image has fewer than %d", s.Format, s.Inodes, s.MaxInodes)
	case s.MaxInodes > 0 && want.Inodes >= s.MaxInodes:
		return ImageSize{}, s.errorf("%d inodes, and it has fewer than %d", want.Inodes, s.MaxInodes)
	case want.Inodes > 0 && want.Inodes < s.Inodes:
		err := s.errorf("%d inodes are asked for and the tree needs %d", want.Inodes, s.Inodes)
		return ImageSize{}, hint.With(err, fmt.Sprintf("ask for at least %d inodes, or for none", s.Inodes))
	case want.Bytes > 0:
		return s.exact(want)
	}
	size, err := s.auto(want)
	if err != nil {
		return ImageSize{}, s.orTree(err)
	}
	return size, nil
}

// orTree returns err, unless no image holds the tree, whatever is wanted.
func (s *Sizing) orTree(err error) error {
	if _, e := s.auto(SizePlan{}); e != nil {
		return fmt.Errorf("plan %s: the tree needs more, and an image is below %s", s.Format, sizeText(s.maxBytes()))
	}
	return err
}

// auto plans from the tree.
func (s *Sizing) auto(want SizePlan) (ImageSize, error) {
	free, ok := s.free(want)
	if !ok || s.Content >= s.maxBytes() {
		return ImageSize{}, s.tooLarge()
	}
	inodes := want.Inodes
	if inodes == 0 {
		inodes = s.inodeCounts(0, free)[0]
	}
	bytes, err := s.smallest(inodes, free)
	return ImageSize{Bytes: bytes, Inodes: inodes, Free: free, Auto: true}, err
}

// free returns the room that is wanted after the content; not ok if no image
// has as much.
func (s *Sizing) free(want SizePlan) (free int64, ok bool) {
	free = want.FreeBytes
	if percent := int64(want.FreePercent); free == 0 && percent > 0 && s.Content > 0 {
		if s.Content > (math.MaxInt64-99)/percent {
			return 0, false
		}
		free = (s.Content*percent + 99) / 100
	}
	return roundUp(free, max(s.Block, 1)), free < s.maxBytes()
}

// exact takes the size that is asked for, if the tree fits.
func (s *Sizing) exact(want SizePlan) (ImageSize, error) {
	if err := belowMinimum(s.Format, want.Bytes, s.MinBytes); err != nil {
		return ImageSize{}, fmt.Errorf("plan %s: %w", s.Format, err)
	}
	bytes := roundUp(min(want.Bytes, s.maxBytes()), max(s.Block, 1))
	if bytes >= s.maxBytes() {
		return ImageSize{}, s.tooLarge()
	}
	counts := []int64{want.Inodes}
	if want.Inodes == 0 {
		counts = s.inodeCounts(want.Bytes, 0)
	}
	for _, inodes := range counts {
		if s.missing(bytes, inodes, 0) <= 0 {
			return ImageSize{Bytes: bytes, Inodes: inodes}, nil
		}
	}
	least, err := s.smallest(counts[len(counts)-1], 0)
	if err != nil {
		return ImageSize{}, s.orTree(err)
	}
	err = s.errorf("%d bytes are asked for and the tree needs %d", want.Bytes, least)
	return ImageSize{}, hint.With(err, fmt.Sprintf("ask for a size of at least %s, or leave it to banger", sizeText(least)))
}

// smallest returns the least image that is planned for the content and free.
func (s *Sizing) smallest(inodes, free int64) (int64, error) {
	step := max(s.Step, s.Block, 1)
	bytes := roundUp(max(s.MinBytes, min(s.Content, s.maxBytes())+free), step)
	for bytes < s.maxBytes() {
		missing := s.missing(bytes, inodes, free)
		if missing <= 0 {
			return bytes, nil
		}
		bytes += roundUp(min(missing, s.maxBytes()), step)
	}
	return 0, s.tooLarge()
}

// Larger returns a size for the same tree after size has turned out too small,
// missing so many bytes (0 when that is not known): an eighth and 16 MiB more,
// with an eighth more inodes.
func (s *Sizing) Larger(size ImageSize, missing int64) ImageSize {
	step := max(s.Step, s.Block, 1)
	size.Bytes += roundUp(missing+size.Bytes/8, step) + roundUp(16<<20, step)
	size.Inodes += size.Inodes / 8
	return size
}

func (s *Sizing) missing(bytes, inodes, free int64) int64 {
	if s.Missing == nil {
		return s.Content + free - bytes
	}
	return s.Missing(bytes, inodes, free)
}

func (s *Sizing) inodeCounts(bytes, free int64) []int64 {
	if s.InodeCounts == nil {
		return []int64{s.Inodes}
	}
	return s.InodeCounts(bytes, free)
}

// maxBytes keeps sums of two sizes, rounded up, within an int64.
func (s *Sizing) maxBytes() int64 {
	const most = math.MaxInt64 / 4
	if s.MaxBytes > 0 {
		return min(s.MaxBytes, most)
	}
	return most
}

func (s *Sizing) errorf(format string, args ...any) error {
	return fmt.Errorf("plan %s: %w: %s", s.Format, ErrSize, fmt.Sprintf(format, args...))
}

func (s *Sizing) tooLarge() error { return s.errorf("an image is below %s", sizeText(s.maxBytes())) }

// belowMinimum is the error about a size that is less than the least one.
func belowMinimum(format string, size, least int64) error {
	if size == 0 || size >= least {
		return nil
	}
	err := fmt.Errorf("%w: %s size %d below minimum %d", ErrSize, format, size, least)
	return hint.With(err, fmt.Sprintf("ask for at least %s, or leave the size to banger", sizeText(least)))
}

// sizeText is a size as ParseSize reads it, in the largest unit that divides
// it.
func sizeText(n int64) string {
	units := []string{"", "K", "M", "G", "T"}
	i := 0
	for i < len(units)-1 && n > 0 && n%1024 == 0 {
		n, i = n/1024, i+1
	}
	return fmt.Sprint(n, units[i])
}

// roundUp returns the least multiple of unit that is not below n.
func roundUp(n, unit int64) int64 {
	if rest := n % unit; rest > 0 {
		n += unit - rest
	}
	return n
}
