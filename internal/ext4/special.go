package ext4

import (
	"encoding/binary"

	"banger/sdk/tree"
)

// The journal's superblock (journal.rst): big end first.
const (
	jbdMagic   = 0xc03b3998
	jbdSuperV2 = 4
)

// writeJournal writes the superblock of an empty journal. The rest of it is
// zeros.
func (f *finisher) writeJournal() error {
	if f.size.Journal == 0 {
		return nil
	}
	var b [BlockSize]byte
	be := binary.BigEndian
	be.PutUint32(b[0x0:], jbdMagic)
	be.PutUint32(b[0x4:], jbdSuperV2)
	be.PutUint32(b[0xc:], BlockSize)
	be.PutUint32(b[0x10:], uint32(f.size.Journal)) // s_maxlen
	be.PutUint32(b[0x14:], 1)                      // s_first
	be.PutUint32(b[0x18:], 1)                      // s_sequence
	copy(b[0x30:], f.o.UUID[:])
	be.PutUint32(b[0x40:], 1) // s_nr_users
	if err := f.out.put(f.runsOf(&f.journal)[0].block, b[:]); err != nil {
		return err
	}
	return f.encodeJournal()
}

// special encodes the inodes of the journal and of the reserved group
// descriptors.
func (t *tableWriter) special() {
	if t.dind != 0 {
		t.encodeResize(t.buf[(resizeInode-1)*InodeSize:][:InodeSize])
	}
	if t.size.Journal > 0 {
		copy(t.buf[(journalInode-1)*InodeSize:], t.journalInode[:])
	}
}

func (f *finisher) madeAt() tree.Time { return tree.Time{Sec: f.o.Time} }

// encodeJournal encodes the journal's inode, of whose blocks and size the
// superblock has a copy.
func (f *finisher) encodeJournal() error {
	i := newInode{mode: TypeRegular | 0o600, links: 1, size: f.size.Journal * BlockSize, flags: FlagExtents, time: f.madeAt()}
	return f.encodeWithExtents(f.journalInode[:], &f.journal, i)
}

// encodeResize encodes the inode that owns the reserved blocks after each
// copy of the group descriptors: the primary ones are indirect blocks that
// list those of the backups (super.rst, s_reserved_gdt_blocks).
func (f *finisher) encodeResize(b []byte) {
	const pointers = BlockSize / 4
	copies := int64(0)
	for range f.geo.superGroups() {
		copies++
	}
	le.PutUint32(b[iBlock+13*4:], f.dind) // the double indirect block
	f.encodeFields(b, resizeInode, newInode{
		mode: TypeRegular | 0o600, links: 1, time: f.madeAt(),
		size:    (12 + pointers + pointers*pointers) * BlockSize,
		sectors: (1 + f.geo.ReservedGDT*copies) * (BlockSize / 512),
	})
}

// writeResize writes the block map of that inode.
func (f *finisher) writeResize() error {
	if f.dind == 0 {
		return nil
	}
	var dind [BlockSize]byte
	for i := range f.geo.ReservedGDT {
		primary := 1 + f.geo.GDTBlocks + i
		le.PutUint32(dind[(f.geo.GDTBlocks+i)%(BlockSize/4)*4:], uint32(primary))
		var indirect [BlockSize]byte
		at := 0
		for group := range f.geo.superGroups() {
			if group > 0 {
				le.PutUint32(indirect[at:], uint32(group*groupBlocks+primary))
				at += 4
			}
		}
		if err := f.out.put(uint32(primary), indirect[:]); err != nil {
			return err
		}
	}
	return f.out.put(f.dind, dind[:])
}
