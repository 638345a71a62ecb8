package main

// storeFailures are stores that are none, or are not sound.
var storeFailures = []failure{
	{"store that is none", "build oci:img --store HERE", exitStore, `open store /.*it has no VERSION but holds`, `name an empty or a new directory`},
	{"store of another version", "build oci:img --store future", exitStore, `its VERSION says "banger store 9`, `use the program that made it`},
	{"store in a file", "build oci:img --store typo.toml", exitStore, `open store /`, `name a directory that you may write to`},
	{"store without a place", "HOME=relative pull oci:img", exitStore, `open store: no place for it: neither XDG_CACHE_HOME nor HOME is an absolute path`, `name a directory that you may write to`},
	{"store that cannot be looked at", "plan oci:img --store typo.toml", exitStore, `open store /`, `name a directory that you may write to`},
	{"store that is none, to list", "cache ls --store HERE", exitStore, `open store /`, `name an empty or a new directory`},
	{"store that is none, to measure", "cache du --store HERE", exitStore, `open store /`, `name an empty or a new directory`},
	{"store that is none, to prune", "cache prune --store HERE", exitStore, `open store /`, `name an empty or a new directory`},
	{"store that is none, to verify", "cache verify --store HERE", exitStore, `open store /`, `name an empty or a new directory`},
	{"store that is none, to explain", "cache explain oci:img --store HERE", exitStore, `open store /`, `name an empty or a new directory`},
	{"store that is none, for the doctor", "doctor --store HERE", exitStore, `store: open store /.*it has no VERSION but holds "[^"]*"$`, `name an empty or a new directory`},

	{"nothing to remove of that name", "cache rm REGISTRY/never:1", exitNotFound, `nothing of that name in the store: REGISTRY/never:1`, `see what there is with banger cache ls`},
	{"nothing to remove of that digest", "cache rm sha256:NODIGEST", exitNotFound, `nothing of that name in the store: sha256:NODIGEST`, `see what there is with banger cache ls`},
	{"nothing to remove at all", "cache rm UPPER/case", exitUsage, `bad image reference`, `oci:DIR`},

	{"damaged store", "BANGER_STORE=damaged cache verify --progress none", exitDifference, `the store is not sound: of .*, 1 damaged`, `nothing needs to be done: what was found counts as absent, and is fetched or built again when it is needed`},
	{"store that dangles", "BANGER_STORE=damaged cache verify --progress none", exitDifference, `the store is not sound: of .*, 0 damaged, [0-9]+ dangling`, `drop what dangles with --repair, or leave it: it counts as absent`},
}
