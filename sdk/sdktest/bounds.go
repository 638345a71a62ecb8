package sdktest

import (
	"context"
	"fmt"
	"os"
	"strings"

	"banger/sdk"
)

// longestOptions builds with values that are as long as the builder says that
// they may be: it cannot refuse what nobody refused before it.
func longestOptions(ctx context.Context, k *kit) error {
	done := false
	for _, o := range k.description.Options {
		longest := strings.Repeat("x", o.MaxBytes)
		if o.MaxBytes == 0 || o.Check(longest) != nil {
			continue // without a bound, or of a form that no plain text has
		}
		done = true
		if err := k.buildWith(ctx, o.Name, longest); err != nil {
			return fmt.Errorf("%s with %d bytes, which it says is possible: %w", o.Name, o.MaxBytes, err)
		}
	}
	if !done {
		return skip{why: "it bounds no text of its options"}
	}
	return nil
}

// leastSize builds an empty tree into the smallest image that the builder says
// it makes.
func leastSize(ctx context.Context, k *kit) error {
	least := k.description.MinBytes
	if least == 0 {
		return skip{why: "it names no smallest image"}
	}
	j, err := k.newJob(ctx, goldens[0], nil)
	if err != nil {
		return err
	}
	j.req.Size = sdk.SizePlan{Bytes: least}
	if err := k.run(ctx, j); err != nil {
		return fmt.Errorf("an image of %d bytes, which it says is possible: %w", least, err)
	}
	fi, err := os.Stat(j.req.Output)
	if err == nil && fi.Size() < least {
		err = fmt.Errorf("it says that its images have %d bytes at least, and left one of %d", least, fi.Size())
	}
	return err
}

// oddSizes asks for images that hardly hold a tree with some content. The builder
// may make them, or refuse them as invalid.
func oddSizes(ctx context.Context, k *kit) error {
	for _, size := range []sdk.SizePlan{{Bytes: max(k.description.MinBytes, 1)}, {Inodes: 1}} {
		j, err := k.newJob(ctx, goldens[len(goldens)-1], nil)
		if err != nil {
			return err
		}
		j.req.Size = size
		if err := refusal(k.run(ctx, j)); err != nil {
			return fmt.Errorf("an image of %d bytes and %d inodes, 0 being as many as it takes: %w", size.Bytes, size.Inodes, err)
		}
	}
	return nil
}
