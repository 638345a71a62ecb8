package stage

import (
	"sync"

	"banger/sdk/tree"
)

// meterStep is how many bytes lie between two reports of progress.
const meterStep = 1 << 20

// meter adds up the bytes staged by all workers. A nil meter does nothing.
type meter struct {
	report func(done, total int64)
	total  int64

	mu    sync.Mutex
	done  int64
	shown int64
}

func newMeter(t *tree.Tree, report func(done, total int64)) *meter {
	if report == nil {
		return nil
	}
	return &meter{report: report, total: t.Usage(1).Data}
}

func (m *meter) add(n int64) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.done += n
	if m.done-m.shown >= meterStep || m.done == m.total {
		m.shown = m.done
		m.report(m.done, m.total)
	}
}
