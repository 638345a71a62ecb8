package e2fsprogs

import "context"

// Fsck checks the image and changes nothing. Anything that e2fsck would
// repair is an error.
func Fsck(ctx context.Context, t Tools, image string) error {
	out, err := run(ctx, command{path: t.Fsck, args: []string{"-f", "-n", image}, env: []string{"E2FSCK_CONFIG=/dev/null"}, log: t.Log})
	if err != nil {
		return failure(ctx, FsckName, image, err, out)
	}
	return nil
}
