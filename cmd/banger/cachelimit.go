package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"banger/cas"
	"banger/core"
	"banger/sdk"
)

const cacheLimitName = "cache-max-size"

func cacheLimitFlag() cli.Flag {
	return &cli.StringFlag{Name: cacheLimitName, EnvVars: env(cacheLimitName), Usage: "afterwards, remove what was used least recently until the store takes at most `SIZE`"}
}

func cacheLimit(c *cli.Context) (int64, error) { return sizeFlag(c, cacheLimitName) }

// limitTime is how long a command takes at most to bring the store back within
// its limit. What is left the next one does.
const limitTime = 10 * time.Second

// keepWithin removes from the store what is over the limit, as far as it goes:
// what was asked for is done, so nothing here is an error.
func (s *session) keepWithin(ctx context.Context, limit int64) {
	if limit == 0 {
		return
	}
	bounded, cancel := context.WithTimeout(ctx, limitTime)
	defer cancel()
	o := cas.GCOptions{References: core.References{}, Grace: cas.DefaultGrace, MaxSize: limit, IfOver: true, NoWait: true}
	res, err := s.store.GC(bounded, o)
	if err != nil && !errors.Is(err, cas.ErrBusy) && bounded.Err() == nil {
		s.ui.Log(sdk.LogWarn, fmt.Sprintf("the store was not brought within %s: %s", bytesText(limit), err))
		return
	}
	if n := res.Total(); n.Count > 0 {
		s.ui.Log(sdk.LogInfo, fmt.Sprintf("removed %s from the store, which may take %s", bytesText(n.Bytes), bytesText(limit)))
	}
}
