package main

import "os"

// defaultBuilder builds where no other one is asked for. It is the one that
// needs nothing of Linux.
const defaultBuilder = "ext4"

// selfPath is the name of this program's file. Another version may take its
// place: the keeper then refuses to start it as a builder.
func selfPath() (string, error) { return os.Executable() }
