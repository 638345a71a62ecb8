package main

import (
	"context"
	_ "embed" // the shells' scripts
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// What each shell has to be told so that it asks completeName for candidates.
var (
	//go:embed completion/banger.bash
	bashCompletion string
	//go:embed completion/banger.zsh
	zshCompletion string
	//go:embed completion/banger.fish
	fishCompletion string
)

var completions = map[string]string{"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion}

func completionCommand() *cli.Command {
	return &cli.Command{
		Name:      "completion",
		Usage:     "print the completion script for a shell: bash, zsh or fish",
		ArgsUsage: "SHELL",
		Description: "bash: banger completion bash >~/.local/share/bash-completion/completions/banger\n" +
			"zsh:  banger completion zsh >_banger, in a directory of $fpath\n" +
			"fish: banger completion fish >~/.config/fish/completions/banger.fish",
		Action: func(c *cli.Context) error {
			shell, err := operand(c, "SHELL")
			if err != nil {
				return err
			}
			script, ok := completions[shell]
			if !ok {
				return usagef("there is completion for %s, not for %q", strings.Join(slices.Sorted(maps.Keys(completions)), ", "), shell)
			}
			_, err = fmt.Fprint(c.App.Writer, script)
			return err
		},
	}
}

// completeName is the hidden command that the shells' scripts run, with the
// words after "banger" up to the cursor behind it. run answers it before any
// flag is read.
const completeName = "complete"

// complete prints the candidates for the last of words, a line each, with a
// tab and a description behind some. A line of "files" alone asks the shell
// for names of files.
func complete(ctx context.Context, app *cli.App, words []string) {
	for _, s := range candidates(ctx, app, words) {
		fmt.Fprintln(app.Writer, s)
	}
}

// filesToo is the line that asks for names of files.
const filesToo = "files"
