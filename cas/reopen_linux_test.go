package cas

import "os"

// reopen opens a file again that may have no name.
func reopen(f *os.File) (*os.File, error) { return os.Open(procPath(f)) }
