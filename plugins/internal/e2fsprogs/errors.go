package e2fsprogs

import (
	"errors"
	"regexp"
	"strings"
)

// ErrFull is wrapped by the error about an image that is too small for what
// goes into it.
var ErrFull = errors.New("the filesystem in the image is full")

// banner is the line with which each program begins its standard error.
var banner = regexp.MustCompile(`^(mke2fs|debugfs|e2fsck) [0-9]+\.[0-9]+\S* \([^()]*\)$`)

// fullTexts are libext2fs's messages for a filesystem without room
// (lib/ext2fs/ext2_err.et.in).
var fullTexts = [...]string{
	"Could not allocate block in ext2 filesystem",
	"Could not allocate inode in ext2 filesystem",
	"Not enough space to build proposed filesystem",
	"too big for a filesystem with",
}

func full(text string) bool {
	for _, t := range fullTexts {
		if strings.Contains(text, t) {
			return true
		}
	}
	return false
}
