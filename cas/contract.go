package cas

import (
	"context"
	"io"
	"os"

	"github.com/opencontainers/go-digest"
)

// The interfaces below are what the rest of the program asks of a store, each
// with what it may rely on. [Store] is one that has them all; the package
// castest holds an implementation to what is said here.
//
// What is true of each of them: methods may be called from several goroutines
// and for several stores on the same objects at once. An object is absent or
// whole, and never changes under its name. An error of a write that the place
// of the objects is to blame for wraps [ErrReadOnly] or [ErrNoSpace]. A digest
// that is not "sha256:" and 64 lower-case hexadecimal digits is an error, and
// never an [ErrNotFound]. A method that takes a context does nothing more once
// it has ended, and then its error wraps the context's.
var _ interface {
	Blobs
	Layers
	Artifacts
	Actions
} = (*Store)(nil)

// Blobs keeps byte strings under the SHA-256 of their bytes.
type Blobs interface {
	// OpenBlob opens a blob for reading from its beginning; the caller closes
	// it. It stays readable whatever happens to the blob meanwhile. Its
	// content need not be hashed: a caller that knows the size compares it,
	// one that must be sure of the bytes hashes them as it reads, and either
	// hands what is wrong to QuarantineBlob. A blob that is not there is an
	// [ErrNotFound].
	OpenBlob(d digest.Digest) (*os.File, error)
	// ReadBlob returns a blob of at most limit bytes, verified against d. One
	// that does not match is set aside and is an [ErrCorrupt], which is an
	// [ErrNotFound] too; one that is larger is an [ErrTooLarge] and stays.
	ReadBlob(d digest.Digest, limit int64) ([]byte, error)
	// PutBlob stores b and returns its digest. Storing again what is there
	// changes nothing and succeeds. When it returns, the blob is durable. The
	// caller keeps b.
	PutBlob(ctx context.Context, b []byte) (digest.Digest, error)
	// NewBlob begins a blob. Nothing is visible before its Commit.
	NewBlob() (BlobWriter, error)
	// QuarantineBlob takes a blob that was found bad out of the way; why is
	// kept with it. From then on it counts as absent, and the next commit puts
	// a good one in its place. One that is not there is no error.
	QuarantineBlob(d digest.Digest, why error) error
}

// BlobWriter writes one blob, hashing what passes. It ends with Commit or
// Abort, and is not safe for concurrent use.
type BlobWriter interface {
	// Write appends. After an error the blob can only be given up.
	io.Writer
	// Size returns the number of bytes written.
	Size() int64
	// Digest returns the digest of the bytes written.
	Digest() digest.Digest
	// Commit makes the blob durable and visible. want and size say what it
	// must be; "" and -1 leave that open. Anything else, a stream that ended
	// early for one, is an [ErrMismatch], and nothing is stored. A blob that
	// is there already stays the one it is, and is no error; one of the wrong
	// size is replaced. The writer has ended, whatever Commit returns.
	Commit(ctx context.Context, want digest.Digest, size int64) error
	// Abort gives the blob up; nothing of it is left. It does nothing after
	// Commit, so it can be deferred.
	Abort()
}

// Layers keeps unpacked layers, an index and a pack each, under their diffIDs,
// and knows nothing of their content.
type Layers interface {
	// Layer finds an unpacked layer. The caller checks the index's content,
	// and PackSize against it, and hands a layer that is wrong to
	// QuarantineLayer. Its paths are good as long as nobody removes the layer.
	// A layer that is not there is an [ErrNotFound]; one without its files is
	// set aside and is an [ErrCorrupt] too.
	Layer(diffID digest.Digest) (Layer, error)
	// NewLayer begins an unpacked layer. Nothing is visible before its Commit.
	NewLayer() (LayerWriter, error)
	// QuarantineLayer is to a layer what QuarantineBlob is to a blob.
	QuarantineLayer(diffID digest.Digest, why error) error
}

// LayerWriter makes one unpacked layer. It ends with Commit or Abort, and is
// not safe for concurrent use; the two files may be written side by side.
type LayerWriter interface {
	// Index is where the index is written, from its start to its end; see
	// [Classify] for the errors.
	Index() io.Writer
	// Pack is where the pack is written, likewise.
	Pack() io.Writer
	// Commit makes the layer durable and visible under diffID, which the
	// caller has verified. A layer that is there already stays, and is no
	// error. The writer has ended, whatever Commit returns.
	Commit(ctx context.Context, diffID digest.Digest) error
	// Abort gives the layer up; nothing of it is left. It does nothing after
	// Commit, so it can be deferred.
	Abort()
}

