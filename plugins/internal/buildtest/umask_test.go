package buildtest

import "golang.org/x/sys/unix"

func setUmask(mask int) { unix.Umask(mask) }
