package tree

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"banger/internal/filetext"
)

// Parse parses a whole tree file and validates it. The strings of the tree are
// parts of file. Errors wrap ErrCorrupt.
func Parse(file string) (*Tree, error) {
	msg, entries, err := CutMessage(file)
	if err != nil {
		return nil, fmt.Errorf("read tree header: %w", err)
	}
	t, count, err := parseHeader(msg)
	if err != nil {
		return nil, err
	}
	if err := t.parse(entries, count); err != nil {
		return nil, fmt.Errorf("read tree: %w", err)
	}
	return t, nil
}

// Read is Parse for what is yet to be read, which it looks at as soon as there
// is a header. Errors of r are returned as they are.
func Read(r io.Reader) (*Tree, error) {
	br := bufio.NewReaderSize(r, 64<<10)
	t, count, err := readHeader(br)
	if err != nil {
		return nil, err
	}
	var entries strings.Builder
	switch _, err := io.CopyN(&entries, br, filetext.MaxSize); {
	case err == nil:
		return nil, fmt.Errorf("read tree: %w: %w", ErrCorrupt, filetext.ErrTooLarge)
	case !errors.Is(err, io.EOF):
		return nil, fmt.Errorf("read tree: %w", err)
	}
	if err := t.parse(entries.String(), count); err != nil {
		return nil, fmt.Errorf("read tree: %w", err)
	}
	return t, nil
}

// ReadLayers parses the beginning of a tree file and returns the diffIDs of its
// layers, for those who need no more of it. Its errors are those of Read; what
// follows in r is read in part, and not looked at.
func ReadLayers(r io.Reader) ([]string, error) {
	t, _, err := readHeader(bufio.NewReader(r))
	if err != nil {
		return nil, err
	}
	return t.Layers, nil
}

func readHeader(br *bufio.Reader) (*Tree, uint64, error) {
	msg, err := readMessage(br)
	if err != nil {
		return nil, 0, fmt.Errorf("read tree header: %w", err)
	}
	return parseHeader(msg)
}

// readMessage reads the message that br begins with.
func readMessage(br *bufio.Reader) (string, error) {
	head, err := br.Peek(maxVarint)
	n, rest, lengthErr := cutLength(string(head))
	if lengthErr != nil {
		if errors.Is(lengthErr, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
			return "", err
		}
		return "", lengthErr
	}
	_, _ = br.Discard(len(head) - len(rest)) // what was peeked at is there
	var msg strings.Builder                  // grows with what is really there
	switch _, err := io.CopyN(&msg, br, int64(n)); {
	case errors.Is(err, io.EOF):
		return "", errCutShort
	case err != nil:
		return "", err
	}
	return msg.String(), nil
}

func parseHeader(msg string) (*Tree, uint64, error) {
	t := &Tree{}
	var version, count uint64
	err := eachField(msg, func(f *field) (err error) {
		switch f.num {
		case headerVersion:
			version, err = f.uint()
		case headerLayers:
			var l string
			l, err = f.text()
			t.Layers = append(t.Layers, l)
		case headerEntries:
			count, err = f.uint()
		}
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("read tree header: %w: %w", ErrCorrupt, err)
	}
	if version != formatVersion {
		return nil, 0, fmt.Errorf("read tree header: %w: format version %d, this banger reads %d", ErrCorrupt, version, formatVersion)
	}
	return t, count, nil
}
