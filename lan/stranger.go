package lan

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/twinpath/twinpath/router"
)

// Times of the look for other DHCP servers, chosen here: two questions each five minutes disturb nobody, and an owner who has switched the
// other one off waits for two minutes at most.
const (
	lookEvery = 5 * time.Minute
	lookAgain = time.Minute      // while there is another one
	lookOnce  = 10 * time.Second // when it did not answer
	lookSoon  = time.Second      // when it could not be looked
	lookTries = 5                // in a row, before addresses are handed out all the same
)

// Watched says where to look for other DHCP servers. The zero value means nowhere.
type Watched struct {
	Device  string // kernel name of the house's side
	Carrier bool
	Ours    []netip.Addr // addresses of this router, of the other one of the pair and of both
}

// Lookout looks in the house for DHCP servers that are not ours: where there is one, no other may answer, for devices would get a gateway
// by chance. Both routers of a pair look all the time, so that who takes over knows already and serves at once.
type Lookout struct {
	look   func(ctx context.Context, device string) ([]router.Stranger, error) // takes seconds
	record func(router.Event)                                                  // must not block
	noted  func()                                                              // must not block: the view has changed
	log    *slog.Logger

	wishes chan Watched // of one: the latest wins
	view   atomic.Pointer[sighting]

	// Run's own.
	now    Watched
	silent int // looks in a row that a known stranger did not answer
	failed int // looks in a row that could not be
}

// sighting is what is known of the house.
type sighting struct {
	device   string // where it was looked
	stranger *router.Stranger
}

// NewLookout returns a Lookout that sees nothing until Run. Record and noted, which is called when View has changed, must not block.
func NewLookout(look func(context.Context, string) ([]router.Stranger, error), record func(router.Event), noted func(), log *slog.Logger) *Lookout {
	return &Lookout{look: look, record: record, noted: noted, log: log, wishes: make(chan Watched, 1)}
}

// View returns the other DHCP server on a device, if there is one, and whether anybody has looked there yet. It is safe for concurrent use.
func (l *Lookout) View(device string) (stranger *router.Stranger, looked bool) {
	if v := l.view.Load(); v != nil && v.device == device {
		return v.stranger, true
	}
	return nil, false
}

// Want says where to look from now on. It never blocks; the latest wins.
func (l *Lookout) Want(w Watched) {
	for {
		select {
		case l.wishes <- w:
			return
		case <-l.wishes:
		}
	}
}

// Run looks until ctx ends.
func (l *Lookout) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case w := <-l.wishes:
			if !l.turn(w) {
				continue
			}
		case <-timer.C:
		}
		timer.Reset(l.visit(ctx))
	}
}

// turn takes a wish over, and reports whether to look at once: in another place, or behind a cable that was put in.
func (l *Lookout) turn(w Watched) bool {
	before := l.now
	l.now = w
	return w.Device != before.Device || w.Carrier && !before.Carrier
}

// visit looks once, and returns when to look again.
func (l *Lookout) visit(ctx context.Context) time.Duration {
	if l.now.Device == "" {
		l.view.Store(nil)
	}
	if l.now.Device == "" || !l.now.Carrier { // nobody could get an address either
		return lookEvery
	}
	all, err := l.look(ctx, l.now.Device)
	if ctx.Err() != nil {
		return lookEvery
	}
	known, looked := l.View(l.now.Device)
	if err != nil {
		if l.failed++; l.failed < lookTries { // the interface has just come, or goes
			return lookSoon
		}
		l.log.Warn("other DHCP servers are not looked for", "err", err)
		if !looked { // the house gets no addresses otherwise
			l.see(nil)
		}
		return lookAgain
	}
	l.failed = 0
	all = slices.DeleteFunc(all, func(s router.Stranger) bool { return slices.Contains(l.now.Ours, s.Server) })
	switch {
	case len(all) > 0:
		l.found(all[0], known)
	case known != nil:
		if l.silent++; l.silent < 2 { // it may have been busy
			return lookOnce
		}
		l.see(nil)
		l.say(fmt.Sprintf("The other DHCP server in the house, %s, does not answer any more: this router may hand out addresses again.", known.Server))
	case !looked:
		l.see(nil)
	}
	l.silent = 0
	if s, _ := l.View(l.now.Device); s != nil {
		return lookAgain
	}
	return lookEvery
}

// found takes another DHCP server in. Of several the first one that answers is named.
func (l *Lookout) found(s router.Stranger, known *router.Stranger) {
	s.Seen = time.Now().UTC()
	l.see(&s)
	if known == nil || known.Server != s.Server || known.MAC != s.MAC {
		l.say(Foreign(s))
	}
}

// Foreign is what the owner should know of another DHCP server.
func Foreign(s router.Stranger) string {
	return fmt.Sprintf("Another DHCP server answers in the house: %s (%s). This router hands out no addresses as long as it does, and still answers names. "+
		"Keep one of the two: switch the other one's DHCP server off, or take dhcp out of [lan] here.", s.Server, s.MAC)
}

func (l *Lookout) see(s *router.Stranger) {
	l.view.Store(&sighting{device: l.now.Device, stranger: s})
	l.noted()
}

func (l *Lookout) say(sentence string) {
	l.record(router.Event{Time: time.Now(), Kind: router.EventRouter, Blame: router.BlameOther, Sentence: sentence})
}
