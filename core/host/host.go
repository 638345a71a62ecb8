// Package host finds, describes, launches, watches and ends builders: the
// processes that turn a flattened tree into a filesystem image.
//
// What holds, whatever a builder does:
//
//   - every wait has a bound, but for the build itself, which ends with its
//     context or with the process;
//   - a builder runs in a process group of its own, with a scrubbed
//     environment and /dev/null for standard input, and dies with the host;
//     when a call of this package returns, it and all its descendants are
//     gone, those too that moved to another group or session;
//   - the bytes that were hashed are those that are executed: a copy that
//     nobody can write to; and a builder that others could have put there is
//     not executed at all;
//   - what it says is bounded and free of control characters before anyone
//     sees it, and slows the builder down, not the host, when there is a lot;
//   - an image counts only when, after the process is gone, it lies where it
//     should, with the size that was promised and the magic of its format.
//
// What does not hold: a builder runs with the rights of its user. It can read
// and write what that user can, and have what already runs for that user start
// something for it. Where the kernel is older than Linux 6.12 it can also kill
// its keeper: then it dies itself, but its children need not.
package host

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"banger/sdk"
)

// The errors of this package. Everything that a builder did wrong wraps
// ErrBuilder; see [Error]. What the user did wrong wraps ErrInvalid, also where
// the builder says so of a build; the error wraps ErrBuilder, too, then.
var (
	ErrBuilder        = errors.New("builder failed")
	ErrUnknownBuilder = errors.New("unknown builder")
	ErrInvalid        = sdk.ErrInvalid
	ErrOption         = sdk.ErrOption
	ErrSize           = sdk.ErrSize
	ErrToolMissing    = errors.New("tool not installed")
)

// Config is where builders are and what they are given.
type Config struct {
	// Dirs are searched for banger-builder-NAME in order, before Bundled. A
	// builder in a directory that others can write to is refused.
	Dirs    []string
	Bundled map[string]Bundled // by name
	// Installed are those of Dirs that belong to this program: a builder there
	// with the revision of the bundled one is the same, and hides nothing.
	Installed []string
	// Lock is what Dirs' builders must be; nil lets all of them be started.
	Lock *Lock
	// Keeper is a program whose main function is [keeper.Keep], with the arguments
	// after Args.
	Keeper Command
	// ToolPath is the PATH of builders and of the tools that they run.
	ToolPath string
	// TempDir is the TMPDIR of builders, and holds sockets if its path is
	// short enough. It must exist.
	TempDir string
	// Cache keeps descriptions; nil keeps none.
	Cache Cache
}

// Command is a program with the first of its arguments.
type Command struct {
	Path string
	Args []string
}

// Bundled tells how to launch a builder that is part of this program.
type Bundled struct {
	Path string // of the program
	Args []string
	// Revision, when not 0, is the one that the builder must describe itself
	// with. Another one means that the program has been replaced on disk.
	Revision uint32
	// Describe describes the builder in this process, which is quicker than to
	// start one and leaves no trace; nil has one started. It finds the same tools.
	Describe func(context.Context) (sdk.Description, error)
}

// Cache keeps small JSON values by key. A value may be lost at any time; it
// is checked when it is read, so that a wrong one does no harm.
type Cache interface {
	Get(ctx context.Context, key string) ([]byte, bool)
	Put(ctx context.Context, key string, value []byte)
}

// Host runs builders. It is safe for concurrent use.
type Host struct {
	cfg    Config
	limits limits
}

// limits are the bounds of waits, and of memory.
type limits struct {
	start    time.Duration // from the launch to the handshake
	connect  time.Duration // from there to an answer on the socket
	describe time.Duration
	die      time.Duration // from a broken connection to the end of the process
	polite   time.Duration // for a builder that is done to exit by itself
	grace    time.Duration // from SIGTERM to SIGKILL
	reap     time.Duration // from SIGKILL to killing the keeper
	last     time.Duration // from there to giving up
	losses   int           // bytes of the losses of one build: several for each entry of a large image
}

func defaultLimits() limits {
	return limits{
		start: 10 * time.Second, connect: 5 * time.Second, describe: 10 * time.Second, die: 2 * time.Second,
		polite: time.Second, grace: 2 * time.Second, reap: 2 * time.Second, last: time.Second,
		losses: 2 << 30,
	}
}

// New returns a Host.
func New(cfg Config) *Host { return &Host{cfg: cfg, limits: defaultLimits()} }

// Builder is a builder that was found and has described itself.
type Builder struct {
	Name    string
	Path    string
	Bundled bool
	// Digest of the file at Path; "" for a bundled builder.
	Digest digest.Digest
	// Identity names the bytes that run: "sha256:HEX", or
	// "bundled:NAME/REVISION" for a bundled builder.
	Identity    string
	Description sdk.Description
	// Shadowed are the places of builders of the same name that come later in
	// the search order.
	Shadowed []string

	args []string
	file fileID
}

// Hides says which other builders of its name b stands before, "" for none.
func (b *Builder) Hides() string {
	if len(b.Shadowed) == 0 {
		return ""
	}
	return fmt.Sprintf("builder %s is %s, which hides %s", b.Name, b.Path, strings.Join(b.Shadowed, ", "))
}

// MissingTools returns the tools that the builder runs and did not find.
func (b *Builder) MissingTools() []sdk.Tool {
	var missing []sdk.Tool
	for _, t := range b.Description.Tools {
		if t.Path == "" {
			missing = append(missing, t)
		}
	}
	return missing
}

// Check holds what a user wants of b, its options and the size of the image,
// against what b says that it takes, and returns all options with defaults
// filled in. Errors wrap ErrOption or ErrSize and say what would be valid.
func (b *Builder) Check(options map[string]string, size sdk.SizePlan) (sdk.Options, error) {
	all, err := b.Description.CheckOptions(options)
	if err == nil {
		err = b.Description.CheckSize(size)
	}
	if err != nil {
		return nil, fmt.Errorf("builder %s: %w", b.Name, err)
	}
	return all, nil
}
