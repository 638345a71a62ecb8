package main

// registryFailures are what registries, and the way to them, do wrong.
var registryFailures = []failure{
	{"not in the registry", "build REGISTRY/missing:1", exitNotFound, `open image REGISTRY/missing:1: not found: REGISTRY has no repository missing`, ""},
	{"no such tag", "build REGISTRY/app:none", exitNotFound, `REGISTRY/app has no manifest none`, ""},
	{"no such digest", "build REGISTRY/app@sha256:NODIGEST", exitNotFound, `REGISTRY/app has no manifest sha256:NODIGEST`, ""},
	{"blob that is not there", "FAULT=none pull REGISTRY/holed:latest", exitNotFound, `REGISTRY/holed has no blob sha256:[0-9a-f]+`, ""},
	{"wants a login", "FAULT=unauthorized pull REGISTRY/app:latest", exitAuth, `access denied: REGISTRY does not give app to strangers, or has no such repository: it says 401 Unauthorized; UNAUTHORIZED: authentication required`, `check the name; if the repository is private, run: docker login REGISTRY`},
	{"wants another login", "FAULT=password BANGER_AUTHFILE=other.json pull REGISTRY/app:latest", exitAuth, `access denied: REGISTRY does not give app to the user of your credentials`, `check the name, or renew your credentials: docker login REGISTRY`},
	{"forbids", "FAULT=forbidden pull REGISTRY/app:latest", exitAuth, `403 Forbidden; DENIED: requested access to the resource is denied`, `docker login REGISTRY`},
	{"credentials that are damaged", "BANGER_AUTHFILE=typo.toml pull REGISTRY/app:latest", exitUsage, `read credentials for REGISTRY: bad file of credentials: parse .*typo.toml`, `see --authfile and `},
	{"no such credentials", "BANGER_AUTHFILE=nowhere pull REGISTRY/app:latest", exitUsage, `read credentials for REGISTRY: bad file of credentials: open nowhere: no such file`, `see --authfile and `},
	{"damaged credentials in their place", "DOCKER_CONFIG=baddocker pull REGISTRY/app:latest", exitAuth, `access denied: read credentials for REGISTRY: .*parse baddocker/config.json`, ""},
	{"is none", "FAULT=no-registry pull REGISTRY/app:latest", exitNotFound, `REGISTRY is no registry: it says 404 Not Found`, `check the name of the host`},
	{"not a registry's answer", "FAULT=web-page pull REGISTRY/app:latest", exitOther, `invalid image: parse manifest`, ""},
	{"gone", "FAULT=gone pull REGISTRY/app:latest", exitNotFound, `REGISTRY/app: manifest latest: the registry says 410 Gone`, ""},
	{"no format", "FAULT=not-acceptable pull REGISTRY/app:latest", exitOther, `REGISTRY has manifest latest in no format that can be used: 406 Not Acceptable`, ""},
	{"limits the rate", "FAULT=rate-limit pull REGISTRY/app:latest", exitNetwork, `rate limit reached: REGISTRY says 429 Too Many Requests; TOOMANYREQUESTS: You have reached your pull rate limit.`, `try again in 1h0m0s, or for a larger quota run: docker login REGISTRY`},
	{"limits the rate of its user", "FAULT=rate-limit BANGER_AUTHFILE=other.json pull REGISTRY/app:latest", exitNetwork, `rate limit reached`, `^try again in 1h0m0s\n$`},
	{"unavailable", "FAULT=unavailable pull REGISTRY/app:latest", exitNetwork, `network failure: REGISTRY says 503 Service Unavailable; UNAVAILABLE: down for maintenance`, ""},
	{"broken", "FAULT=broken pull REGISTRY/app:latest", exitNetwork, `network failure: REGISTRY says 500 Internal Server Error`, ""},
	{"hangs up", "FAULT=hang-up pull REGISTRY/app:latest", exitNetwork, `network failure: .*EOF`, ""},
	{"nobody there", "build 127.0.0.1:1/x:1", exitNetwork, `network failure: .*127.0.0.1:1.*connection refused`, ""},
	{"no such host", "pull LONGNAME.example/x:1", exitNetwork, `network failure: .*no such host`, `check the name of the host, and that this machine resolves names`},
	{"certificate of nobody", "pull UNTRUSTED/x:1", exitNetwork, `network failure: .*certificate signed by unknown authority`, `give the certificate of the registry's authority by --ca-file, or install it on this machine`},
	{"certificate of somebody else", "pull --ca-file OTHERCA UNTRUSTED/x:1", exitNetwork, `network failure: .*certificate signed by unknown authority`, `--ca-file`},
	{"certificate for another name", "pull localhost:UNTRUSTEDPORT/x:1", exitNetwork, `network failure: .*certificate is valid for .*, not localhost`, `the registry's certificate is not valid for it; see --ca-file and --insecure-skip-verify localhost`},

	{"lies about a manifest's digest", "FAULT=manifest-digest pull REGISTRY/app:latest", exitOther, `read manifest sha256:[0-9a-f]+: invalid image: its digest is sha256`, ""},
	{"lies about a media type", "FAULT=manifest-type pull REGISTRY/app:latest", exitOther, `is not of the media type "application/vnd.oci.image.index.v1\+json" that it is said to be`, ""},
	{"lies about a layer", "FAULT=layer-digest pull REGISTRY/app:latest", exitOther, `blob does not match its digest`, ""},
	{"lies about a length", "FAULT=layer-short pull REGISTRY/app:latest", exitOther, `the registry has [0-9]+ bytes where the manifest says [0-9]+`, ""},
	{"sends more than it should", "FAULT=layer-long pull REGISTRY/app:latest", exitOther, `sends more than the [0-9]+ bytes of the manifest|it is longer than`, ""},
	{"sends less than it should", "FAULT=layer-cut-short pull REGISTRY/app:latest", exitNetwork, `after [0-9]+ of [0-9]+ bytes`, ""},
	{"sends us elsewhere", "FAULT=layer-elsewhere pull REGISTRY/app:latest", exitNetwork, `refused to go on to 169.254.169.254`, ""},

	{"no daemon", "pull docker-daemon:alpine --docker-host unix://HERE/none.sock", exitNetwork, `the docker daemon was not reached`, `start the docker daemon, or name another daemon's address`},
	{"no address of a daemon", "pull docker-daemon:alpine --docker-host nonsense", exitUsage, `bad address of a docker daemon`, ""},
}

