package door

import (
	"container/list"
	"net/netip"
	"time"
)

// The limits of those who guess, all chosen here: whoever has two passwords in mind and a clumsy thumb never waits;
// a machine gets some 1,500 tries a day.
const (
	freeTries = 5
	firstWait = time.Second
	longWait  = time.Minute
	forgotten = time.Hour // without a try
	sources   = 4096      // that are remembered
)

// backoff counts wrong passwords by where they came from.
type backoff struct {
	byName map[string]*list.Element // of *guesser
	recent list.List                // the newest first
}

type guesser struct {
	name   string
	wrong  int
	before time.Time // the free tries are used up: none before this
	seen   time.Time
}

// house is who an address counts as: in IPv6 a single device has a whole /64 to choose from.
func house(source netip.Addr) string {
	source = source.Unmap().WithZone("")
	if source.Is6() {
		if p, err := source.Prefix(64); err == nil {
			return p.String()
		}
	}
	return source.String()
}

// charge counts a try as wrong before anybody knows, so that a thousand at once are not a thousand free ones. It returns how
// many there were before.
func (b *backoff) charge(now time.Time, name string) (int, error) {
	g := b.guesser(now, name)
	if left := g.before.Sub(now); left > 0 {
		return g.wrong, Wait{After: left}
	}
	g.wrong++
	g.seen = now
	if over := g.wrong - freeTries; over >= 0 {
		g.before = now.Add(min(firstWait<<min(over, 10), longWait))
	}
	return g.wrong - 1, nil
}

// guesser finds or remembers one; the one who was quiet for longest makes room.
func (b *backoff) guesser(now time.Time, name string) *guesser {
	if e := b.byName[name]; e != nil {
		b.recent.MoveToFront(e)
		g := e.Value.(*guesser)
		if now.Sub(g.seen) > forgotten {
			*g = guesser{name: name}
		}
		return g
	}
	if b.byName == nil {
		b.byName = map[string]*list.Element{}
	}
	if last := b.recent.Back(); len(b.byName) >= sources {
		delete(b.byName, b.recent.Remove(last).(*guesser).name)
	}
	g := &guesser{name: name, seen: now}
	b.byName[name] = b.recent.PushFront(g)
	return g
}

// keepsTrying reports whether somebody has to wait before the next try.
func (b *backoff) keepsTrying(name string) bool {
	e := b.byName[name]
	return e != nil && e.Value.(*guesser).wrong >= freeTries
}

// refund takes a charge back: nobody looked at that password.
func (b *backoff) refund(name string) {
	if e := b.byName[name]; e != nil {
		g := e.Value.(*guesser)
		g.wrong = max(0, g.wrong-1)
		g.before = time.Time{}
	}
}

// forgive forgets one who knew the password.
func (b *backoff) forgive(name string) {
	if e := b.byName[name]; e != nil {
		b.recent.Remove(e)
		delete(b.byName, name)
	}
}
