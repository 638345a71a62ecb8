package main

import (
	"os"

	"github.com/urfave/cli/v2"
)

// origin is where the value of a flag comes from.
type origin string

// The origins, from the strongest on.
const (
	fromFlag        origin = "flag"
	fromEnvironment origin = "environment"
	fromFile        origin = "file"
	fromDefault     origin = "default"
)

// settings are what the flags of the command that runs are set by.
type settings struct {
	file    configFile
	origins map[string]origin // by the flag's first name
}

const settingsKey = "settings"

// configure reads the configuration file, finds the origin of each of a
// command's flags, and returns what the file adds to the command line, on
// which line stands already.
func configure(app *cli.App, flags []cli.Flag, line map[string]string) ([]string, error) {
	path := line["config"]
	if path == "" {
		path = os.Getenv("BANGER_CONFIG")
	}
	file, err := loadConfig(path, allFlags(app))
	if err != nil {
		return nil, err
	}
	s := settings{file: file, origins: make(map[string]origin)}
	var added []string
	for _, f := range flags {
		name := f.Names()[0]
		if _, ok := line[name]; ok {
			s.origins[name] = fromFlag
			continue
		}
		s.origins[name] = file.originOf(f)
		if s.origins[name] == fromFile {
			for _, text := range file.values[configKey(f)] {
				added = append(added, "--"+name+"="+text)
			}
		}
	}
	app.Metadata[settingsKey] = s
	return added, nil
}

// originOf is where a flag has its value from that is not on the command line.
func (f configFile) originOf(flag cli.Flag) origin {
	if variable(flag) != "" {
		return fromEnvironment
	}
	if _, ok := f.values[configKey(flag)]; ok {
		return fromFile
	}
	return fromDefault
}

// variable returns the variable of the environment that sets a flag, or "".
func variable(f cli.Flag) string {
	if d, ok := f.(cli.DocGenerationFlag); ok {
		for _, v := range d.GetEnvVars() {
			if os.Getenv(v) != "" {
				return v
			}
		}
	}
	return ""
}

// settingsOf returns the settings of the command that runs.
func settingsOf(c *cli.Context) settings {
	s, _ := c.App.Metadata[settingsKey].(settings)
	return s
}

// given reports whether a flag stands on the command line: what the
// environment or the file says may be there for other commands.
func given(c *cli.Context, flag string) bool {
	return settingsOf(c).origins[flag] == fromFlag
}

// allFlags returns each setting once, whichever commands have it.
func allFlags(app *cli.App) []cli.Flag {
	var all []cli.Flag
	seen := make(map[string]bool)
	var walk func(commands []*cli.Command)
	walk = func(commands []*cli.Command) {
		for _, c := range commands {
			for _, f := range c.Flags {
				if t := twin(f); t != "" && !seen[t] {
					seen[t] = true
					all = append(all, f)
				}
			}
			walk(c.Subcommands)
		}
	}
	walk(app.Commands)
	return all
}
