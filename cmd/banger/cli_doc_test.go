package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/urfave/cli/v2"
)

var update = flag.Bool("update", false, "write the generated documents anew")

const cliDoc = "../../docs/cli.md"

// TestCLIDoc holds docs/cli.md to the commands and flags as they are. Run it
// with -update after a change.
func TestCLIDoc(t *testing.T) {
	want := cliMarkdown(newApp(io.Discard, io.Discard))
	if *update {
		if err := os.WriteFile(cliDoc, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(cliDoc)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("docs/cli.md is not what the commands say; run make generate (-want +got):\n%s", diff)
	}
}

const cliIntro = `# The command line

This page is generated from the commands themselves (` + "`make generate`" + `).

- IMAGE is a registry reference (` + "`alpine:3.20`" + `, ` + "`ghcr.io/x/y@sha256:…`" + `, also as ` + "`docker://REF`" + `), or
  ` + "`oci:DIR[:TAG|@DIGEST]`, `oci-archive:FILE[:TAG]`, `docker-archive:FILE[:REF]`, `docker-daemon:REF`" + `.
- Flags work before and after IMAGE. What stands behind ` + "`--`" + ` is not a flag.
- Standard output carries the result alone: a path, a digest, a listing, or with ` + "`--json`" + ` one object. All else goes to standard error.
- Every flag has a twin in the environment and in [banger.toml](configuration.md): flag, then environment, then file, then default.

| exit code | meaning |
|---|---|
`

func cliMarkdown(app *cli.App) string {
	var b strings.Builder
	b.WriteString(cliIntro)
	for _, e := range exitMeanings {
		fmt.Fprintf(&b, "| %d | %s |\n", e.code, e.meaning)
	}
	for _, c := range app.Commands {
		commandMarkdown(&b, c, "banger")
	}
	return b.String()
}

func commandMarkdown(b *strings.Builder, c *cli.Command, parent string) {
	if c.Hidden || c.Name == "help" {
		return
	}
	name := parent + " " + c.Name
	fmt.Fprintf(b, "\n## %s\n\n`%s`: %s.\n", name, strings.TrimSpace(name+" [flags] "+c.ArgsUsage), c.Usage)
	if c.Description != "" {
		fmt.Fprintf(b, "\n```\n%s\n```\n", c.Description)
	}
	if len(c.Flags) > 0 {
		b.WriteString("\n| flag | environment | default | |\n|---|---|---|---|\n")
	}
	for _, f := range c.Flags {
		flagMarkdown(b, f)
	}
	for _, sub := range c.Subcommands {
		commandMarkdown(b, sub, name)
	}
}

func flagMarkdown(b *strings.Builder, f cli.Flag) {
	var names []string
	for _, n := range f.Names() {
		if n == "help" || n == "h" {
			return
		}
		names = append(names, "`"+dashed(n)+"`")
	}
	d := f.(cli.DocGenerationFlag)
	usage := strings.ReplaceAll(d.GetUsage(), "`", "")
	def := ""
	if d.TakesValue() {
		def = strings.Trim(d.GetDefaultText(), `"`)
	}
	fmt.Fprintf(b, "| %s | %s | %s | %s |\n", strings.Join(names, ", "), strings.Join(d.GetEnvVars(), ", "), def, usage)
}
