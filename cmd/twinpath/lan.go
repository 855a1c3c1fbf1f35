package main

import (
	"context"
	"log/slog"
	"sync/atomic"

	"github.com/twinpath/twinpath/lan"
	"github.com/twinpath/twinpath/router"
)

// steward has the house served with addresses and names as the configuration in force wants it, while this router is the one
// that serves. Make it with newSteward.
type steward struct {
	server *lan.Server
	links  func() ([]router.Link, error)
	view   func() (*router.Snapshot, <-chan struct{})
	log    *slog.Logger

	config atomic.Pointer[router.Config]
	news   chan struct{} // of one: configuration or interfaces may have changed
}

func (h *household) newSteward(cfg router.Config) *steward {
	s := &steward{
		server: lan.New(h.keeper.State, h.record, h.log),
		links:  h.kernel.Links, view: h.router.Snapshot, log: h.log, news: make(chan struct{}, 1),
	}
	s.Use(cfg)
	return s
}

// Use makes a configuration the one that counts. It never blocks.
func (s *steward) Use(cfg router.Config) {
	s.config.Store(&cfg)
	s.Look()
}

// Look has the steward look at the interfaces again. It never blocks.
func (s *steward) Look() {
	select {
	case s.news <- struct{}{}:
	default: // it looks soon
	}
}

// Run tells the server what to serve until ctx ends.
func (s *steward) Run(ctx context.Context) error {
	var house router.Link
	for {
		cfg := s.config.Load()
		snap, changed := s.view()
		s.server.Want(lan.For(*cfg, house, snap))
		if !lan.Asked(cfg.LAN) {
			changed = nil // nothing to be woken for
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		case <-s.news:
			house = s.house()
		}
	}
}

// house is the interface of the house's side; the zero value while it is not there.
func (s *steward) house() router.Link {
	l := s.config.Load().LAN
	if !lan.Asked(l) {
		return router.Link{}
	}
	links, err := s.links()
	if err != nil {
		s.log.Warn("interfaces not listed", "err", err)
		return router.Link{}
	}
	link, _ := l.Link(links)
	return link
}
