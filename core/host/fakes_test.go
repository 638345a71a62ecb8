package host

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"banger/internal/hint"
	"banger/sdk"
)

// recorder keeps what a builder says.
type recorder struct {
	mu       sync.Mutex
	lines    chan string
	logged   []string
	losses   []sdk.Loss
	progress []sdk.Progress
	placed   []int64
	onPlaced func()
}

func (r *recorder) Log(_ sdk.LogLevel, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.logged = append(r.logged, text)
	select {
	case r.lines <- text:
	default:
	}
}

func (r *recorder) Progress(p sdk.Progress) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.progress = append(r.progress, p)
}

func (r *recorder) Lose(losses []sdk.Loss) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.losses = append(r.losses, losses...)
}

func (r *recorder) Placed(size int64) {
	r.placed = append(r.placed, size)
	if r.onPlaced != nil {
		r.onPlaced()
	}
}

func (r *recorder) log() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.logged, "\n")
}

// fake is a builder on the SDK that behaves as its name says.
type fake struct{ mode string }

func (f fake) Describe(ctx context.Context) (sdk.Description, error) {
	d := sdk.Description{
		Name: f.mode, Version: "1.0\x1b[31m", Revision: 7, MediaType: "application/x-test", Input: sdk.InputTree,
		Options: []sdk.Option{{Name: "label", Type: sdk.OptionString, Default: "none", Doc: "is logged"}},
	}
	switch f.mode {
	case "bad-magic", "ext4":
		d.MediaType = "application/vnd.banger.image.ext4"
	case "bad-erofs":
		d.MediaType = "application/vnd.banger.image.erofs"
	case "bad-squashfs":
		d.MediaType = "application/vnd.banger.image.squashfs"
	case "misnamed-stray":
		leaveStrays(ctx)
		d.Name = "someone-else"
	case "misnamed":
		d.Name = "someone-else"
	case "slow-describe":
		forever() // not even the deadline that the call carries ends it
	case "invalid-describe":
		return d, sdk.Invalid(errors.New("not now"))
	case "panics-in-describe":
		panic("in describe")
	case "needs-tool":
		d.Tools = []sdk.Tool{{Name: "mkfs.none", Hint: "install none-progs"}}
	case "has-tool":
		path, err := exec.LookPath("banger-test-tool")
		if err == nil {
			out, _ := exec.CommandContext(ctx, path).Output()
			d.Tools = []sdk.Tool{{Name: "banger-test-tool", Path: path, Version: string(out)}}
		} else {
			d.Tools = []sdk.Tool{{Name: "banger-test-tool", Hint: "install it"}}
		}
	}
	return d, nil
}

func (f fake) Build(ctx context.Context, req *sdk.Request) error {
	for _, all := range []map[string]func(context.Context, *sdk.Request) error{builds, placers} {
		if do := all[f.mode]; do != nil {
			return do(ctx, req)
		}
	}
	return os.WriteFile(req.Output, []byte("image"), 0o600)
}

