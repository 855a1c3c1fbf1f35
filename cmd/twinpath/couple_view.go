package main

import (
	"encoding/json"
	"log/slog"
	"net/netip"
	"time"

	twin "github.com/twinpath/twinpath/pair"
	"github.com/twinpath/twinpath/pair/link"
	"github.com/twinpath/twinpath/router"
)

// sights is what the two routers of a pair show each other: how each is, and how each is set up. It is a topic.
type sights struct {
	watch  *twin.Watch
	config func() *router.Config
	tell   func(router.Fact) // must not block
	log    *slog.Logger

	send   func(link.Kind, []byte) // nil: not linked
	viewer twin.Viewer
	next   time.Time
	ours   *router.Config // that the other router knows
	theirs *twin.Digest   // nil: not told yet
	found  bool           // differences have been told
}

func (h *household) newSights(config func() *router.Config) *sights {
	return &sights{watch: h.tellers.watch, config: config, tell: func(f router.Fact) { h.router.Tell(f) }, log: h.log}
}

// Up implements topic.
func (s *sights) Up(_ link.Session, send func(link.Kind, []byte)) {
	s.send, s.next, s.ours, s.theirs = send, time.Time{}, nil, nil
	s.viewer.Anew()
}

// Hear implements topic.
func (s *sights) Hear(_ time.Time, kind link.Kind, body []byte) {
	var err error
	switch kind {
	case link.View:
		err = s.watch.Hear(body, s.own())
	case link.Digest:
		var d twin.Digest
		if d, err = twin.ReadDigest(body); err == nil {
			s.theirs = &d
			s.compare()
		}
	}
	if err != nil {
		s.log.Warn("the other router says something odd", "err", err)
	}
}

func (s *sights) own() netip.Addr { return s.config().LAN.Address.Addr() }

// Look implements topic.
func (s *sights) Look(now time.Time, snapshot *router.Snapshot) {
	if s.send == nil {
		return
	}
	if cfg := s.config(); cfg != s.ours {
		text, err := json.Marshal(twin.DigestOf(*cfg, version))
		if err == nil {
			s.send(link.Digest, text)
		}
		s.ours = cfg
		s.compare()
	}
	if now.Before(s.next) {
		return
	}
	text, next := s.viewer.View(now, snapshot)
	if text != nil {
		s.send(link.View, text)
	}
	s.next = earlier(next, now.Add(time.Second)) // news must not wait for figures
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// compare says what does not fit together.
func (s *sights) compare() {
	if s.theirs == nil {
		return
	}
	s.found = true
	s.tell(router.DifferencesSeen{Sentences: twin.Differences(twin.DigestOf(*s.config(), version), *s.theirs)})
}

// Down implements topic. What has been found stays as long as there is a pair: nobody has mended it.
func (s *sights) Down() {
	s.send = nil
	s.watch.Part()
	if cfg := s.config(); s.found && !paired(cfg) {
		s.found = false
		s.tell(router.DifferencesSeen{})
	}
}
