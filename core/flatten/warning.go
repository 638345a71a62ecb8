package flatten

import "banger/sdk/tree"

// warned is a Warning that counts if its inode is still in the tree at the
// end.
type warned struct {
	Warning
	ino *inode
}

func (f *flattener) warn(ino *inode, text string) {
	x := f.layers[f.layer-1]
	w := Warning{Layer: x.DiffID, Entry: f.entry, Text: text}
	f.warnings = append(f.warnings, warned{w, ino})
}

// keptWarnings returns the warnings about what the emitted tree holds.
func (f *flattener) keptWarnings(t *tree.Tree) []Warning {
	var out []Warning
	for _, w := range f.warnings {
		if w.ino.emitted > 0 {
			w.Path = t.Entries[w.ino.emitted-1].Path
			out = append(out, w.Warning)
		}
	}
	return out
}
