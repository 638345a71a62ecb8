package mkfserofs

// shelves are the blocks of inodes and what stands with them, which are filled
// from their beginning. Each new inode goes where it leaves the least room.
type shelves struct {
	end  int64                      // of the blocks in use
	free [slotsPerBlock + 1][]int64 // blocks by the number of free slots at their end
}

// newShelves begins after the superblock's block.
func newShelves() *shelves { return &shelves{end: 1} }

// place finds room for length bytes and returns the number of the first slot.
// What fits into a block is in one.
func (s *shelves) place(length int64) int64 {
	n := (length + slotSize - 1) / slotSize
	for room := n; room <= slotsPerBlock; room++ {
		list := s.free[room]
		if k := len(list) - 1; k >= 0 {
			s.free[room] = list[:k]
			return s.take(list[k], slotsPerBlock-room, n)
		}
	}
	block := s.end
	s.end += (n + slotsPerBlock - 1) / slotsPerBlock
	return s.take(block, 0, n)
}

// take uses n slots from slot first of a block on, and of those after it.
func (s *shelves) take(block, first, n int64) int64 {
	end := block*slotsPerBlock + first + n
	if room := -end & (slotsPerBlock - 1); room > 0 {
		s.free[room] = append(s.free[room], end/slotsPerBlock)
	}
	return end - n
}
