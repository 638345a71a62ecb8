// Package core turns images into artifacts: it resolves a reference, pulls
// and unpacks what is missing, flattens the layers into a tree, has a builder
// write the filesystem and keeps the answer in the store. It orchestrates the
// packages below it and does nothing of theirs; it prints nothing and reads
// no environment.
package core

import (
	"runtime"

	"banger/cas"
	"banger/core/host"
	"banger/core/source"
	"banger/core/unpack"
)

// Config is what an Engine works with. Store is needed for everything, Host
// for building; the rest may be left zero.
type Config struct {
	Store *cas.Store
	Host  *host.Host
	// TempDir takes temporary files where the store cannot be written; "" has
	// what needs one fail there.
	TempDir string
	// Source is the template for opening images; Platform, TempDir and Cached
	// are the Engine's to fill in.
	Source source.Options
	// Limits bound what one layer may hold; zero fields are defaults.
	Limits unpack.Limits
	// Gunzip is a command that decompresses gzip from standard input to standard
	// output, such as igzip -d -c; empty for none.
	Gunzip []string
	// Jobs is how many layers are fetched and unpacked side by side; 0 means
	// twice the processors, four at least: some of them wait for the network.
	Jobs int
	// VerifyCache has everything that is read from Store held against its
	// digest first, whether or not somebody has written to it.
	VerifyCache bool
	// Events receives warnings and progress; nil drops them.
	Events Events
}

// Engine pulls and builds. It is safe for concurrent use, and several
// processes may work on one store.
type Engine struct {
	Config
}

// New returns an Engine. It owns neither the store nor the host.
func New(c Config) *Engine {
	if c.Jobs <= 0 {
		c.Jobs = max(4, 2*runtime.GOMAXPROCS(0))
	}
	if c.Events == nil {
		c.Events = discard{}
	}
	return &Engine{c}
}
