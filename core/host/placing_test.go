package host

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"

	"banger/sdk"
)

// placers are builders that say what they leave out before they write their
// image, which has 5 bytes.
var placers = map[string]func(context.Context, *sdk.Request) error{
	"places-and-changes": func(_ context.Context, req *sdk.Request) error {
		if err := place(req, 5, sdk.Body{Offset: 1, PackOffset: 2, Length: 3}); err != nil {
			return err
		}
		untilHeard(req)
		return errors.Join(os.WriteFile(req.BodiesPath, []byte("garbage"), 0o600), writeImage(req))
	},
	"places-twice": func(_ context.Context, req *sdk.Request) error {
		err := place(req, 5, sdk.Body{Length: 3})
		req.Events.Placed(5)
		return errors.Join(err, writeImage(req))
	},
	"places-nothing": func(_ context.Context, req *sdk.Request) error {
		req.Events.Placed(5)
		return writeImage(req)
	},
	"places-an-empty": func(_ context.Context, req *sdk.Request) error {
		return errors.Join(place(req, 5), writeImage(req))
	},
	"places-garbage": func(_ context.Context, req *sdk.Request) error {
		err := os.WriteFile(req.BodiesPath, []byte("garbage"), 0o600)
		req.Events.Placed(5)
		return errors.Join(err, writeImage(req))
	},
	"places-beyond": func(_ context.Context, req *sdk.Request) error {
		return errors.Join(place(req, 3, sdk.Body{Length: 4}), writeImage(req))
	},
	"places-in-no-pack": func(_ context.Context, req *sdk.Request) error {
		return errors.Join(place(req, 5, sdk.Body{PackOffset: 7, Length: 4}), writeImage(req))
	},
	"places-in-another": func(_ context.Context, req *sdk.Request) error {
		return errors.Join(place(req, 50, sdk.Body{Length: 4}), writeImage(req))
	},
	"places-and-fails": func(_ context.Context, req *sdk.Request) error {
		return errors.Join(place(req, 5, sdk.Body{Length: 4}), errors.New("it can no more"))
	},
	"places-and-dies": func(_ context.Context, req *sdk.Request) error {
		if err := place(req, 5, sdk.Body{Length: 4}); err != nil {
			return err
		}
		untilHeard(req)
		return syscall.Kill(os.Getpid(), syscall.SIGKILL)
	},
	"places-unasked-for": func(_ context.Context, req *sdk.Request) error {
		req.Events.Placed(5)
		return writeImage(req)
	},
}

func place(req *sdk.Request, size int64, list ...sdk.Body) error {
	f, err := os.Create(req.BodiesPath)
	if err != nil {
		return err
	}
	err = errors.Join(sdk.WriteBodies(f, list), f.Close())
	req.Events.Placed(size)
	return err
}

func writeImage(req *sdk.Request) error { return os.WriteFile(req.Output, []byte("image"), 0o600) }

// heard is what a test makes once it has heard of what a builder places.
func heard(req *sdk.Request) string { return req.Output + ".heard" }

func untilHeard(req *sdk.Request) {
	for {
		if _, err := os.Stat(heard(req)); err == nil {
			return
		}
		time.Sleep(time.Millisecond)
	}
}
