package ext4

import (
	"bytes"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"banger/internal/need"
)

// backups are the groups with a copy of the superblock, as far as the shapes
// go.
var backups = []int64{0, 1, 3, 5, 7, 9, 25, 27, 49, 81, 125}

// TestPlanAsDumped holds what dumpe2fs says of every group of an image against
// the plan of it.
func TestPlanAsDumped(t *testing.T) {
	eachShape(t, func(t *testing.T, p *Plan, image string) {
		out, err := exec.CommandContext(t.Context(), need.Tool(t, "dumpe2fs", "e2fsprogs"), image).Output()
		if err != nil {
			t.Fatalf("dumpe2fs: %v", err)
		}
		_, list, _ := strings.Cut(string(out), "\n\n\n")
		if p.features.has(MetadataCsum) {
			checkSums(t, p, list)
		}
		if strings.Contains(list, "EXPECTED") {
			t.Error("a checksum of a group descriptor is wrong")
		}
		var want strings.Builder
		for g := range p.geo.Groups {
			want.WriteString(planned(p, g))
		}
		if diff := cmp.Diff(want.String(), plain(list)); diff != "" {
			t.Errorf("dumpe2fs differs from the plan (-plan +dumpe2fs):\n%s", diff)
		}
	})
}

var besides = regexp.MustCompile(`,? csum 0x[0-9a-f]+| \((\+|bg)[^)]*\)| +$`)

// plain is dumpe2fs's list without checksums and relative places.
func plain(list string) string {
	var b strings.Builder
	for line := range strings.Lines(list) {
		if line = besides.ReplaceAllString(strings.TrimRight(line, "\n"), ""); line != "" {
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}

// planned is what dumpe2fs should say of group g.
func planned(p *Plan, g int64) string {
	var b strings.Builder
	first, end := g*32768, min((g+1)*32768, p.geo.Blocks)
	blocks, inodes := freeBlocksIn(p, first, end), freeInodesIn(p, g)
	flags, unused := groupFlags(p, g, blocks, inodes)
	fmt.Fprintf(&b, "Group %d: (Blocks %d-%d)%s\n", g, first, end-1, flags)
	if slices.Contains(backups, g) {
		kind := "Backup"
		if g == 0 {
			kind = "Primary"
		}
		fmt.Fprintf(&b, "  %s superblock at %d, Group descriptors at %d-%d\n", kind, first, first+1, first+p.geo.GDTBlocks)
		if p.features.has(ResizeInode) {
			fmt.Fprintf(&b, "  Reserved GDT blocks at %d-%d\n", first+1+p.geo.GDTBlocks, first+p.geo.GDTBlocks+p.geo.ReservedGDT)
		}
	}
	place := p.places[g]
	fmt.Fprintf(&b, "  Block bitmap at %d\n  Inode bitmap at %d\n", place.blockBitmap, place.inodeBitmap)
	fmt.Fprintf(&b, "  Inode table at %d-%d\n", place.table, place.table+p.geo.InodesPerGroup/16-1)
	fmt.Fprintf(&b, "  %d free blocks, %d free inodes, %d directories%s\n", len(blocks), len(inodes), directoriesIn(p, g), unused)
	fmt.Fprintf(&b, "  Free blocks:%s\n  Free inodes:%s\n", ranges(blocks), ranges(inodes))
	return b.String()
}

// groupFlags are the flags of a group with so much free, and what is said of
// the unused end of its inode table.
func groupFlags(p *Plan, g int64, blocks, inodes []int64) (flags, unused string) {
	if !p.features.has(MetadataCsum) {
		return "", ""
	}
	list := []string{"ITABLE_ZEROED"}
	own := int64(0) // of the group's blocks, for a superblock
	if slices.Contains(backups, g) {
		own = 1 + p.geo.GDTBlocks + p.geo.ReservedGDT
	}
	if g < p.geo.Groups-1 && int64(len(blocks))+own == 32768 {
		list = slices.Insert(list, 0, "BLOCK_UNINIT")
	}
	if int64(len(inodes)) == p.geo.InodesPerGroup {
		list = slices.Insert(list, 0, "INODE_UNINIT")
	}
	tail := 0 // free inodes without a gap before the end
	for tail < len(inodes) && inodes[len(inodes)-1-tail] == (g+1)*p.geo.InodesPerGroup-int64(tail) {
		tail++
	}
	if tail > 0 {
		unused = fmt.Sprintf(", %d unused inodes", tail)
	}
	return " [" + strings.Join(list, ", ") + "]", unused
}

func freeBlocksIn(p *Plan, first, end int64) (list []int64) {
	for _, f := range p.free {
		for n := max(f.first, first); n < min(f.end, end); n++ {
			list = append(list, n)
		}
	}
	return list
}

func freeInodesIn(p *Plan, g int64) (list []int64) {
	used := make(map[int64]bool)
	for i := range p.inodes {
		used[int64(p.inodes[i].number)] = true
	}
	for n := g*p.geo.InodesPerGroup + 1; n <= (g+1)*p.geo.InodesPerGroup; n++ {
		if n > 10 && !used[n] {
			list = append(list, n)
		}
	}
	return list
}

func directoriesIn(p *Plan, g int64) (n int) {
	for i := range p.inodes {
		if p.isDir(&p.inodes[i]) && int64(p.inodes[i].number-1)/p.geo.InodesPerGroup == g {
			n++
		}
	}
	return n
}

// ranges writes ascending numbers as dumpe2fs does, with a space before.
func ranges(list []int64) string {
	var parts []string
	for len(list) > 0 {
		n := 1
		for n < len(list) && list[n] == list[0]+int64(n) {
			n++
		}
		part := strconv.FormatInt(list[0], 10)
		if n > 1 {
			part += "-" + strconv.FormatInt(list[n-1], 10)
		}
		parts, list = append(parts, part), list[n:]
	}
	if parts == nil {
		return ""
	}
	return " " + strings.Join(parts, ", ")
}

// checkSums holds the checksums of bitmaps against bitmaps that are made of
// the plan bit by bit. One that is left to be worked out has none.
func checkSums(t *testing.T, p *Plan, list string) {
	t.Helper()
	for g, text := range strings.Split(list, "\nGroup ") {
		first, inode := int64(g)*32768, int64(g)*p.geo.InodesPerGroup+1
		blocks := bitmapSum(p, 32768, first, freeBlocksIn(p, first, min(first+32768, p.geo.Blocks)))
		inodes := bitmapSum(p, p.geo.InodesPerGroup, inode, freeInodesIn(p, int64(g)))
		for _, c := range []struct {
			what, flag string
			sum        uint32
		}{{"Block bitmap", "BLOCK_UNINIT", blocks}, {"Inode bitmap", "INODE_UNINIT", inodes}} {
			if strings.Contains(text, c.flag) {
				c.sum = 0
			}
			_, said, _ := strings.Cut(text, c.what)
			if _, said, _ = strings.Cut(said, "csum "); !strings.HasPrefix(said, fmt.Sprintf("0x%08x\n", c.sum)) {
				t.Errorf("group %d: the checksum of its %s is %.10s, not 0x%08x", g, c.what, said, c.sum)
			}
		}
	}
}

// bitmapSum is the checksum of so many bits for the numbers from first on:
// those that are not free are set, whether there are such numbers or not.
func bitmapSum(p *Plan, bits, first int64, free []int64) uint32 {
	b := bytes.Repeat([]byte{0xff}, int(bits/8))
	for _, n := range free {
		b[(n-first)/8] &^= 1 << ((n - first) % 8)
	}
	return checksum(checksum(^uint32(0), p.o.UUID[:]), b)
}
