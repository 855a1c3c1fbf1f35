package main

import (
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/twinpath/twinpath/pair/link"
	"github.com/twinpath/twinpath/router"
)

// lending tells the other router how this one's own lines are, and hears how that one's are. It is a topic of the couple.
type lending struct {
	log *slog.Logger

	mu     sync.Mutex
	lines  []router.PartnerLine // the newest of this router; nil: it has not said
	theirs []router.PartnerLine // of the other one; nil: it has not said
	send   func(link.Kind, []byte)
	at     time.Time // when they were last sent
}

// again is how soon the same is said again. Chosen here: a message that the other router could not read for being older or newer is no reason
// for it to go by what was before for long.
const again = 5 * time.Second

// Offer takes how this router's own lines are. It is called from the router's loop, before that acts upon it, and never blocks.
func (l *lending) Offer(lines []router.PartnerLine) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = lines
	l.say(time.Now())
}

// Up has the other router hear at once.
func (l *lending) Up(_ link.Session, send func(link.Kind, []byte)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.send = send
	l.say(time.Now())
}

// Look says it again from time to time.
func (l *lending) Look(now time.Time, _ *router.Snapshot) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.at) >= again {
		l.say(now)
	}
}

// Hear takes the other router's lines.
func (l *lending) Hear(_ time.Time, kind link.Kind, body []byte) {
	if kind != link.Lines {
		return
	}
	lines, err := router.ParseLines(body)
	if err != nil {
		l.log.Warn("what the other router says of its lines is not believed", "err", err)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.theirs = lines
}

// Lines are the other router's own, as it said last; nil: it never has.
func (l *lending) Lines() []router.PartnerLine {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.theirs
}

// Down forgets how messages get to the other router.
func (l *lending) Down() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.send = nil
}

// leans reports whether new connections of the house go by the other router's lines, too: by everybody's way, or by a policy.
func leans(cfg router.Config, s *router.Snapshot) bool {
	return slices.ContainsFunc(s.WANs, func(w router.WANSnapshot) bool {
		named := slices.ContainsFunc(cfg.Policies, func(p router.Policy) bool { return slices.Contains(p.WANs, w.Name) })
		return w.Kind == router.Peer.String() && (w.Active || named)
	})
}

// say sends, where somebody hears it and there is something to say.
func (l *lending) say(now time.Time) {
	if l.send == nil || l.lines == nil {
		return
	}
	body, err := router.FormatLines(l.lines)
	if err != nil {
		l.log.Error("the other router is not told of this one's lines", "err", err)
		return
	}
	l.at = now
	l.send(link.Lines, body)
}
