package main

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// arrange puts every flag before the first operand, where urfave/cli looks
// for them: by itself it takes all that follows an operand for operands. What
// stands behind "--" stays an operand. Flags may also stand before the
// command. A flag that the command does not have is a usage error.
func arrange(app *cli.App, args []string) ([]string, error) {
	if len(args) == 0 {
		return args, nil
	}
	out := []string{args[0]}
	words, early, err := leadingFlags(args[1:])
	if err != nil || len(words) == 0 {
		return append(out, early...), err
	}
	if words[0] == "help" {
		if words = append(words[1:], "--help"); len(words) == 1 {
			return append(out, words...), nil
		}
	}
	command := app.Command(words[0])
	if command == nil {
		return nil, usagef("unknown command %q; see banger help", words[0])
	}
	return arrangeCommand(app, append(out, command.Name), command, slices.Concat(early, words[1:]))
}

// leadingFlags splits off the flags that stand before the command.
func leadingFlags(args []string) (rest, early []string, err error) {
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		if isHelp(args[0]) {
			return nil, args[:1], nil
		}
		if args[0] == "--version" {
			return []string{"version"}, early, nil
		}
		flag := findFlag(storeFlags(), flagName(args[0]))
		if flag == nil {
			return nil, nil, usagef("unknown flag %s before the command", args[0])
		}
		n := 1
		if takesValue(flag) && !strings.Contains(args[0], "=") {
			n = min(2, len(args))
		}
		early, args = append(early, args[:n]...), args[n:]
	}
	return args, early, nil
}

func arrangeCommand(app *cli.App, out []string, c *cli.Command, args []string) ([]string, error) {
	name := "banger " + strings.Join(out[1:], " ")
	var flags, operands []string
	var foreign string              // a flag that only a command below this one has
	line := make(map[string]string) // flags that are given, with their values
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		switch {
		case isHelp(arg):
			return append(out, "--help"), nil
		case arg == "--":
			operands, args = append(operands, args...), nil
		case arg == "-" || !strings.HasPrefix(arg, "-"):
			if sub := findSub(c, arg); sub != nil && len(operands) == 0 {
				return arrangeCommand(app, append(out, sub.Name), sub, append(flags, args...))
			}
			operands = append(operands, arg)
		default:
			flag := findFlag(c.Flags, flagName(arg))
			if flag == nil {
				if flag = flagBelow(c, flagName(arg)); flag == nil {
					return nil, noFlag(name, arg)
				}
				foreign = arg
			}
			flags = append(flags, arg)
			_, value, joined := strings.Cut(arg, "=")
			if takesValue(flag) && !joined {
				if len(args) == 0 {
					return nil, usagef("flag %s needs a value", arg)
				}
				value = args[0]
				flags, args = append(flags, value), args[1:]
			}
			line[flag.Names()[0]] = value
		}
	}
	if foreign != "" {
		return nil, noFlag(name, foreign)
	}
	added, err := configure(app, c.Flags, line)
	if err != nil {
		return nil, err
	}
	out = slices.Concat(out, added, flags)
	if len(operands) > 0 {
		out = append(append(out, "--"), operands...)
	}
	return out, nil
}

func noFlag(command, arg string) error {
	return usagef("%s has no flag %s; see %s --help", command, arg, command)
}

// flagBelow finds a flag of the commands below c.
func flagBelow(c *cli.Command, name string) cli.Flag {
	for _, sub := range c.Subcommands {
		if f := findFlag(sub.Flags, name); f != nil {
			return f
		}
	}
	return nil
}

func isHelp(arg string) bool { return arg == "-h" || arg == "--help" || arg == "-help" }

func flagName(arg string) string {
	name, _, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
	return name
}

func findFlag(flags []cli.Flag, name string) cli.Flag {
	for _, f := range flags {
		if slices.Contains(f.Names(), name) {
			return f
		}
	}
	return nil
}

func findSub(c *cli.Command, name string) *cli.Command {
	for _, sub := range c.Subcommands {
		if sub.HasName(name) {
			return sub
		}
	}
	return nil
}

func takesValue(f cli.Flag) bool {
	d, ok := f.(cli.DocGenerationFlag)
	return !ok || d.TakesValue()
}
