// Package front keeps the page's sockets open and has a process without privileges serve them.
//
// Attendant is the daemon's end: Doors are the sockets, each bound to a device of the house, Papers the certificate, child one
// process. Inherited is the process's end: what it finds open. web/site is what it does with that.
package front

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

// Attendant keeps the page's sockets open and a process without privileges at work on them. The sockets are the daemon's, so that
// a browser that comes while that process starts anew only waits. Make it with New; the other exported fields are set before Run.
type Attendant struct {
	Handler http.Handler  // what the process may ask for
	Origin  func() Origin // what the configuration does not say about itself

	doors   *Doors
	papers  *Papers // the certificate
	version string
	log     *slog.Logger

	config atomic.Pointer[router.Config]
	news   chan struct{} // of one: something may have changed

	child   *child
	wait    time.Duration // before the next start
	soonest time.Time     // of the next start
}

// Origin is where a configuration comes from.
type Origin struct {
	Setup    bool   // it is setup mode's
	Hostname string // the machine's
}

// OwnProgram is this very program, not what is at its path: another version may be there by now.
const OwnProgram = "/proc/self/exe"

// New returns an attendant of a daemon of that version. It opens and starts nothing.
func New(d *Doors, p *Papers, version string, log *slog.Logger) *Attendant {
	return &Attendant{doors: d, papers: p, version: version, log: log, news: make(chan struct{}, 1), wait: firstPause}
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
func (a *Attendant) Use(cfg router.Config) {
	a.config.Store(&cfg)
	a.Look()
}

// Look has the attendant look at interfaces and addresses again. It never blocks.
func (a *Attendant) Look() {
	select {
	case a.news <- struct{}{}:
	default: // it looks soon
	}
}

// Run serves the page until ctx ends.
func (a *Attendant) Run(ctx context.Context) error {
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
func (a *Attendant) settle(ctx context.Context) time.Duration {
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
func (a *Attendant) Settings() web.Settings {
	cfg := a.config.Load()
	if cfg == nil {
		return web.Settings{}
	}
	from := a.Origin()
	s := web.Settings{
		Router: cfg.Name, Version: a.version, Setup: from.Setup, Password: cfg.Web.Password != "", TLS: len(cfg.Web.TLS) > 0,
		Peer: cfg.Pair.Peer, Names: namesOf(*cfg, from.Hostname), URLs: URLs(*cfg), Own: own(*cfg),
	}
	if s.TLS {
		var err error
		if s.Certificate, s.Key, s.Fingerprint, err = a.papers.get(addressesOf(*cfg), s.Names); err != nil {
			a.log.Error("no certificate for the page", "err", err)
		}
	}
	return s
}

// Config is the configuration in force: also right after Use. It is nil before the first.
func (a *Attendant) Config() *router.Config { return a.config.Load() }

// Serves reports whether the page is at an address in the configuration in force.
func (a *Attendant) Serves(at netip.Addr) bool {
	cfg := a.config.Load()
	return cfg != nil && slices.Contains(addressesOf(*cfg), at)
}

// Password is the bcrypt hash in force; empty: nobody can log in.
func (a *Attendant) Password() string {
	if cfg := a.config.Load(); cfg != nil {
		return cfg.Web.Password
	}
	return ""
}

// lost notes that the process has ended by itself.
func (a *Attendant) lost() {
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
