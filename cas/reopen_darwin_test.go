package cas

import "os"

// reopen opens a file again, which always has a name here.
func reopen(f *os.File) (*os.File, error) { return os.Open(f.Name()) }
