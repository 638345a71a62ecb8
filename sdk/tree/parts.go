package tree

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
)

// part is some of the entries of a tree file, which one goroutine decodes.
type part struct {
	first   int     // the index of the first
	text    string  // from that one on
	entries []Entry // as decoded
	done    chan struct{}
	err     error
}

// partEntries is how many entries a part has.
const partEntries = 1024

// minEntry is the least length of an entry in bytes, that of a root with nothing
// but its type: a file's length bounds what it can make this package allocate.
const minEntry = 2

// parse parses and validates count entries, which are all of text. Parts are
// decoded several at a time, and validated in order.
func (t *Tree) parse(text string, count uint64) error {
	parts, n, err := cutParts(text, count)
	if err != nil {
		return err
	}
	t.Entries = make([]Entry, n)
	for i := range parts {
		p := &parts[i]
		p.entries, p.done = t.Entries[p.first:min(p.first+partEntries, n)], make(chan struct{})
	}
	var decoders sync.WaitGroup
	defer decoders.Wait()
	var next atomic.Int64
	for range min(len(parts), runtime.GOMAXPROCS(0)) {
		decoders.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(parts)); i = next.Add(1) - 1 {
				parts[i].decode()
			}
		})
	}
	v := newValidator(t)
	for i := range parts {
		p := &parts[i]
		<-p.done
		if p.err != nil {
			return p.err
		}
		if err := v.entries(p.first, p.first+len(p.entries)); err != nil {
			return err
		}
	}
	return v.end()
}

// cutParts finds the parts of text, and how many entries they have.
func cutParts(text string, count uint64) (parts []part, n int, err error) {
	for ; uint64(n) < count; n++ {
		if n%partEntries == 0 {
			parts = append(parts, part{first: n, text: text})
		}
		msg, rest, err := CutMessage(text)
		if err == nil && len(msg) < minEntry {
			err = fmt.Errorf("%w: %d bytes are no entry", ErrCorrupt, len(msg))
		}
		if err != nil {
			return nil, 0, fmt.Errorf("entry %d of %d: %w", n, count, err)
		}
		text = rest
	}
	if text != "" {
		return nil, 0, fmt.Errorf("%w: bytes after the last entry", ErrCorrupt)
	}
	return parts, n, nil
}

func (p *part) decode() {
	defer close(p.done)
	var d Decoder
	text := p.text
	for i := range p.entries {
		var msg string
		msg, text, p.err = CutMessage(text)
		if p.err == nil {
			p.err = d.Decode(&p.entries[i], msg)
		}
		if p.err != nil {
			p.err = fmt.Errorf("entry %d: %w: %w", p.first+i, ErrCorrupt, p.err)
			return
		}
	}
}
