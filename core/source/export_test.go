package source

import "time"

// DaemonError is what [Open] makes of an error of the daemon package.
var DaemonError = daemonError

// WithRetry returns o with another pace of retries and another limit for
// stalled transfers; zero is the default.
func WithRetry(o Options, first, stall time.Duration) Options {
	o.retry = retryPolicy{first: first, stall: stall}
	return o
}
