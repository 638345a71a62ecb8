package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"banger/core/host"
	"banger/sdk"
)

// builderVariable names the builder that this test binary plays, if it does.
const builderVariable = "BANGER_TEST_BUILDER"

// played is a third party's builder that behaves as its name says.
type played string

func (p played) Describe(context.Context) (sdk.Description, error) {
	return sdk.Description{Name: string(p), Version: "1.0", MediaType: "application/x-test", Input: sdk.InputTree, Deterministic: p != "varies"}, nil
}

func (p played) Build(_ context.Context, req *sdk.Request) error {
	switch p {
	case "varies":
		return os.WriteFile(req.Output, fmt.Append(nil, time.Now().UnixNano()), 0o600)
	case "dies":
		for i := range 60 {
			fmt.Fprintf(os.NewFile(2, "stderr"), "line %d\n", i)
		}
		_ = os.WriteFile(req.Output, []byte("half of an ima"), 0o600)
		return syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "stray":
		if err := startStray(req.Scratch); err != nil {
			return err
		}
		req.Log(sdk.LogWarn, "the stray is out")
		select {} // it does not heed its context either
	}
	return fmt.Errorf("there is no builder %s", p)
}

// startStray starts a child with a session of its own, which ignores every
// signal that can be ignored and has an orphan for a child, with dir in their
// command lines.
func startStray(dir string) error {
	const script = `trap "" TERM HUP INT QUIT; (sh -c 'trap "" TERM HUP INT QUIT; while :; do sleep 1000; done' "$0" &); while :; do sleep 1000; done`
	//nolint:noctx // it is meant to stay
	cmd := exec.Command("/bin/sh", "-c", script, dir)
	cmd.Stdout, cmd.Stderr = os.NewFile(1, "stdout"), os.NewFile(2, "stderr")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd.Start()
}

// writeBuilder makes the builder of that name in dir. With the race detector a
// program would take a second to exit; here it does not.
func writeBuilder(dir, name string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	script := fmt.Sprintf("#!/bin/sh\nGORACE=atexit_sleep_ms=0 %s=%s exec '%s'\n", builderVariable, name, self)
	return os.WriteFile(filepath.Join(dir, host.Prefix+name), []byte(script), 0o755)
}

// mkbuilder makes builders: DIR NAME…
func mkbuilder(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args[1:] {
		ts.Check(writeBuilder(ts.MkAbs(args[0]), name))
	}
}

// playBuilder makes this process the builder that its environment names.
func playBuilder() {
	if name := os.Getenv(builderVariable); name != "" {
		sdk.Main(played(name))
		os.Exit(0)
	}
}
