package main

import (
	"context"
	"flag"
	"net/http"

	"github.com/twinpath/twinpath/alert/channel/shout"
)

// runShout is "twinpath shout", which only package channel starts: one message through shoutrrr, in a process of its own.
func runShout(ctx context.Context, args []string, std stdio) error {
	if _, err := parse(flag.NewFlagSet("shout", flag.ContinueOnError), args, 0, 0); err != nil {
		return err
	}
	return shout.Run(ctx, std.in, std.out, new(http.Transport))
}
