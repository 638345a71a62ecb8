// Package buildtest tests the builders that use e2fsprogs, as a host runs
// them: staged by core/stage, judged by the kernel, e2fsck and dumpe2fs.
package buildtest
