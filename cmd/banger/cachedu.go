package main

import (
	"fmt"
	"maps"
	"slices"

	"github.com/urfave/cli/v2"

	"banger/cas"
	"banger/core"
)

func cacheUsageCommand() *cli.Command {
	return &cli.Command{
		Name:   "du",
		Usage:  "say what the store takes on the disk, and what sharing saves",
		Flags:  append(commonFlags(), storeFlag()),
		Action: onStore(cacheUsage),
	}
}

// usageOutput is what cache du --json prints, in allocated bytes.
type usageOutput struct {
	Store  string                `json:"store"`
	Kinds  map[string]cas.Amount `json:"kinds"`
	Total  cas.Amount            `json:"total"`
	Unheld cas.Amount            `json:"unreferenced"`
	Packed cas.Amount            `json:"also_unpacked"`
	Shared cas.Amount            `json:"shared_layers"`
	Saved  int64                 `json:"saved_bytes"`
}

func cacheUsage(c *cli.Context, store *cas.Store) error {
	u, err := store.Usage(c.Context, core.References{})
	if err != nil {
		return err
	}
	out := usageOutput{store.Dir(), u.Kinds, sum(u.Kinds), u.Unheld, u.Packed, u.Shared, u.Saved}
	if c.Bool("json") {
		return printJSON(c, out)
	}
	t := newTable(c.App.Writer)
	printAmounts(t, u.Kinds)
	fmt.Fprintf(t, "\nunreferenced\t%d\t%s\n", u.Unheld.Count, bytesText(u.Unheld.Bytes))
	fmt.Fprintf(t, "blobs also there unpacked\t%d\t%s\n", u.Packed.Count, bytesText(u.Packed.Bytes))
	fmt.Fprintf(t, "layers of several images\t%d\t%s, which saves %s\n", u.Shared.Count, bytesText(u.Shared.Bytes), bytesText(u.Saved))
	return flushTable(t)
}

// printAmounts prints a table of amounts by kind with their sum.
func printAmounts(t interface{ Write([]byte) (int, error) }, kinds map[string]cas.Amount) {
	fmt.Fprintln(t, "KIND\tCOUNT\tALLOCATED")
	for _, k := range slices.Sorted(maps.Keys(kinds)) {
		fmt.Fprintf(t, "%s\t%d\t%s\n", k, kinds[k].Count, bytesText(kinds[k].Bytes))
	}
	total := sum(kinds)
	fmt.Fprintf(t, "total\t%d\t%s\n", total.Count, bytesText(total.Bytes))
}

func sum(kinds map[string]cas.Amount) (total cas.Amount) {
	for _, a := range kinds {
		total.Count += a.Count
		total.Bytes += a.Bytes
	}
	return total
}
