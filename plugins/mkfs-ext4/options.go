package mkfsext4

import (
	"encoding/hex"
	"fmt"
	"strings"

	"banger/internal/ext4"
	"banger/plugins/internal/ext4build"
	"banger/plugins/internal/ext4size"
	"banger/sdk"
)

// The options besides the label.
const (
	uuidOption      = "uuid"
	journalOption   = "journal"
	reservedOption  = "reserved"
	lostFoundOption = "lost-found"
	featuresOption  = "features"
)

const (
	journalAuto = "auto"
	journalNone = "none"

	mostReserved = 50 // percent, as mke2fs has it
	mostJournal  = 10 << 20
)

func options() []sdk.Option {
	return append(ext4build.Options(),
		sdk.Option{Name: uuidOption, Type: sdk.OptionString, Doc: "the filesystem's UUID; empty for one derived from the content and the other options"},
		sdk.Option{Name: journalOption, Type: sdk.OptionString, Default: journalAuto, Doc: "size of the journal, at least 4M: auto, none or a size"},
		sdk.Option{Name: reservedOption, Type: sdk.OptionInt, Default: "0", Doc: "percent of the blocks that only root may fill, at most 50"},
		sdk.Option{Name: lostFoundOption, Type: sdk.OptionBool, Default: "true", Doc: "make the directory /lost+found if the image has nothing of that name"},
		sdk.Option{Name: featuresOption, Type: sdk.OptionString, Doc: "features to leave out for old guests, such as ^metadata_csum,^64bit; also ^dir_index and ^resize_inode"},
	)
}

// config is what the options of a request say.
type config struct {
	ext4.Options
	filesystem ext4size.Filesystem
}

// madeAt is when every image was made: no clock gets into it.
const madeAt = 1

func parseOptions(req *sdk.Request) (config, error) {
	bad := func(err error) (config, error) { return config{}, fmt.Errorf("check options: %w", err) }
	label, err := ext4build.Label(req)
	if err != nil {
		return bad(err)
	}
	features, err := ext4.ParseFeatures(req.Options.String(featuresOption))
	if err != nil {
		return bad(err)
	}
	journal, err := parseJournal(req.Options.String(journalOption))
	if err != nil {
		return bad(err)
	}
	reserved := req.Options.Int(reservedOption)
	if reserved < 0 || reserved > mostReserved {
		return bad(fmt.Errorf("reserved=%d is not from 0 to %d percent", reserved, mostReserved))
	}
	uuid := ext4build.UUID(req, "uuid", name)
	if s := req.Options.String(uuidOption); s != "" {
		if uuid, err = parseUUID(s); err != nil {
			return bad(err)
		}
	}
	return config{
		ext4.Options{
			Features: features, Label: label, UUID: uuid, HashSeed: ext4build.UUID(req, "hash seed", name),
			Time: madeAt, LostFound: req.Options.Bool(lostFoundOption),
		},
		ext4size.Filesystem{Features: features, Journal: journal, ReservedPercent: reserved},
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

// parseUUID parses the text form of a UUID (RFC 9562).
func parseUUID(s string) (u [16]byte, err error) {
	b, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
	if err != nil || len(b) != len(u) {
		return u, fmt.Errorf("uuid=%q is not 32 hexadecimal digits", s)
	}
	copy(u[:], b)
	return u, nil
}
