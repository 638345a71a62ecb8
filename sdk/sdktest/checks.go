package sdktest

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"banger/sdk"
)

// check is one check with its name. After a vital one that failed the others
// make no sense.
type check struct {
	name  string
	vital bool
	do    func(ctx context.Context, k *kit) error
}

func allChecks() []check {
	list := []check{
		{"describe", true, describe},
		{"tools", true, tools},
		{"describe-again", false, describeAgain},
	}
	for _, g := range goldens {
		list = append(list, check{"tree/" + g.name, false, func(ctx context.Context, k *kit) error { return buildGolden(ctx, k, g) }})
	}
	return append(list,
		check{"options/good", false, goodOptions},
		check{"options/odd", false, oddOptions},
		check{"options/longest", false, longestOptions},
		check{"size/least", false, leastSize},
		check{"size/odd", false, oddSizes},
		check{"equal-bytes", false, equalBytes},
		check{"bodies", false, leavesBodies},
		check{"cancel", false, cancelled},
		check{"disk-full", false, diskFull},
		check{"stdout", false, silent},
	)
}

func describe(ctx context.Context, k *kit) error {
	d, err := k.host.Describe(ctx)
	if err != nil {
		return err
	}
	k.description = d
	mediaType, params, err := mime.ParseMediaType(d.MediaType)
	switch {
	case d.Name == "":
		return errors.New("it has no name")
	case err != nil || mediaType != d.MediaType || len(params) > 0:
		return fmt.Errorf("its media type %q is none", d.MediaType)
	case d.Input.String() == "unknown":
		return fmt.Errorf("its input is %d", d.Input)
	case d.MinBytes < 0:
		return fmt.Errorf("its smallest image has %d bytes", d.MinBytes)
	case d.Input == sdk.InputDir && d.Staging != sdk.StagingFaithful && d.Staging != sdk.StagingPlain:
		return fmt.Errorf("it takes a directory, and its staging is %d", d.Staging)
	}
	return checkOptions(d.Options)
}

func checkOptions(options []sdk.Option) error {
	for i, o := range options {
		if slices.ContainsFunc(options[:i], func(p sdk.Option) bool { return p.Name == o.Name }) {
			return fmt.Errorf("it has two options %q", o.Name)
		}
		if o.Doc == "" {
			return fmt.Errorf("its option %q has no doc", o.Name)
		}
		if _, err := regexp.Compile(o.Pattern); err != nil {
			return fmt.Errorf("the pattern of its option %q is none: %w", o.Name, err)
		}
		if err := o.Check(o.Default); err != nil {
			return fmt.Errorf("its option %q does not take its own default: %w", o.Name, err)
		}
	}
	return nil
}

// tools holds the builder to saying where its tools come from, and skips what
// is left if they are not here.
func tools(_ context.Context, k *kit) error {
	for _, t := range k.description.Tools {
		switch {
		case t.Path == "" && t.Hint == "":
			return fmt.Errorf("its tool %s is missing, and it does not say how to install it", t.Name)
		case t.Path == "":
			return fmt.Errorf("its tool %s is not installed here (%s): nothing else can be tested", t.Name, t.Hint)
		case t.Version == "":
			return fmt.Errorf("its tool %s has no version: an upgrade would not be noticed", t.Name)
		}
		if _, err := os.Stat(t.Path); err != nil {
			return fmt.Errorf("its tool %s: %w", t.Name, err)
		}
	}
	return nil
}

func describeAgain(ctx context.Context, k *kit) error {
	d, err := k.host.Describe(ctx)
	if err == nil && !reflect.DeepEqual(d, k.description) {
		err = errors.New("it describes itself differently the second time")
	}
	return err
}

func buildGolden(ctx context.Context, k *kit, g golden) error {
	j, err := k.newJob(ctx, g, nil)
	if err != nil {
		return err
	}
	if err := k.run(ctx, j); err != nil {
		return err
	}
	if err := checkLosses(j); err != nil {
		return err
	}
	return k.compare(ctx, j)
}

// checkLosses holds losses to being about the tree.
func checkLosses(j *job) error {
	for _, l := range j.losses {
		switch {
		case j.tree.Lookup(l.Path) == nil:
			return fmt.Errorf("it lost something at %q, which is not in the tree", l.Path)
		case l.Field == "" || l.Why == "":
			return fmt.Errorf("a loss at %q does not say what was lost and why: %v", l.Path, l)
		}
	}
	return nil
}

// goodOptions builds with each value that an option can have, if they are
// few.
func goodOptions(ctx context.Context, k *kit) error {
	for _, o := range k.description.Options {
		values := o.Choices
		if o.Type == sdk.OptionBool && len(values) == 0 {
			values = []string{"true", "false"}
		}
		for _, v := range values {
			if err := k.buildWith(ctx, o.Name, v); err != nil {
				return fmt.Errorf("%s=%s: %w", o.Name, v, err)
			}
		}
	}
	return nil
}

func (k *kit) buildWith(ctx context.Context, option, value string) error {
	j, err := k.newJob(ctx, goldens[1], map[string]string{option: value})
	if err != nil {
		return err
	}
	return k.run(ctx, j)
}

// oddOptions gives options values of their type that make little sense. The
// builder may refuse them as invalid, and must live.
func oddOptions(ctx context.Context, k *kit) error {
	odd := map[sdk.OptionType][]string{
		sdk.OptionString: {"", "\n\x1b[31m", "--help", "; exit 1", strings.Repeat("x", 60<<10)},
		sdk.OptionInt:    {"-1", "0", "9223372036854775807"},
		sdk.OptionSize:   {"0", "1", "9007199254740993"},
	}
	for _, o := range k.description.Options {
		if len(o.Choices) > 0 {
			continue
		}
		for _, v := range odd[o.Type] {
			if err := refusal(k.buildWith(ctx, o.Name, v)); err != nil {
				return fmt.Errorf("%s=%.40q: %w", o.Name, v, err)
			}
		}
		if _, err := k.host.Describe(ctx); err != nil {
			return fmt.Errorf("after odd values of %s: %w", o.Name, err)
		}
	}
	return nil
}

// refusal returns err unless it says that what was asked for is invalid.
func refusal(err error) error {
	if err == nil || errors.Is(err, sdk.ErrInvalid) && !crashed(err) {
		return nil
	}
	if crashed(err) {
		return err
	}
	return fmt.Errorf("it refuses what a user may ask for with another error than one that sdk.Invalid has marked, or with another status than INVALID_ARGUMENT: %w", err)
}

// crashed tells a builder that came to grief from one that refused: by the
// words of core/host and of go itself, for want of better.
func crashed(err error) bool {
	return slices.ContainsFunc([]string{"panic: ", "ended unexpectedly", "had to be killed", "changed its input", "did not return"}, func(s string) bool {
		return strings.Contains(err.Error(), s)
	})
}

// silent tells what all builds together printed.
func silent(_ context.Context, k *kit) error {
	k.watch.mu.Lock()
	defer k.watch.mu.Unlock()
	if len(k.watch.stdout) > 0 {
		return fmt.Errorf("it printed to standard output, which belongs to the protocol: %q", k.watch.stdout[0])
	}
	return nil
}
