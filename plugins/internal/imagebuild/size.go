package imagebuild

import "banger/sdk"

// IgnoreSize warns whoever asked for a size of what has none but that of its
// content: an image of the named format.
func IgnoreSize(req *sdk.Request, format string) {
	if req.Size.Bytes > 0 || req.Size.Inodes > 0 {
		req.Log(sdk.LogWarn, "%s is as large as its content: the size that was asked for is ignored", format)
	}
}
