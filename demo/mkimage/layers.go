package main

import "archive/tar"

// lowerEntries is the first layer: a bootable root, and what the second layer
// changes.
func lowerEntries(program []byte) []entry {
	return []entry{
		dir("dev", 0o755),
		node(tar.TypeChar, "dev/console", 0o600, 5, 1),
		node(tar.TypeChar, "dev/null", 0o666, 1, 3),
		dir("etc", 0o755),
		file("etc/hostname", 0o644, "banger\n"),
		file("etc/os-release", 0o644, "ID=banger-demo\nPRETTY_NAME=\"banger demo\"\n"),
		file("etc/removed", 0o644, "the second layer removes this\n"),
		dir("proc", 0o555),
		dir("root", 0o700),
		dir("run", 0o755),
		dir("sys", 0o555),
		dir("srv", 0o755),
		dir("srv/opaque", 0o755),
		file("srv/opaque/hidden", 0o644, "the second layer hides this\n"),
		file("srv/first", 0o644, "two names, and the second layer removes one\n"),
		hardlink("srv/second", 0o644, "srv/first"),
		dir("tmp", 0o1777),
		dir("usr", 0o755),
		dir("usr/sbin", 0o755),
		file("usr/sbin/init", 0o755, string(program)),
		symlink("sbin", "usr/sbin"),
	}
}

// upperEntries is the second layer: whiteouts, and metadata of every kind.
func upperEntries() []entry {
	return []entry{
		file("etc/.wh.removed", 0o644, ""),
		dir("srv", 0o755).at(epoch+1, 500_000_000),
		dir("srv/opaque", 0o2775).by(0, 50),
		file("srv/opaque/.wh..wh..opq", 0o644, ""),
		file("srv/opaque/shown", 0o644, "the directory was made anew\n"),
		file("srv/.wh.second", 0o644, ""),
		file("srv/owned", 0o640, "not root's\n").by(1000, 70000),
		file("srv/setuid", 0o4755, "").by(0, 4),
		file("srv/future", 0o644, "2040\n").at(2208988800, 123456789),
		file("srv/past", 0o644, "1960\n").at(-315619200, 0),
		file("srv/xattr", 0o644, "").with("user.banger=demo"),
		node(tar.TypeFifo, "srv/fifo", 0o620, 0, 0),
		node(tar.TypeBlock, "srv/block", 0o660, 259, 300).by(0, 6),
		// A name under the symlink /sbin: it lands in /usr/sbin.
		symlink("sbin/telinit", "init"),
	}
}
