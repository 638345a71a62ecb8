package main

import (
	"io"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"banger/core"
)

// bars shows a bar with rate and time left for each task, on a terminal.
type bars struct {
	p     *mpb.Progress
	tasks map[string]*mpb.Bar
}

func newBars(w io.Writer) *bars {
	return &bars{p: mpb.New(mpb.WithOutput(w), mpb.WithWidth(40)), tasks: make(map[string]*mpb.Bar)}
}

func (v *bars) progress(p core.Progress) {
	bar := v.tasks[p.Task]
	if p.Finished {
		if bar != nil {
			bar.Abort(true)
			delete(v.tasks, p.Task)
		}
		return
	}
	if bar == nil {
		bar = v.add(p)
		v.tasks[p.Task] = bar
	}
	if p.Total > 0 {
		bar.SetTotal(p.Total, false)
	}
	bar.EwmaSetCurrent(p.Done, 0)
}

func (v *bars) add(p core.Progress) *mpb.Bar {
	count := decor.CountersNoUnit("%d / %d ", decor.WCSyncSpace)
	rate := decor.AverageSpeed(nil, "%.0f/s ", decor.WCSyncSpace)
	if p.Unit == "bytes" {
		count = decor.CountersKibiByte("% .1f / % .1f ", decor.WCSyncSpace)
		rate = decor.AverageSpeed(decor.SizeB1024(0), "% .1f ", decor.WCSyncSpace)
	}
	return v.p.AddBar(p.Total,
		mpb.PrependDecorators(decor.Name(printable(p.Task)+" ", decor.WCSyncSpaceR)),
		mpb.AppendDecorators(count, rate, decor.AverageETA(decor.ET_STYLE_GO)),
	)
}

func (v *bars) writer() io.Writer { return v.p }

func (v *bars) close() {
	for task, bar := range v.tasks {
		bar.Abort(true)
		delete(v.tasks, task)
	}
	v.p.Wait()
}
