package ext4

import (
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"banger/internal/need"
	"banger/sdk/tree"
)

// TestPlanAsDebugged holds what debugfs says of every inode of an image
// against the plan of it: its place in the inode table, its fields, and each
// of its blocks.
func TestPlanAsDebugged(t *testing.T) {
	eachShape(t, func(t *testing.T, p *Plan, image string) {
		inodes := p.inodes
		if p.size.Journal > 0 {
			inodes = append(slices.Clip(inodes), p.journal)
		}
		var script, want strings.Builder
		for i := range inodes {
			fmt.Fprintf(&script, "imap <%d>\nstat <%[1]d>\n", inodes[i].number)
			want.WriteString(described(p, &inodes[i]))
		}
		if diff := cmp.Diff(want.String(), answered(debugfs(t, image, script.String()))); diff != "" {
			t.Errorf("debugfs differs from the plan (-plan +debugfs):\n%s", diff)
		}
		if p.features.has(ResizeInode) {
			checkResize(t, p, debugfs(t, image, "stat <7>\n"))
		}
	})
}

// debugfs returns what debugfs answers to the lines of a script.
func debugfs(t *testing.T, image, script string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), need.Tool(t, "debugfs", "e2fsprogs"), "-f", "-", image)
	cmd.Stdin = strings.NewReader(script)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("debugfs: %v", err)
	}
	return string(out)
}

// said matches what the test looks at of debugfs's answers.
var said = regexp.MustCompile(`(?m)^(?:Inode (\d+) is part of block group (\d+)\n\s+located at block (\d+), offset (0x[0-9a-f]+)|` +
	`Inode: \d+ +Type: (\S+(?: \S+)?) +Mode: +(\S+) +Flags: (\S+)|.* Size: (\d+)\nFile ACL: (\d+)\nLinks: (\d+) +Blockcount: (\d+)|` +
	`EXTENTS:\n(.*)|Fast link dest: (.*)|Device major/minor number: (\S+) .*)$`)

// answered is of debugfs's answers what described says of the plan.
func answered(answers string) string {
	var b strings.Builder
	for _, m := range said.FindAllStringSubmatch(answers, -1) {
		for _, field := range m[1:] {
			if field != "" {
				b.WriteString(field + " ")
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

// described is what debugfs should say of an inode.
func described(p *Plan, n *inode) string {
	var b strings.Builder
	index := int64(n.number) - 1
	group, at := index/p.geo.InodesPerGroup, index%p.geo.InodesPerGroup
	fmt.Fprintf(&b, "%d %d %d 0x%04x \n", n.number, group, p.places[group].table+at/16, at%16*256)

	e := tree.Entry{Type: tree.Directory, Mode: 0o700, Size: int64(n.blocks) * BlockSize} // lost+found
	switch {
	case n.number == journalInode:
		e = tree.Entry{Type: tree.Regular, Mode: 0o600, Size: p.size.Journal * BlockSize}
	case n.entry != noEntry:
		e = p.tree.Entries[n.entry]
	}
	flags, size, blocks := uint32(FlagExtents), e.Size, int64(n.nodes)
	switch e.Type {
	case tree.Directory:
		size = int64(n.blocks) * BlockSize
		if n.indexed {
			flags |= flagIndex
		}
	case tree.Symlink:
		if size = int64(len(e.Target)); n.runs == 0 {
			flags = 0
		}
	}
	for _, r := range p.runsOf(n) {
		blocks += int64(r.length)
	}
	if n.xattrBlock != 0 {
		blocks++
	}
	fmt.Fprintf(&b, "%s %04o %#x \n", kinds[e.Type], e.Mode, flags)
	fmt.Fprintf(&b, "%d %d %d %d \n", size, n.xattrBlock, n.links, blocks*8)
	switch {
	case e.Type == tree.Symlink && n.runs == 0:
		fmt.Fprintf(&b, "%q \n", e.Target)
	case n.runs > 0:
		b.WriteString(extents(p, n) + " \n")
	}
	return b.String()
}

var kinds = map[tree.Type]string{tree.Regular: "regular", tree.Directory: "directory", tree.Symlink: "symlink"}

// extents are the blocks of an inode as debugfs lists them: of each leaf of
// the extent tree the block itself, and what it maps.
func extents(p *Plan, n *inode) string {
	var parts []string
	nodes, leaf := p.nodesOf(n), len(p.runsOf(n))
	if len(nodes) > 0 {
		leaf = 340 // extents in a block
	}
	for i, r := range p.runsOf(n) {
		if i%leaf == 0 && len(nodes) > 0 {
			parts = append(parts, fmt.Sprintf("(ETB0):%d", nodes[i/leaf]))
		}
		if r.length == 1 {
			parts = append(parts, fmt.Sprintf("(%d):%d", r.logical, r.block))
			continue
		}
		parts = append(parts, fmt.Sprintf("(%d-%d):%d-%d", r.logical, r.logical+r.length-1, r.block, r.block+r.length-1))
	}
	return strings.Join(parts, ", ")
}

// checkResize holds the block map of the resize inode against the geometry:
// each reserved block of the first group lists its copies in the others.
func checkResize(t *testing.T, p *Plan, text string) {
	t.Helper()
	var want strings.Builder
	fmt.Fprintf(&want, "(DIND):%d", p.dind)
	total := int64(1)
	for slot := range int64(1024) {
		at := slot + 1 // the descriptors' own blocks have a number in the map, too
		if at <= p.geo.GDTBlocks {
			at += 1024
		}
		if at > p.geo.GDTBlocks+p.geo.ReservedGDT {
			continue
		}
		fmt.Fprintf(&want, ", (IND):%d", at)
		total++
		for i, g := range backups[1:] {
			if g < p.geo.Groups {
				fmt.Fprintf(&want, ", (%d):%d", 12+1024+slot*1024+int64(i), g*32768+at)
				total++
			}
		}
	}
	fmt.Fprintf(&want, "\nTOTAL: %d\n", total)
	_, got, _ := strings.Cut(text, "BLOCKS:\n")
	if diff := cmp.Diff(strings.TrimSpace(want.String()), strings.TrimSpace(got)); diff != "" {
		t.Errorf("resize inode (-plan +debugfs):\n%s", diff)
	}
}
