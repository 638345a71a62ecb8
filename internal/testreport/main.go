// Command testreport runs "go test" with its own arguments and prints what
// that prints, and at the end which tests were skipped and why. Its exit
// status is that of go test.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	status, err := run(ctx, os.Args[1:], os.Stdout)
	if err != nil {
		fmt.Fprintf(os.Stderr, "testreport: %v\n", err)
		status = 1
	}
	os.Exit(status)
}

// run runs go test and returns its exit status.
func run(ctx context.Context, args []string, out io.Writer) (int, error) {
	cmd := exec.CommandContext(ctx, "go", append([]string{"test", "-json"}, args...)...)
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	events, err := cmd.StdoutPipe()
	if err != nil {
		return 0, fmt.Errorf("make pipe: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("start go test: %w", err)
	}
	reportErr := report(events, out)
	_, _ = io.Copy(io.Discard, events)
	err = cmd.Wait()
	if reportErr != nil {
		return 0, reportErr
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return max(1, exit.ExitCode()), nil
	}
	if err != nil {
		return 0, fmt.Errorf("run go test: %w", err)
	}
	return 0, nil
}
