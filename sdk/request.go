package sdk

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"banger/sdk/tree"
)

// Request is one build: what goes in, where the image goes, and whom to tell.
// Everything it names but Output, Scratch and BodiesPath is read-only. Its methods may be
// called from several goroutines. It must not be copied.
type Request struct {
	TreePath   string // the tree file; see [Request.Tree]
	TreeDigest string // "sha256:HEX" of that file; a good seed for UUIDs

	PackPaths []string // InputTree: one pack for each of the tree's Layers
	Dir       string   // InputDir: the staged directory
	TarPath   string   // InputTar: a pipe with the flattened tar

	// StagingLossesPath is a file of what Dir does not hold of the tree, ""
	// for nothing; see [Request.StagingLosses].
	StagingLossesPath string

	Options Options // every option of the Description, defaults filled in
	Size    SizePlan

	Output  string // where the image goes: does not exist, its directory does
	Scratch string // an empty private directory, removed after the build

	// BodiesPath is where a list of what the image lacks may be left, for
	// InputTree: see [Request.Copy] and [WriteBodies]. "" if the image must be
	// whole.
	BodiesPath string

	Events Events // may be nil

	mu      sync.Mutex
	tree    *tree.Tree
	packs   packs
	leftOut leftOut
}

// Tree reads the tree, checks it against TreeDigest and keeps it: further
// calls return the same one. Nobody may change it.
func (r *Request) Tree() (*tree.Tree, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.tree != nil {
		return r.tree, nil
	}
	t, err := readTree(r.TreePath, r.TreeDigest)
	if err != nil {
		return nil, err
	}
	r.tree = t
	return t, nil
}

// Packs returns the packs that hold the contents of the tree's files, for
// InputTree. Each is opened when it is first asked for and closed when the
// build ends.
func (r *Request) Packs() tree.Packs { return (*requestPacks)(r) }

// StagingLosses reads what Dir does not hold of the tree.
func (r *Request) StagingLosses() ([]Loss, error) {
	if r.StagingLossesPath == "" {
		return nil, nil
	}
	f, err := os.Open(r.StagingLossesPath)
	if err != nil {
		return nil, fmt.Errorf("read staging losses: %w", err)
	}
	defer f.Close()
	return ReadLosses(f)
}

// Close closes the packs, and lists at BodiesPath what the image lacks. It is
// called after Build by whoever made the request: the server of [Main], or a
// test.
func (r *Request) Close() error { return errors.Join(r.leaveBodies(), r.packs.close()) }

// Log tells people something, formatted as by fmt.Sprintf.
func (r *Request) Log(level LogLevel, format string, args ...any) {
	if r.Events != nil {
		r.Events.Log(level, fmt.Sprintf(format, args...))
	}
}

// Progress tells how far the build is. It is cheap: call it as often as there
// is something to tell.
func (r *Request) Progress(p Progress) {
	if r.Events != nil {
		r.Events.Progress(p)
	}
}

// Lose reports what the image does not hold of the tree. It is cheap: losses
// travel in batches.
func (r *Request) Lose(losses ...Loss) {
	if r.Events != nil && len(losses) > 0 {
		r.Events.Lose(losses)
	}
}

// LogLevel is the weight of a log line.
type LogLevel uint8

// The levels of log lines.
const (
	LogDebug LogLevel = 1
	LogInfo  LogLevel = 2
	LogWarn  LogLevel = 3
)

// Progress tells how far a named phase of a build is. A build has one phase at
// a time: another name ends the one before.
type Progress struct {
	Phase string
	Done  int64
	Total int64  // 0 when it is not known
	Unit  string // "bytes", "files" or ""
}

// Events receives what a builder says while it builds. Its methods may be
// called from several goroutines; they do not fail: what cannot be delivered
// is dropped, and the build ends with the broken connection.
type Events interface {
	Log(level LogLevel, text string)
	Progress(p Progress)
	Lose(losses []Loss)
	// Placed says that the list at BodiesPath is complete, and what size the
	// image will have; see [Request.Placed].
	Placed(size int64)
}
