package main

import (
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/urfave/cli/v2"
)

// TestTwins: each flag has a variable, and no variable means two things.
func TestTwins(t *testing.T) {
	usage := make(map[string]string)
	var walk func(name string, commands []*cli.Command)
	walk = func(name string, commands []*cli.Command) {
		for _, c := range commands {
			for _, f := range c.Flags {
				d, ok := f.(cli.DocGenerationFlag)
				if !ok || !strings.HasPrefix(twin(f), "BANGER_") {
					t.Errorf("%s %s: --%s has no variable", name, c.Name, f.Names()[0])
					continue
				}
				if other, ok := usage[twin(f)]; ok && other != d.GetUsage() {
					t.Errorf("%s means %q, and in %s %s %q", twin(f), other, name, c.Name, d.GetUsage())
				}
				usage[twin(f)] = d.GetUsage()
			}
			walk(name+" "+c.Name, c.Subcommands)
		}
	}
	walk("banger", newApp(io.Discard, io.Discard).Commands)
	if len(usage) < 20 {
		t.Errorf("only %d flags", len(usage))
	}
}

func TestConfigFile(t *testing.T) {
	flags := []cli.Flag{
		&cli.StringFlag{Name: "text", EnvVars: env("text")},
		&cli.BoolFlag{Name: "switch", EnvVars: env("switch")},
		&cli.IntFlag{Name: "number", EnvVars: env("number")},
		&cli.Int64Flag{Name: "large", EnvVars: env("large")},
		&cli.StringSliceFlag{Name: "list", EnvVars: env("some-list")},
		&cli.StringFlag{Name: "config", EnvVars: env("config")},
	}
	for text, want := range map[string]map[string][]string{
		"":                         {},
		"# nothing":                {},
		`text = "a b"`:             {"text": {"a b"}},
		`text = ""`:                {"text": {""}},
		`text = 64`:                {"text": {"64"}},
		`switch = false`:           {"switch": {"false"}},
		"number = 1_000":           {"number": {"1000"}},
		"large = -5":               {"large": {"-5"}},
		`some-list = []`:           {"some-list": {}},
		`some-list = ["a,b", "c"]`: {"some-list": {"a,b", "c"}},
		"text = '''\nlines\n'''":   {"text": {"lines\n"}},
	} {
		f := configFile{values: make(map[string][]string)}
		if err := f.parse(text, flags); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if diff := cmp.Diff(want, f.values); diff != "" {
			t.Errorf("%q: -want +got:\n%s", text, diff)
		}
	}
	for text, want := range map[string]string{
		`text = true`:           "want a text",
		`text = 1.5`:            "want a text",
		`switch = 1`:            "want true or false",
		`number = "1"`:          "want a number",
		`some-list = "a"`:       "want a list",
		`some-list = [1]`:       "want a list",
		`list = ["a"]`:          `no setting "list"`,
		`config = "x"`:          `no setting "config"`,
		"[text]":                "want a text",
		"[build]\nsize = \"1\"": `no setting "build"`,
		"txt = 'x'":             `is it "text"?`,
		"text":                  "line 1",
		"text = 1\ntext = 2":    "line 2",
		"\xff":                  "line 1",
	} {
		f := configFile{values: make(map[string][]string)}
		if err := f.parse(text, flags); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q in it", text, err, want)
		}
	}
}