// Artifacts keeps images under the digests of their artifact manifests.
type Artifacts interface {
	// Artifact finds an artifact. Its manifest is hashed and its image's size
	// checked; the image's content need not be read. An artifact that is not
	// there, or that needs a layer that is not there as it was, is an
	// [ErrNotFound]; a bad one is set aside and is an [ErrCorrupt] too.
	Artifact(d digest.Digest) (Artifact, error)
	// ArtifactLayers returns the diffIDs of the layers whose packs have bytes
	// of an artifact's image. Whoever must be sure of the image checks them.
	ArtifactLayers(d digest.Digest) ([]digest.Digest, error)
	// Whole returns an artifact that has all of a's image in the file at its
	// Path: a itself, or one that it makes.
	Whole(ctx context.Context, a Artifact) (Artifact, error)
	// NewArtifact begins an artifact. Nothing is visible before its Commit.
	NewArtifact() (ArtifactWriter, error)
	// NewOutput begins the caller's own copy of an artifact that is still to be
	// committed. What is wrong with dst is told by the output's Commit.
	NewOutput(dst string, opts CopyOptions) *Output
	// CopyOut makes the caller's own copy of an artifact's image at dst, all of
	// it, with the same holes. It treats dst as [WriteOutput] does.
	CopyOut(ctx context.Context, a Artifact, dst string, opts CopyOptions) error
	// QuarantineArtifact is to an artifact what QuarantineBlob is to a blob.
	QuarantineArtifact(d digest.Digest, why error) error
}

// ArtifactWriter makes one artifact from a file that someone else writes. It
// ends with Commit or Abort, and is not safe for concurrent use.
type ArtifactWriter interface {
	// Path returns where the image goes: nothing is there, its directory is.
	// What else is left in that directory is removed.
	Path() string
	// Commit takes the finished image, which must be a regular file with one
	// name that nobody writes to any more, hashes it, and makes it durable and
	// visible. Chunks of zeros become holes. An artifact that is there already
	// is no error, and is the one returned: equal images with equal media
	// types are one artifact, whatever wrote them. The writer has ended,
	// whatever Commit returns.
	Commit(ctx context.Context, mediaType string) (Artifact, error)
	// CommitWithout is Commit for an image that lacks some bytes, which lie in
	// packs: the artifact is the image with them. Layers that are not there
	// are an [ErrNotFound]. Equal images with equal bodies in equal layers are
	// one artifact. Without bodies it is Commit.
	//
	// out, if not nil, gets the whole image meanwhile, or what it lacks of that
	// if it has begun; see [Output.Begin]. It tells of what goes wrong with that
	// in its own Commit: the artifact is stored all the same.
	// After an error of CommitWithout it can only be aborted.
	CommitWithout(ctx context.Context, mediaType string, b Bodies, out *Output) (Artifact, error)
	// Abort gives the artifact up; nothing of it is left. It does nothing
	// after Commit, so it can be deferred.
	Abort()
}

// Actions keeps the answers to questions under the digests of the questions.
type Actions interface {
	// Action finds an action by its key. It is a hit only when everything
	// about it is right and all that it names is there. All else is an
	// [ErrNotFound]: an action of another version and one that names an absent
	// artifact or blob stay where they are until PutAction replaces them; a
	// damaged one is set aside and is an [ErrCorrupt] too. Only a failing disk
	// or a missing permission is neither.
	Action(key digest.Digest) (Action, error)
	// PutAction stores a, replacing an older action of the same key. The key
	// must be that of the preimage, which must be canonical; else it is an
	// [ErrMismatch]. The artifact and blobs it names must be there: what is
	// not is an [ErrNotFound]. After an error the older action is as it was.
	// When PutAction returns, the action is durable, and was at no moment
	// durable before what it names.
	PutAction(ctx context.Context, a Action) error
	// QuarantineAction is to an action what QuarantineBlob is to a blob.
	QuarantineAction(key digest.Digest, why error) error
}
