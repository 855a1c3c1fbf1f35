// Package alert tells the people of the house of incidents: once, at the right time, over whichever line works.
//
// A Machine (pure) makes letters of incidents, an Outbox (pure) keeps each until every channel has taken it, and the Desk is the one
// loop around both: it puts letters on a Shelf before the first try, sends them line by line, and in a pair hands them to the router
// that serves the house, so that one of the two tells.
package alert

import (
	"context"
	"log/slog"
	"time"

	"github.com/twinpath/twinpath/alert/channel"
	"github.com/twinpath/twinpath/router"
)

// Ports are what a Desk needs of the world.
type Ports struct {
	Source Source
	Shelf  Shelf
	// Ways are the lines that work, the best one first; one without a name on a router that has no lines.
	Ways func() []channel.Way
	// Send hands one message to the service that a URL names. Its errors hold no secret. One that has Permanent() true says that
	// the next try will be refused like this one.
	Send func(ctx context.Context, url string, way channel.Way, m channel.Message) error
	Peer Peer                    // the other router of a pair; nil: letters are never handed over
	Tell func(router.AlertsView) // must not block
	Now  func() time.Time        // with the monotonic clock; nil: time.Now
	Log  *slog.Logger
}

// Source is the router as the Desk watches it.
type Source interface {
	// Snapshot returns the newest view and a channel that is closed when there is a newer one.
	Snapshot() (*router.Snapshot, <-chan struct{})
}

// Shelf keeps small things over restarts and power cuts.
type Shelf interface {
	Put(key string, value []byte) error // durable when it returns nil
	Drop(key string) error
	All() ([]Item, error) // the oldest first
}

// Item is one thing on a Shelf.
type Item struct {
	Key   string
	Value []byte
}

// Peer is the other router of the pair.
type Peer interface {
	// Forward has the other router's Desk Receive a Bundle, and returns its Receipt, both as JSON.
	Forward(ctx context.Context, bundle []byte) (receipt []byte, err error)
}

// TestResult is what became of a test message.
type TestResult struct {
	Name string // of the channel, without its secrets
	Err  error
}
