// Package buildtest tests the builders of filesystem images, as a host runs
// them: staged by core/stage, judged by the kernel and by each filesystem's own
// tools, such as e2fsck, dumpe2fs and fsck.erofs.
package buildtest
