package core

import (
	"sync"
)

// wholePull is the progress of all layers of an image together.
type wholePull struct {
	events Events

	mu          sync.Mutex
	done, total int64
	begun       bool
}

const wholeTask = "pull"

// wholePull begins with the sizes of the layers that are not there; one of
// unknown size leaves the total unknown.
func (e *Engine) wholePull(layers []*layerPull, blobs bool) *wholePull {
	w := &wholePull{events: e.Events}
	for _, l := range layers {
		switch {
		case l.seems(blobs):
		case l.layer.Size < 0 || w.total < 0:
			w.total = -1
		default:
			w.total += l.layer.Size
		}
	}
	return w
}

// seems reports whether the layer is there at a glance: progress needs no more.
func (l *layerPull) seems(blob bool) bool {
	_, err := l.e.Store.Layer(l.layer.DiffID)
	return err == nil && (!blob || l.hasBlob())
}

// add notes n more bytes.
func (w *wholePull) add(n int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.begun = true
	w.done += n
	w.events.Progress(Progress{Task: wholeTask, Done: w.done, Total: max(w.total, 0), Unit: "bytes"})
}

func (w *wholePull) finish() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.begun {
		w.events.Progress(Progress{Task: wholeTask, Finished: true})
	}
}