var builds = map[string]func(context.Context, *sdk.Request) error{
	"talks": func(_ context.Context, req *sdk.Request) error {
		req.Log(sdk.LogInfo, "label is %s", req.Options.String("label"))
		req.Progress(sdk.Progress{Phase: "writing\x1b[2J", Done: 9, Total: 3})
		loss := sdk.Loss{Path: "a/\xff", Field: "xattr:user.\xfe", Wanted: "0:0", Got: "1:1", Why: "no root"}
		for range 100_000 {
			req.Lose(loss)
		}
		return os.WriteFile(req.Output, []byte("image"), 0o600)
	},
	"ext4": func(_ context.Context, req *sdk.Request) error {
		image := make([]byte, 4096)
		image[1080], image[1081] = 0x53, 0xef
		return os.WriteFile(req.Output, image, 0o600)
	},
	"surroundings": func(_ context.Context, req *sdk.Request) error {
		cwd, _ := os.Getwd()
		stdin, _ := os.Readlink("/proc/self/fd/0")
		env := strings.Join(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "PLUGIN_") }), "\n")
		text := fmt.Sprintf("%s\ncwd=%s\nstdin=%s\nleader=%v\n", env, cwd, stdin, syscall.Getpgrp() == os.Getpid())
		return os.WriteFile(req.Output, []byte(text), 0o600)
	},
	"fails": func(context.Context, *sdk.Request) error {
		return hint.With(errors.New("disk \x1b[31mon fire"), "use water")
	},
	"invalid": func(context.Context, *sdk.Request) error {
		return sdk.Invalid(hint.With(errors.New("too \x1b[31mfew inodes"), "ask for more"))
	},
	"panics": func(context.Context, *sdk.Request) error { panic("oh no") },
	"panics-aside": func(context.Context, *sdk.Request) error {
		go panic("aside")
		select {}
	},
	"exits-0": func(context.Context, *sdk.Request) error {
		os.Exit(0)
		return nil
	},
	"is-killed": func(context.Context, *sdk.Request) error {
		printTo(2, "about to \x1b[5mdie")
		return syscall.Kill(os.Getpid(), syscall.SIGKILL)
	},
	"waits": func(ctx context.Context, req *sdk.Request) error {
		req.Log(sdk.LogInfo, "%d", os.Getpid())
		<-ctx.Done()
		return ctx.Err()
	},
	"stubborn":       stubborn(nil),
	"stubborn-child": stubborn([]string{"/bin/sh", "-c", "trap '' TERM; while :; do sleep 100; done"}),
	"stray": func(ctx context.Context, req *sdk.Request) error {
		if err := stray(ctx, req); err != nil {
			return err
		}
		return os.WriteFile(req.Output, []byte("image"), 0o600)
	},
	"stubborn-stray": func(ctx context.Context, req *sdk.Request) error {
		signal.Ignore(syscall.SIGTERM)
		if err := stray(ctx, req); err != nil {
			return err
		}
		select {}
	},
	"runs-out":      runsOut,
	"is-over-limit": isOverLimit,
	"lingers": func(_ context.Context, req *sdk.Request) error {
		go func() { // it does not leave when asked
			signal.Ignore(syscall.SIGTERM)
			req.Log(sdk.LogInfo, "%d", os.Getpid())
		}()
		return os.WriteFile(req.Output, []byte("image"), 0o600)
	},
	"floods": func(_ context.Context, req *sdk.Request) error {
		const lines = 10_000_000
		out := bufio.NewWriterSize(os.NewFile(2, "stderr"), 1<<20)
		for range lines {
			_, _ = out.WriteString("x\n")
		}
		if err := out.Flush(); err != nil {
			return err
		}
		for i := range 100_000 {
			req.Progress(sdk.Progress{Phase: fmt.Sprint("phase ", i), Done: 1})
		}
		return os.WriteFile(req.Output, []byte("image"), 0o600)
	},
	"loses-all": func(_ context.Context, req *sdk.Request) error {
		long := strings.Repeat("x", 32<<10)
		for range 1 << 20 {
			req.Lose(sdk.Loss{Path: long, Wanted: long, Got: long})
		}
		return os.WriteFile(req.Output, []byte("image"), 0o600)
	},
	"waits-for-file": func(_ context.Context, req *sdk.Request) error {
		if err := os.WriteFile(req.Output, []byte("image"), 0o600); err != nil {
			return err
		}
		req.Log(sdk.LogInfo, "written")
		for {
			if _, err := os.Stat(req.Output + ".go"); err == nil {
				return nil
			}
			time.Sleep(time.Millisecond)
		}
	},
	"ignores-cancel": func(ctx context.Context, req *sdk.Request) error {
		signal.Ignore(syscall.SIGTERM)
		t, err := req.Tree()
		if err != nil {
			return err
		}
		if t.Lookup("large") != nil {
			req.Log(sdk.LogInfo, "at work")
			select {
			case <-ctx.Done():
				select {}
			case <-time.After(500 * time.Millisecond): // the cancel comes sooner
			}
		}
		return os.WriteFile(req.Output, []byte("image"), 0o600)
	},
	"writes-version": func(_ context.Context, req *sdk.Request) error {
		return os.WriteFile(req.Output, []byte(os.Args[len(os.Args)-1]), 0o600)
	},
	"no-image":     func(context.Context, *sdk.Request) error { return nil },
	"symlink":      func(_ context.Context, req *sdk.Request) error { return os.Symlink("/etc/passwd", req.Output) },
	"directory":    func(_ context.Context, req *sdk.Request) error { return os.Mkdir(req.Output, 0o700) },
	"fifo":         func(_ context.Context, req *sdk.Request) error { return syscall.Mkfifo(req.Output, 0o600) },
	"empty":        func(_ context.Context, req *sdk.Request) error { return os.WriteFile(req.Output, nil, 0o600) },
	"bad-magic":    zeros,
	"bad-erofs":    zeros,
	"bad-squashfs": zeros,
	"device": func(_ context.Context, req *sdk.Request) error {
		return syscall.Mknod(req.Output, syscall.S_IFCHR|0o600, 1<<8|3)
	},
	"elsewhere": func(_ context.Context, req *sdk.Request) error {
		return os.WriteFile(req.Output+".img", []byte("image"), 0o600)
	},
	"hardlink": func(_ context.Context, req *sdk.Request) error {
		if err := os.WriteFile(req.Output, []byte("image"), 0o600); err != nil {
			return err
		}
		return os.Link(req.Output, req.Output+".other")
	},
	"prints": func(_ context.Context, req *sdk.Request) error {
		fmt.Println("to stdout")
		printTo(1, "to the real stdout")
		return os.WriteFile(req.Output, []byte("image"), 0o600)
	},
	"noisy": func(_ context.Context, req *sdk.Request) error {
		printTo(2, strings.Repeat("x", 5<<20)+"\n\x1b]0;title\x07\xff\xfe after")
		for i := range 20_000 {
			req.Log(sdk.LogDebug, "line %d", i)
		}
		req.Log(sdk.LogWarn, "%s", strings.Repeat("y", 5<<20)+"\x1b[0m")
		return os.WriteFile(req.Output, []byte("image"), 0o600)
	},
}

