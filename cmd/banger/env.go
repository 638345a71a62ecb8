package main

import (
	"cmp"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"
)

func envCommand() *cli.Command {
	return &cli.Command{
		Name:  "env",
		Usage: "list every setting with its value and where that comes from",
		Description: "A flag on the command line wins over its variable in the environment, that over the configuration\n" +
			"file, and that over the default. Flags of other commands are not given here, so what is listed is\n" +
			"what holds without them.",
		Flags:  commonFlags(),
		Action: listSettings,
	}
}

// settingOutput is a setting as env --json prints it.
type settingOutput struct {
	Name   string `json:"name"` // in the environment
	Key    string `json:"key"`  // in the configuration file
	Value  string `json:"value"`
	Origin origin `json:"origin"`
	From   string `json:"from,omitempty"` // the variable, or the file
}

func listSettings(c *cli.Context) error {
	if err := noOperands(c); err != nil {
		return err
	}
	var all []settingOutput
	for _, f := range allFlags(c.App) {
		all = append(all, settingOf(c, f))
	}
	file := settingsOf(c).file.path
	if c.Bool("json") {
		return printJSON(c, map[string]any{"file": file, "settings": all})
	}
	w := tabwriter.NewWriter(c.App.Writer, 0, 0, 2, ' ', 0)
	for _, s := range all {
		from := string(s.Origin)
		if s.From != "" {
			from += " " + s.From
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", s.Name, printable(s.Value), printable(from))
	}
	return w.Flush()
}

func settingOf(c *cli.Context, f cli.Flag) settingOutput {
	s := settingOutput{Name: twin(f), Key: configKey(f)}
	file := settingsOf(c).file
	s.Origin = file.originOf(f)
	own := findFlag(c.Command.Flags, f.Names()[0])
	if own != nil && twin(own) == s.Name && given(c, f.Names()[0]) {
		s.Origin = fromFlag
	}
	switch s.Origin {
	case fromFlag:
		s.Value = fmt.Sprint(c.Value(f.Names()[0]))
	case fromEnvironment:
		s.From = variable(f)
		s.Value = os.Getenv(s.From)
	case fromFile:
		s.From = file.path
		s.Value = strings.Join(file.values[s.Key], " ")
	default:
		s.Value = defaultOf(f)
		if dir, err := storeDir(c); err == nil && s.Key == "store" {
			s.Value = dir
		}
	}
	return s
}

// defaultOf is a flag's default, for people.
func defaultOf(f cli.Flag) string {
	d, ok := f.(cli.DocGenerationFlag)
	if !ok {
		return ""
	}
	return cmp.Or(strings.Trim(d.GetDefaultText(), `"`), strings.Trim(d.GetValue(), `"`))
}
