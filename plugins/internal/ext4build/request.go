// Package ext4build is what all builders of ext4 images share, however they
// make them.
package ext4build

import (
	"banger/plugins/internal/imagebuild"
	"banger/sdk"
)

// MediaType of the images.
const MediaType = "application/vnd.banger.image.ext4"

// WhyTime is the reason of losses of times before 1901 and after 2446.
const WhyTime = "ext4 cannot hold this time"

// UUID derives a UUID for a purpose from what the image of req is made of by
// the named builder.
func UUID(req *sdk.Request, purpose, builder string) [16]byte {
	return imagebuild.DeriveUUID(req, "ext4", purpose, builder)
}
