package archtest

import (
	"fmt"
	"slices"
	"strings"
)

// Rule limits what some packages lead to. Its paths cover what lies below
// them, and may hold the patterns of path.Match.
type Rule struct {
	Name   string
	Of     []string // the packages that the rule is for
	Except []string // and those of them that it is not for

	// Through other packages of the module, these are never reached.
	Never []string
	// Through other packages of the module, of packages outside the standard
	// library only these are reached; nil allows all.
	Only []string
	// No direct imports, of the standard library or others.
	NotDirectly []string
}

// Check returns a line for each violation of the rule, with the chain of
// imports that leads to it: "a → b → c". Chains are followed through the
// packages below module only.
func (r Rule) Check(g Graph, module string) []string {
	var bad []string
	ours := func(p Package) bool { return within(p.ImportPath, []string{module}) }
	for _, p := range g.Within(r.Of...) {
		if within(p.ImportPath, r.Except) {
			continue
		}
		for to, chain := range g.chains(p.ImportPath, ours) {
			if r.refuses(g, to, len(chain) == 2) {
				bad = append(bad, strings.Join(chain, " → "))
			}
		}
	}
	slices.Sort(bad)
	return bad
}

func (r Rule) refuses(g Graph, to string, direct bool) bool {
	switch {
	case within(to, r.Never):
		return true
	case direct && within(to, r.NotDirectly):
		return true
	case r.Only == nil || g[to].Standard:
		return false
	}
	return !within(to, r.Only)
}

// Covers returns an error when a path of the rule's Of or Except matches no
// package: a rule for nothing never fails.
func (r Rule) Covers(g Graph) error {
	for _, path := range slices.Concat(r.Of, r.Except) {
		if len(g.Within(path)) == 0 {
			return fmt.Errorf("rule %q is for %s, and there is no such package", r.Name, path)
		}
	}
	return nil
}
