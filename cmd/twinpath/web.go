package main

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/web"
)

// attendant keeps the page's sockets open and a process without privileges at work on them. The sockets are the daemon's, so that
// a browser that comes while that process starts anew only waits. Make it with newAttendant.
type attendant struct {
	doors   *doors
	papers  *papers      // the certificate
	handler http.Handler // what the process may ask for
	program string       // of the process
	origin  func() origin
	log     *slog.Logger

	config atomic.Pointer[router.Config]
	news   chan struct{} // of one: something may have changed

	child   *child
	wait    time.Duration // before the next start
	soonest time.Time     // of the next start
}

// origin is what the configuration does not say about itself.
type origin struct {
	setup    bool
	hostname string
}

// ownProgram is this very program, not what is at its path: another version may be there by now.
const ownProgram = "/proc/self/exe"

func newAttendant(d *doors, p *papers, log *slog.Logger) *attendant {
	return &attendant{doors: d, papers: p, program: ownProgram, log: log, news: make(chan struct{}, 1), wait: firstPause}
}

// Chosen here. settling lets the answer to "use another configuration" reach the browser before its process is replaced, and
// merges the news of a change; firstPause and lastPause are between two starts of a process that does not last.
const (
	settling   = 300 * time.Millisecond
	firstPause = 100 * time.Millisecond
	lastPause  = 5 * time.Second
	lasting    = 10 * time.Second // a process that lived as long is no bad start
)

// Use makes a configuration the page's. It never blocks.
func (a *attendant) Use(cfg router.Config) {
	a.config.Store(&cfg)
	a.Look()
}

// Look has the attendant look at interfaces and addresses again. It never blocks.
func (a *attendant) Look() {
	select {
	case a.news <- struct{}{}:
	default: // it looks soon
	}
}

// Run serves the page until ctx ends.
func (a *attendant) Run(ctx context.Context) error {
	defer a.doors.close()
	defer func() { a.child.end() }()
	for {
		again := a.settle(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-a.child.ended():
			a.lost()
			pause(ctx, time.Until(a.soonest))
			continue
		case <-after(again):
			continue
		case <-a.news:
		}
		pause(ctx, settling)
	}
}

// settle makes sockets, settings and process follow the configuration, and returns when to look again; 0 means only at news.
func (a *attendant) settle(ctx context.Context) time.Duration {
	cfg := a.config.Load()
	if ctx.Err() != nil || cfg == nil {
		return 0
	}
	again := a.doors.open(*cfg)
	settings := a.Settings()
	a.papers.show(settings.Fingerprint)
	if len(a.doors.all) == 0 {
		a.child.end()
		a.child = nil
		return again
	}
	if a.child.serves(a.doors.all, settings) {
		return again
	}
	old := a.child
	a.child = a.start(a.doors.all, settings)
	old.end() // it lets go of the sockets when there is somebody else at them
	return again
}

// Settings is what the process has to know, of the configuration in force: also right after Use.
func (a *attendant) Settings() web.Settings {
	cfg := a.config.Load()
	if cfg == nil {
		return web.Settings{}
	}
	from := a.origin()
	s := web.Settings{
		Router: cfg.Name, Version: version, Setup: from.setup, Password: cfg.Web.Password != "", TLS: len(cfg.Web.TLS) > 0,
		Peer: cfg.Pair.Peer, Names: namesOf(*cfg, from.hostname), URLs: urlsOf(*cfg),
	}
	if s.TLS {
		var err error
		if s.Certificate, s.Key, s.Fingerprint, err = a.papers.get(addressesOf(*cfg), s.Names); err != nil {
			a.log.Error("no certificate for the page", "err", err)
		}
	}
	return s
}

// Serves reports whether the page is at an address in the configuration in force.
func (a *attendant) Serves(at netip.Addr) bool {
	cfg := a.config.Load()
	return cfg != nil && slices.Contains(addressesOf(*cfg), at)
}

// password is the bcrypt hash in force; empty: nobody can log in.
func (a *attendant) password() string {
	if cfg := a.config.Load(); cfg != nil {
		return cfg.Web.Password
	}
	return ""
}

// lost notes that the process has ended by itself.
func (a *attendant) lost() {
	lived := time.Since(a.child.began)
	if lived > lasting {
		a.wait = firstPause
	}
	a.log.Warn("the page's process has ended and is started again", "err", a.child.err, "lived", lived.Round(time.Millisecond), "after", a.wait)
	a.child, a.soonest = nil, time.Now().Add(a.wait)
	a.wait = min(2*a.wait, lastPause)
}

// after is a timer that a time of 0 never rings.
func after(d time.Duration) <-chan time.Time {
	if d == 0 {
		return nil
	}
	return time.After(d)
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
