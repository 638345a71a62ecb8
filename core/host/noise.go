package host

import (
	"bytes"
	"sync"
)

const (
	tailLines   = 50
	tailLineMax = 1 << 10 // bytes; so the tail stays under 64 KiB
)

// noise takes what a builder prints that is not protocol: it passes each line
// on, cleaned, and remembers the last ones. It is safe for concurrent use.
type noise struct {
	pass   func(line string) // takes standard error; may be nil, like stdout
	stdout func(line string)

	mu   sync.Mutex
	tail []string
	done bool
}

// newNoise returns a noise for a build's events; nil drops what it takes.
func newNoise(e *events) *noise {
	if e == nil {
		return &noise{}
	}
	return &noise{pass: e.printed, stdout: e.stdout}
}

func (n *noise) line(text []byte, pass func(string)) {
	line := clean(string(text), maxLine)
	if line == "" {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.done {
		return
	}
	if len(n.tail) == tailLines {
		n.tail = n.tail[1:]
	}
	n.tail = append(n.tail, shorten(line, tailLineMax))
	if pass != nil {
		pass(line)
	}
}

// last returns the last lines.
func (n *noise) last() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]string(nil), n.tail...)
}

// close drops what comes later.
func (n *noise) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.done = true
}

// lineWriter cuts what is written to it into lines for a noise. Of a long
// line it keeps the beginning.
type lineWriter struct {
	to     *noise
	stdout bool // rather than standard error

	mu  sync.Mutex
	buf []byte
}

// Write implements io.Writer. It does not fail.
func (w *lineWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := len(p)
	for {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			break
		}
		w.add(p[:i])
		w.line()
		w.buf, p = w.buf[:0], p[i+1:]
	}
	w.add(p)
	return n, nil
}

func (w *lineWriter) line() {
	pass := w.to.pass
	if w.stdout {
		pass = w.to.stdout
	}
	w.to.line(w.buf, pass)
}

func (w *lineWriter) add(p []byte) {
	w.buf = append(w.buf, p[:min(len(p), maxLine-len(w.buf))]...)
}

// flush passes on a last line that has no end.
func (w *lineWriter) flush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.buf) > 0 {
		w.line()
		w.buf = nil
	}
}
