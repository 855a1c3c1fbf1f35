package main

import (
	"context"
	"time"

	"github.com/twinpath/twinpath/alert/channel"
	"github.com/twinpath/twinpath/internal/road"
	"github.com/twinpath/twinpath/router"
)

// ways are the lines that something may be sent by now, the best first. A router without lines leaves it to the machine.
func ways(s *router.Snapshot, cfg *router.Config) []channel.Way {
	if len(s.WANs) == 0 {
		return []channel.Way{{}}
	}
	var all []channel.Way
	for _, r := range road.Working(s, cfg) {
		all = append(all, channel.Way{Name: r.Name, Dial: r.Dial})
	}
	return all
}

func (h *household) ways() []channel.Way {
	s, _ := h.router.Snapshot()
	return ways(s, h.page.Config())
}

// send hands a message to the service that a URL names, by a line.
func send(ctx context.Context, url string, way channel.Way, m channel.Message) error {
	c, err := channel.Parse(url)
	if err != nil {
		return err
	}
	return c.Send(ctx, way, m)
}

// testAlert sends one message to a channel that need not be configured, by the first line that takes it.
func (h *household) testAlert(ctx context.Context, url string) (err error) {
	all := h.ways()
	if len(all) == 0 {
		all = []channel.Way{{}} // it may be in the house
	}
	for _, way := range all {
		m := channel.Message{
			Title: "A test of " + hostname(), Text: "This is how " + hostname() + " would tell you that a line is down. Nothing is wrong.",
			Priority: channel.Normal, ID: "test-" + time.Now().UTC().Format("20060102T150405"),
		}
		if err = send(ctx, url, way, m); err == nil {
			return nil
		}
	}
	return err
}
