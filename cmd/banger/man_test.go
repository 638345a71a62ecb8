package main

import (
	"io"
	"os/exec"
	"strings"
	"testing"

	"banger/internal/need"
)

// TestManPages has man itself read each page: it warns of nothing, and every
// flag is there.
func TestManPages(t *testing.T) {
	man := need.Tool(t, "man", "man-db")
	need.Tool(t, "groff", "groff-base")
	app := newApp(io.Discard, io.Discard)
	pages := [][]string{nil}
	for _, c := range app.Commands {
		if !c.Hidden && c.Name != "help" {
			pages = append(pages, []string{c.Name})
		}
	}
	for _, words := range pages {
		t.Run("banger "+strings.Join(words, " "), func(t *testing.T) {
			page, err := manPage(app, words)
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), man, "--warnings=all", "--encoding=UTF-8", "-P", "cat", "-l", "-")
			cmd.Stdin = strings.NewReader(page)
			var warnings strings.Builder
			cmd.Stderr = &warnings
			cmd.Env = append(cmd.Environ(), "MANWIDTH=200", "LC_ALL=C.UTF-8", "MAN_KEEP_FORMATTING=")
			text, err := cmd.Output()
			if err != nil || warnings.Len() > 0 {
				t.Fatalf("%v\n%s", err, &warnings)
			}
			if len(words) == 0 {
				if !strings.Contains(string(text), "banger-build(1)") {
					t.Errorf("no build in\n%s", text)
				}
				return
			}
			for _, f := range app.Command(words[0]).Flags {
				if name := dashed(f.Names()[0]); !strings.Contains(string(text), name) || !strings.Contains(string(text), twin(f)) {
					t.Errorf("no %s in\n%s", name, text)
				}
			}
		})
	}
}
