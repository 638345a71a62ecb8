package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/urfave/cli/v2"

	"banger/internal/hint"
)

// maxConfigFile bounds banger.toml in bytes.
const maxConfigFile = 1 << 20

// configFile is a banger.toml: values of flags, each under the name of its
// twin in the environment without BANGER_, in lower case and with dashes.
type configFile struct {
	path   string // "" when there is none
	values map[string][]string
}

// loadConfig reads the file at path, or at its usual place when path is
// empty, where it need not exist. A key that no flag has is an error: it would
// be a slip without effect.
func loadConfig(path string, flags []cli.Flag) (configFile, error) {
	given := path != ""
	if !given {
		dir := userDir("XDG_CONFIG_HOME", ".config")
		if dir == "" {
			return configFile{}, nil
		}
		path = filepath.Join(dir, "banger", "banger.toml")
	}
	text, err := readConfig(path)
	if errors.Is(err, fs.ErrNotExist) && !given {
		return configFile{}, nil
	}
	if err != nil {
		return configFile{}, hint.With(usagef("--config: %s", err), "name a file that you can read")
	}
	f := configFile{path: path, values: make(map[string][]string)}
	if err := f.parse(text, flags); err != nil {
		return configFile{}, hint.With(usagef("%s: %s", path, err), "see docs/configuration.md for what may stand there")
	}
	return f, nil
}

func readConfig(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() || info.Size() > maxConfigFile {
		return "", fmt.Errorf("%s is no regular file of at most %s", path, bytesText(maxConfigFile))
	}
	b, err := os.ReadFile(path)
	return string(b), err
}

func (f *configFile) parse(text string, flags []cli.Flag) error {
	var values map[string]any
	if _, err := toml.Decode(text, &values); err != nil {
		return err
	}
	byKey := make(map[string]cli.Flag)
	for _, flag := range flags {
		byKey[configKey(flag)] = flag
	}
	delete(byKey, "config") // the file does not lead to another one
	for _, key := range slices.Sorted(maps.Keys(values)) {
		flag := byKey[key]
		if flag == nil {
			return fmt.Errorf("there is no setting %q%s", key, nearest(key, slices.Sorted(maps.Keys(byKey))))
		}
		texts, err := settingTexts(flag, values[key])
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		f.values[key] = texts
	}
	return nil
}

// configKey names a flag in the file.
func configKey(f cli.Flag) string {
	return strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(twin(f), "BANGER_")), "_", "-")
}

// twin is a flag's first variable in the environment, "" without one.
func twin(f cli.Flag) string {
	if d, ok := f.(cli.DocGenerationFlag); ok && len(d.GetEnvVars()) > 0 {
		return d.GetEnvVars()[0]
	}
	return ""
}

// settingTexts turns a value of the file into what would stand on the command
// line.
func settingTexts(f cli.Flag, v any) ([]string, error) {
	switch f.(type) {
	case *cli.BoolFlag:
		if b, ok := v.(bool); ok {
			return []string{strconv.FormatBool(b)}, nil
		}
		return nil, errors.New("want true or false")
	case *cli.IntFlag, *cli.Int64Flag:
		if n, ok := v.(int64); ok {
			return []string{strconv.FormatInt(n, 10)}, nil
		}
		return nil, errors.New("want a number")
	case *cli.StringSliceFlag:
		return listTexts(v)
	}
	switch v := v.(type) {
	case string:
		return []string{v}, nil
	case int64:
		return []string{strconv.FormatInt(v, 10)}, nil // a size in bytes
	}
	return nil, errors.New("want a text in quotes")
}

func listTexts(v any) ([]string, error) {
	want := errors.New(`want a list of texts, such as ["a", "b"]`)
	list, ok := v.([]any)
	if !ok {
		return nil, want
	}
	texts := []string{}
	for _, item := range list {
		s, ok := item.(string)
		if !ok {
			return nil, want
		}
		texts = append(texts, s)
	}
	return texts, nil
}

// nearest suggests the one of names that is most like a name, if one is.
func nearest(name string, names []string) string {
	best, least := "", 3
	for _, n := range names {
		if d := distance(name, n); d < least {
			best, least = n, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; is it %q?", best)
}

// distance is the Levenshtein distance of two short names.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