// offlineFailures are what --offline cannot do.
var offlineFailures = []failure{
	{"offline, and never pulled", "pull --offline REGISTRY/never:1", exitNotFound, `offline, and the store does not have what REGISTRY/never:1 means`, `pull it while there is a network: banger pull REGISTRY/never:1`},
	{"offline, and no such digest", "build --offline REGISTRY/app@sha256:NODIGEST", exitNotFound, `offline, and the store does not have manifest sha256:NODIGEST`, `pull it while there is a network`},
	{"offline, and a layer lacks", "BANGER_STORE=lacking build --offline REGISTRY/app:latest", exitNotFound, `offline, and the store does not have 3 of its 3 layers: sha256:[0-9a-f]+ \([0-9]+ bytes\), `, ``},
	{"offline, and the config lacks", "BANGER_STORE=unconfigured build --offline REGISTRY/app:latest", exitNotFound, `offline, and the store does not have config sha256:[0-9a-f]+ \([0-9]+ bytes\)`, `pull it while there is a network`},
	{"offline, and only the daemon has it", "pull --offline docker-daemon:alpine", exitNotFound, `what only the docker daemon has: it would be asked over a socket`, ""},
	{"offline, and bad", "pull --offline UPPER/case", exitUsage, `bad image reference`, `oci:DIR`},
}
