package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"syscall"

	"banger/internal/hint"
)

// digestSuffix is the @DIGEST of a local reference.
var digestSuffix = regexp.MustCompile(`^(.+)@(sha256:[0-9a-f]{64})$`)

// splitPath splits "PATH[:TAG]". A path may hold colons: the longest prefix
// that exists and is followed by a colon or the end is the path. Where none
// exists it is an ErrNotFound about the part before the first colon.
func splitPath(rest string) (path, tag string, err error) {
	for end := len(rest); end > 0; end = strings.LastIndexByte(rest[:end], ':') {
		_, err := os.Stat(rest[:end])
		switch {
		case err == nil:
			return rest[:end], strings.TrimPrefix(rest[end:], ":"), nil
		case !absent(err):
			return "", "", fmt.Errorf("find image: %w", err)
		}
	}
	path, _, _ = strings.Cut(rest, ":")
	return "", "", notFound("no file or directory %.200q", path)
}

// splitDigestPath is splitPath for a form that takes "PATH@DIGEST", too.
func splitDigestPath(rest string) (path, tag, digest string, err error) {
	if m := digestSuffix.FindStringSubmatch(rest); m != nil {
		if _, err := os.Stat(rest); err != nil {
			rest, digest = m[1], m[2]
		}
	}
	path, tag, err = splitPath(rest)
	if err == nil && digest != "" && tag != "" {
		err = fmt.Errorf("%w: give a tag or a digest, not both", ErrReference)
	}
	return path, tag, digest, err
}

// absent reports whether err says that a path does not name anything.
func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) ||
		errors.Is(err, syscall.ENAMETOOLONG) || errors.Is(err, syscall.EINVAL)
}

// suggestPath adds a hint to an error about a bare reference that is also the
// name of something on this machine.
func suggestPath(err error, ref string) error {
	info, statErr := os.Stat(ref)
	switch {
	case statErr != nil || errors.Is(err, context.Canceled):
		return err
	case info.IsDir():
		return hint.With(err, fmt.Sprintf("%s is a directory here: did you mean oci:%s", ref, ref))
	default:
		return hint.With(err, fmt.Sprintf("%s is a file here: did you mean docker-archive:%s or oci-archive:%s", ref, ref, ref))
	}
}
