package mkfsext4

import (
	"fmt"

	"banger/internal/ext4"
	"banger/plugins/internal/ext4build"
	"banger/plugins/internal/ext4size"
	"banger/plugins/internal/imagebuild"
	"banger/sdk"
)

// The options besides label and UUID.
const (
	journalOption   = "journal"
	reservedOption  = "reserved"
	lostFoundOption = "lost-found"
	featuresOption  = "features"
)

const (
	journalAuto = "auto"
	journalNone = "none"

	mostJournal = 10 << 20 // blocks
)

func options() []sdk.Option {
	return []sdk.Option{
		imagebuild.LabelOption(),
		imagebuild.UUIDOption(),
		{Name: journalOption, Type: sdk.OptionString, Default: journalAuto, Pattern: "auto|none|[0-9]+[A-Za-z]*", Doc: "size of the journal, at least 4M: auto, none or a size"},
		{Name: reservedOption, Type: sdk.OptionInt, Default: "0", Pattern: "[0-9]|[1-4][0-9]|50", Doc: "percent of the blocks that only root may fill, at most 50"},
		{Name: lostFoundOption, Type: sdk.OptionBool, Default: "true", Doc: "make the directory /lost+found if the image has nothing of that name"},
		{Name: featuresOption, Type: sdk.OptionString, Doc: "features to leave out for old guests, such as ^metadata_csum,^64bit; also ^dir_index and ^resize_inode"},
	}
}

// config is what the options of a request say.
type config struct {
	ext4.Options
	filesystem ext4size.Filesystem
}

// madeAt is when every image was made: no clock gets into it.
const madeAt = 1

func parseOptions(req *sdk.Request) (config, error) {
	bad := func(err error) (config, error) { return config{}, fmt.Errorf("%w: %w", sdk.ErrOption, err) }
	features, err := ext4.ParseFeatures(req.Options.String(featuresOption))
	if err != nil {
		return bad(err)
	}
	journal, err := parseJournal(req.Options.String(journalOption))
	if err != nil {
		return bad(err)
	}
	return config{
		ext4.Options{
			Features: features, Label: imagebuild.Label(req), UUID: imagebuild.UUID(req, ext4build.UUID(req, "uuid", name)),
			HashSeed: ext4build.UUID(req, "hash seed", name),
			Time:     madeAt, LostFound: req.Options.Bool(lostFoundOption),
		},
		ext4size.Filesystem{Features: features, Journal: journal, ReservedPercent: req.Options.Int(reservedOption)},
	}, nil
}

// parseJournal returns the length of the journal in blocks.
func parseJournal(s string) (int64, error) {
	switch s {
	case journalAuto:
		return ext4size.DefaultJournal, nil
	case journalNone:
		return 0, nil
	}
	n, err := sdk.ParseSize(s)
	if err != nil {
		return 0, fmt.Errorf("journal=%s: %w", s, err)
	}
	if blocks := n / ext4.BlockSize; blocks >= ext4.MinJournal && blocks <= mostJournal {
		return blocks, nil
	}
	return 0, fmt.Errorf("journal=%s is not from 4M to 40G", s)
}
