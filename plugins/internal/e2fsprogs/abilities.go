package e2fsprogs

import (
	"fmt"
	"strconv"
	"strings"
)

// Abilities says, for people, what one version of a program can and cannot do
// that matters to an image. The source is the e2fsprogs release notes.
func Abilities(name, version string) (can, cannot []string) {
	if tooOld(version) {
		return nil, []string{"too old: 1.46 or newer is needed"}
	}
	for _, a := range abilities {
		if a.tool != name {
			continue
		}
		switch {
		case a.broken(version):
			cannot = append(cannot, fmt.Sprintf("%s (broken in %s)", a.what, a.brokenIn))
		case compareVersions(version, a.since) >= 0:
			can = append(can, a.what)
		default:
			cannot = append(cannot, fmt.Sprintf("%s (from %s)", a.what, a.since))
		}
	}
	return can, cannot
}

// ability is something that a program can do since a version.
type ability struct {
	tool, what string
	since      string
	brokenIn   string
}

var abilities = []ability{
	{MkfsName, "make an image from a directory without root (-d)", "1.46", ""},
	{MkfsName, "store modification times past 2038 as 2038, not as before 1970; the debugfs builder keeps them with any version", "1.47.1", ""},
	{MkfsName, "copy files larger than 2 GiB", "1.46", "1.47.3"},
	{DebugfsName, "set owners, modes, times, xattrs and devices in an image", "1.46", ""},
	{FsckName, "check an image without changing it (-fn)", "1.46", ""},
}

func (a ability) broken(version string) bool {
	return a.brokenIn != "" && compareVersions(version, a.brokenIn) == 0
}

// compareVersions compares dotted numbers, a missing part as 0 and whatever
// follows a number's digits as nothing.
func compareVersions(a, b string) int {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range max(len(as), len(bs)) {
		if d := part(as, i) - part(bs, i); d != 0 {
			return d
		}
	}
	return 0
}

func part(parts []string, i int) int {
	if i >= len(parts) {
		return 0
	}
	digits := strings.IndexFunc(parts[i], func(r rune) bool { return r < '0' || r > '9' })
	if digits < 0 {
		digits = len(parts[i])
	}
	n, err := strconv.Atoi(parts[i][:digits])
	if err != nil {
		return 0
	}
	return n
}
