package main

import (
	"context"

	"github.com/twinpath/twinpath/alert/channel"
)

// testAlert sends one message to a channel.
func testAlert(ctx context.Context, url string) error {
	c, err := channel.Parse(url)
	if err != nil {
		return err
	}
	return c.Send(ctx, channel.Way{}, channel.Message{
		Title: "A test of " + hostname(), Text: "This is how " + hostname() + " would tell you that a line is down. Nothing is wrong.",
	})
}
