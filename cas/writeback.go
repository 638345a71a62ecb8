package cas

import (
	"os"
	"sync"
	"time"
)

// writebackStep is how many bytes of a growing file are handed to the disk at
// a time, so that the fsync at its end finds little left to do.
const writebackStep = 16 << 20

// writeback starts writing a growing file to the disk, step by step. The
// first error sticks: the kernel may report a lost write only once.
type writeback struct {
	disk *disk
	f    *os.File
	done int64
	err  error
}

// upTo says that the file has been written up to size.
func (w *writeback) upTo(size int64) error {
	if n := size - w.done; n >= writebackStep && w.err == nil {
		w.err = w.disk.writeback(w.f, w.done, n)
		w.done = size
	}
	return w.err
}

// watchPause is the time between two looks at a file that someone else
// writes: at 1 GB/s it grows by six steps.
const watchPause = 100 * time.Millisecond

// watchWriteback does the same for a file that others write: it looks at the
// file's size now and then, until stop is called, which returns the first
// error. stop may be called again.
func watchWriteback(d *disk, f *os.File) (stop func() error) {
	w := &writeback{disk: d, f: f}
	quit := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		tick := time.NewTicker(watchPause)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				return
			case <-tick.C:
			}
			if info, err := f.Stat(); err == nil {
				_ = w.upTo(info.Size())
			}
		}
	})
	var once sync.Once
	return func() error {
		once.Do(func() { close(quit) })
		running.Wait()
		return w.err
	}
}
