package ext4

// Values of fields of the superblock (super.rst).
const (
	stateClean      = 1
	errorsContinue  = 1
	revisionDynamic = 1
	flagSignedHash  = 1         // s_flags: names are hashed as signed bytes
	mountDefaults   = 0x4 | 0x8 // s_default_mount_opts: user_xattr, acl
	checksumCRC32C  = 1
	journalBackup   = 1 // s_jnl_backup_type: s_jnl_blocks is a copy of the inode's i_block and i_size
)

// writeSupers writes the group descriptors and the superblock, to each group
// that has a copy, and the primary superblock last.
func (f *finisher) writeSupers() error {
	groups := make([]byte, f.geo.GDTBlocks*BlockSize)
	copy(groups, f.groups)
	for g := range f.geo.superGroups() {
		if _, err := f.out.w.WriteAt(groups, (g*groupBlocks+1)*BlockSize); err != nil {
			return err
		}
		if g == 0 {
			continue
		}
		if _, err := f.out.w.WriteAt(f.super(g), g*groupBlocks*BlockSize); err != nil {
			return err
		}
	}
	_, err := f.out.w.WriteAt(f.super(0), superOffset)
	return err
}

// super encodes the copy of the superblock in group g (super.rst).
func (f *finisher) super(g int64) []byte {
	b := make([]byte, superSize)
	freeBlocks := f.FreeBlocks()
	le.PutUint32(b[0x0:], uint32(f.geo.Inodes()))
	le.PutUint32(b[0x4:], uint32(f.geo.Blocks))
	le.PutUint32(b[0x8:], uint32(f.size.Reserved))
	le.PutUint32(b[0xc:], uint32(freeBlocks))
	le.PutUint32(b[0x10:], uint32(f.freeInodes()))
	le.PutUint32(b[0x18:], 2) // s_log_block_size: 1024 << 2
	le.PutUint32(b[0x1c:], 2) // s_log_cluster_size
	le.PutUint32(b[0x20:], groupBlocks)
	le.PutUint32(b[0x24:], groupBlocks) // s_clusters_per_group
	le.PutUint32(b[0x28:], uint32(f.geo.InodesPerGroup))
	le.PutUint32(b[0x30:], uint32(f.o.Time)) // s_wtime
	le.PutUint16(b[0x36:], 0xffff)           // s_max_mnt_count: no limit
	le.PutUint16(b[0x38:], superMagic)
	le.PutUint16(b[0x3a:], stateClean)
	le.PutUint16(b[0x3c:], errorsContinue)
	le.PutUint32(b[0x40:], uint32(f.o.Time)) // s_lastcheck
	le.PutUint32(b[0x4c:], revisionDynamic)
	le.PutUint32(b[0x54:], LostFoundInode) // s_first_ino
	le.PutUint16(b[0x58:], InodeSize)
	le.PutUint16(b[0x5a:], uint16(g))
	compat, incompat, readOnly := f.features.words(f.size.Journal > 0)
	le.PutUint32(b[0x5c:], compat)
	le.PutUint32(b[0x60:], incompat)
	le.PutUint32(b[0x64:], readOnly)
	copy(b[0x68:], f.o.UUID[:])
	copy(b[0x78:0x88], f.o.Label)
	le.PutUint16(b[0xce:], uint16(f.geo.ReservedGDT))
	f.superJournal(b)
	copy(b[0xec:], f.o.HashSeed[:])
	b[0xfc] = hashHalfMD4
	if f.features.has(Bit64) {
		le.PutUint16(b[0xfe:], uint16(f.geo.descSize))
	}
	le.PutUint32(b[0x100:], mountDefaults)
	le.PutUint32(b[0x108:], uint32(f.o.Time)) // s_mkfs_time
	le.PutUint16(b[0x15c:], extraSize)        // s_min_extra_isize
	le.PutUint16(b[0x15e:], extraSize)        // s_want_extra_isize
	le.PutUint32(b[0x160:], flagSignedHash)
	b[0x174] = 4 // s_log_groups_per_flex: 16
	if f.csum() {
		b[0x175] = checksumCRC32C
		le.PutUint32(b[superSum:], checksum(^uint32(0), b[:superSum]))
	}
	return b
}

// superJournal encodes where the journal is.
func (f *finisher) superJournal(b []byte) {
	if f.size.Journal == 0 {
		return
	}
	le.PutUint32(b[0xe0:], journalInode)
	b[0xfd] = journalBackup
	inode := &f.journalInode
	copy(b[0x10c:], inode[iBlock:][:iBlockSize])
	copy(b[0x148:], inode[0x6c:0x70]) // i_size_high
	copy(b[0x14c:], inode[0x4:0x8])   // i_size_lo
}

func (f *finisher) freeInodes() int64 {
	used := int64(reservedInodes)
	for i := range f.inodes[1:] {
		if f.inodes[i+1].number > reservedInodes {
			used++
		}
	}
	return f.geo.Inodes() - used
}
