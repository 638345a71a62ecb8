package sdktest

import "errors"

// mountTiny fails: a small filesystem in memory takes Linux.
func mountTiny(string) error { return errors.ErrUnsupported }

func unmountTiny(string) error { return errors.ErrUnsupported }
