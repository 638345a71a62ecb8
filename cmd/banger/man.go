package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"
)

func manCommand() *cli.Command {
	return &cli.Command{
		Name:        "man",
		Usage:       "print the manual page of banger, or of a command",
		ArgsUsage:   "[COMMAND]",
		Description: "To read it: banger man build | man -l -",
		Action: func(c *cli.Context) error {
			page, err := manPage(c.App, c.Args().Slice())
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(c.App.Writer, page)
			return err
		},
	}
}

// manPage writes a manual page as man(7) says. It is made from the commands
// themselves, so it is always that of the program that prints it.
func manPage(app *cli.App, words []string) (string, error) {
	if len(words) == 0 {
		return mainPage(app), nil
	}
	c := app.Command(words[0])
	for _, w := range words[1:] {
		if c != nil {
			c = findSub(c, w)
		}
	}
	if c == nil || c.Hidden {
		return "", usagef("there is no command %q; see banger help", strings.Join(words, " "))
	}
	return commandPage(c, "banger "+strings.Join(words, " ")), nil
}

func mainPage(app *cli.App) string {
	var b strings.Builder
	manHead(&b, "banger", app.Usage)
	b.WriteString(".SH SYNOPSIS\n.B banger\n.I COMMAND\n[\\fIflags\\fR] [\\fIIMAGE\\fR]\n.SH DESCRIPTION\n")
	for _, p := range manNotes {
		fmt.Fprintf(&b, ".P\n%s\n", roff(p))
	}
	b.WriteString(".SH COMMANDS\n")
	for _, c := range app.Commands {
		if !c.Hidden && c.Name != "help" {
			fmt.Fprintf(&b, ".TP\n.BR banger\\-%s (1)\n%s\n", roff(c.Name), roff(c.Usage))
		}
	}
	b.WriteString(".SH EXIT STATUS\n")
	for _, e := range exitMeanings {
		fmt.Fprintf(&b, ".TP\n.B %d\n%s\n", e.code, roff(e.meaning))
	}
	b.WriteString(".SH FILES\n.TP\n.I ~/.config/banger/banger.toml\nsettings; every flag is a key\n" +
		".TP\n.I ~/.cache/banger/oci\nthe store, which may be removed at any time\n")
	return b.String()
}

// manNotes are what holds for all commands.
var manNotes = []string{
	"IMAGE is a registry reference (alpine:3.20, ghcr.io/x/y@sha256:…, also as docker://REF), or oci:DIR[:TAG|@DIGEST], " +
		"oci-archive:FILE[:TAG], docker-archive:FILE[:REF], docker-daemon:REF.",
	"Flags work before and after IMAGE. What stands behind -- is not a flag. Standard output carries the result alone; all else goes to standard error.",
	"Every flag has a twin in the environment and in the configuration file. The flag wins over the environment, that over the file, and that over the default.",
}

func commandPage(c *cli.Command, name string) string {
	var b strings.Builder
	manHead(&b, name, c.Usage)
	fmt.Fprintf(&b, ".SH SYNOPSIS\n.B %s\n[\\fIflags\\fR] %s\n", roff(name), roff(c.ArgsUsage))
	if c.Description != "" {
		fmt.Fprintf(&b, ".SH DESCRIPTION\n.nf\n%s\n.fi\n", roff(c.Description))
	}
	if len(c.Flags) > 0 {
		b.WriteString(".SH OPTIONS\n")
	}
	for _, f := range c.Flags {
		manFlag(&b, f)
	}
	for _, sub := range c.Subcommands {
		fmt.Fprintf(&b, ".SH SUBCOMMAND %s\n%s: %s.\n", roff(strings.ToUpper(sub.Name)),
			roff(strings.TrimSpace(name+" "+sub.Name+" [flags] "+sub.ArgsUsage)), roff(sub.Usage))
	}
	b.WriteString(".SH SEE ALSO\n.BR banger (1)\n")
	return b.String()
}

func manHead(b *strings.Builder, name, usage string) {
	dashed := strings.ReplaceAll(name, " ", "-")
	fmt.Fprintf(b, ".TH %s 1 \"\" \"banger %s\"\n.SH NAME\n%s \\- %s\n", roff(strings.ToUpper(dashed)), roff(version()), roff(dashed), roff(usage))
}

func manFlag(b *strings.Builder, f cli.Flag) {
	var names []string
	for _, n := range f.Names() {
		names = append(names, "\\fB"+roff(dashed(n))+"\\fR")
	}
	d, ok := f.(cli.DocGenerationFlag)
	if !ok {
		return
	}
	fmt.Fprintf(b, ".TP\n%s\n%s", strings.Join(names, ", "), roff(strings.ReplaceAll(d.GetUsage(), "`", "")))
	if def := defaultOf(f); def != "" && d.TakesValue() {
		fmt.Fprintf(b, " (default: %s)", roff(def))
	}
	fmt.Fprintf(b, "; %s\n", roff(strings.Join(d.GetEnvVars(), ", ")))
}

// dashed is a flag's name as it is written on a command line.
func dashed(name string) string { return strings.Repeat("-", min(2, len(name))) + name }

// roff escapes text for the body of a page.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`, "…", "...", "'", `\(aq`).Replace(s)
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, ".") {
			lines[i] = `\&` + l
		}
	}
	return strings.Join(lines, "\n")
}
