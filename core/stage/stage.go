// Package stage lays a tree out as a directory, for builders that want one,
// and takes such directories away again.
//
// Everything happens below one directory, reached through descriptors: each
// component of a path is opened by itself and never through a symlink, so no
// tree can reach outside, and paths may be longer than the kernel takes at
// once. Contents of a tree are never linked together unless the tree says so.
//
// A staged directory is scratch: nothing is synced, and a failed or
// interrupted [Dir] leaves what it had made for [Remove]. It may hold setuid
// files and the like, so its parent must be a directory that only its owner
// can enter.
//
// What a Linux directory cannot hold is no loss: the mode of a symlink, which
// is 0777 whatever the tree says, and access and change times, which a tree
// does not have (access times are set to the modification time).
//
// Staging takes Linux: elsewhere a directory may take two names for one, has
// other xattrs and no device numbers of Linux.
package stage

import "banger/internal/sparse"

// Revision is part of the cache key of what is built from staged directories.
// It goes up when an equal tree is staged differently.
const Revision = 1

// ErrContent is wrapped by the error of [Dir] about a file whose pack does
// not hold the content that the tree says.
var ErrContent = sparse.ErrContent

// Capabilities say what faithful staging in some directory can do for this
// process. They are part of the cache key of what depends on it, as JSON, so
// the names of the fields stay as they are.
type Capabilities struct {
	UID           int    `json:"uid"` // effective
	GID           int    `json:"gid"`
	IDMap         string `json:"id_map,omitempty"` // what a user namespace maps: "FIRST+COUNT …/FIRST+COUNT …"
	Chown         bool   `json:"chown"`            // owners and modes are kept
	Mknod         bool   `json:"mknod"`            // devices
	UserXattr     bool   `json:"user_xattr"`       // user.*, on files and directories
	TrustedXattr  bool   `json:"trusted_xattr"`    // trusted.*
	SecurityXattr bool   `json:"security_xattr"`   // security.*
	FileCaps      bool   `json:"file_caps"`        // security.capability
	ACL           bool   `json:"acl"`              // system.posix_acl_*
	FullTimes     bool   `json:"full_times"`       // nanoseconds, and times past 2038
	Label         string `json:"label,omitempty"`  // "NAME=VALUE" of xattrs that the host puts on every file
}
