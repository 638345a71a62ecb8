// Package source opens an image reference and gives the manifest, the config
// and the layer streams of one image for one platform. References name
// images in registries, OCI layouts (directories and archives), archives of
// docker save, and the image store of a local docker daemon.
//
// What holds: every manifest, index and config has the digest and the size by
// which it was named; every list and document from outside is bounded; a
// [Manifest] is an image that this module can unpack (known media types, no
// encrypted or foreign layers, as many diffIDs as layers). What does not
// hold: layer bytes are handed on as they come. Whoever reads them checks
// digest, size and diffID.
//
// The package prints nothing, and reads the environment only where a default
// of [Options] says so: proxies in the default transport
// ([net/http.ProxyFromEnvironment]), TMPDIR without a TempDir.
package source