// zeros is a builder whose image has no magic.
func zeros(_ context.Context, req *sdk.Request) error {
	return os.WriteFile(req.Output, make([]byte, 4096), 0o600)
}

// printTo writes past what go-plugin has made of os.Stdout and os.Stderr.
func printTo(fd uintptr, text string) { _, _ = os.NewFile(fd, "output").WriteString(text + "\n") }

// stubborn ignores the end of its context and SIGTERM, and so do its
// children, which hold its pipes. It tells its pid.
func stubborn(child []string) func(context.Context, *sdk.Request) error {
	return func(ctx context.Context, req *sdk.Request) error {
		signal.Ignore(syscall.SIGTERM)
		if child != nil {
			cmd := exec.CommandContext(context.WithoutCancel(ctx), child[0], child[1:]...)
			cmd.Stdout, cmd.Stderr = os.NewFile(1, "stdout"), os.NewFile(2, "stderr")
			if err := cmd.Start(); err != nil {
				return err
			}
		}
		req.Log(sdk.LogInfo, "%d", os.Getpid())
		select {}
	}
}

// stray starts a child that leaves the process group and the session, has
// another one that is an orphan at once, and holds the pipes. It tells the
// pids of both.
func stray(ctx context.Context, req *sdk.Request) error {
	const script = `trap '' TERM HUP
(setsid sh -c 'trap "" TERM HUP; echo $$; exec >&-; while :; do sleep 1000; done' &)
echo $$; exec >&-
while :; do sleep 1000; done`
	cmd := exec.CommandContext(context.WithoutCancel(ctx), "/bin/sh", "-c", script)
	cmd.Stderr = os.NewFile(2, "stderr")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	pids, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	lines := bufio.NewScanner(pids)
	for range 2 {
		if !lines.Scan() {
			return errors.New("a stray did not tell its pid")
		}
		req.Log(sdk.LogInfo, "%s", lines.Text())
	}
	return nil
}

// leaveStrays starts strays and writes their pids to the file pids.
func leaveStrays(ctx context.Context) {
	rec := &recorder{}
	if err := stray(ctx, &sdk.Request{Events: rec}); err != nil {
		panic(err)
	}
	path := filepath.Join(os.TempDir(), "pids")
	if err := errors.Join(os.WriteFile(path+".new", []byte(rec.log()), 0o600), os.Rename(path+".new", path)); err != nil {
		panic(err)
	}
}

// hostProcess is a whole host in a process of its own: it builds with the
// builder that its arguments name and passes on what that logs.
func hostProcess() {
	dir, name, temp := os.Args[1], os.Args[2], os.Args[3]
	h := newHost(Config{Dirs: []string{dir}, ToolPath: "/usr/bin:/bin", TempDir: temp})
	b, err := h.Find(context.Background(), name)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	rec := &recorder{lines: make(chan string, 10)}
	go func() {
		for line := range rec.lines {
			fmt.Println(line)
		}
	}()
	err = h.Build(context.Background(), b, &sdk.Request{Output: filepath.Join(temp, "image"), Scratch: temp, Events: rec})
	fmt.Println(err)
}
