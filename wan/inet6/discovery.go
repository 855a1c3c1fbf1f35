package inet6

import (
	"net/netip"
	"slices"
	"time"
)

// Chosen by us: RFC 4861 §10 asks three times, 4 s apart, and is then silent for ever; RFC 7559 goes on with pauses of up to an
// hour. A house that waits for its Internet asks sooner at first.
const (
	firstSolicit   = time.Second
	longestSolicit = time.Hour
	// grace is how long routers and networks of before have to speak after the carrier came back and somebody else has.
	grace = 3 * time.Second
	// twoHours keeps a forged advert from taking a network away at once (RFC 4862 §5.5.3 e).
	twoHours = 2 * time.Hour
	// omissions is how often a router must speak of its networks without one of them until that is taken as gone: providers change
	// networks without a word on the old one (RFC 8978).
	omissions = 3
	most      = 16 // routers, networks, resolvers: more than any line has
)

// discovery is what routers have advertised, and the asking for more.
type discovery struct {
	routers   []router // in the order of their first advert
	networks  []network
	resolvers []timed
	mtu       int
	managed   bool
	heard     bool // an advert of anybody

	tries int
	next  time.Time // of the next solicitation
	last  time.Time // solicitation
	doubt time.Time // the carrier came back then: what was known before is to be confirmed
	purge time.Time // end of the grace
}

// router is one that advertises itself as a way out.
type router struct {
	address    netip.Addr
	preference int
	until      time.Time // zero: for ever
	seen       time.Time
}

// network is an advertised prefix that we make an address in.
type network struct {
	prefix           netip.Prefix
	onLink           bool
	preferred, valid time.Time // zero: for ever
	by               netip.Addr
	seen             time.Time
	omitted          int // adverts in a row that left it out
}

// timed is an address of a resolver and how long it may be asked.
type timed struct {
	address netip.Addr
	until   time.Time // zero: for ever
}

// after is that many seconds from now; zero for a lifetime without end.
func after(now time.Time, seconds uint32) time.Time {
	if seconds == forever {
		return time.Time{}
	}
	return now.Add(time.Duration(seconds) * time.Second)
}

// left is how long something lasts that ends then; zero is for ever.
func left(t, now time.Time) time.Duration {
	if t.IsZero() {
		return 1<<63 - 1
	}
	return t.Sub(now)
}

// over tells whether a lifetime has ended.
func over(t, now time.Time) bool { return left(t, now) <= 0 }

// solicitNow begins to ask: but a loose plug is no reason to ask all the time.
func (d *discovery) solicitNow(now time.Time) {
	d.tries, d.next = 0, now
	if soonest := d.last.Add(firstSolicit); soonest.After(now) {
		d.next = soonest
	}
}

// confirm asks whether what is known is still so.
func (d *discovery) confirm(now time.Time) {
	d.doubt, d.purge = now, time.Time{}
	d.solicitNow(now)
}

// solicited says that one has been sent.
func (d *discovery) solicited(now time.Time, spread func(time.Duration) time.Duration) {
	d.last = now
	d.next = now.Add(spread(min(firstSolicit<<min(d.tries, 16), longestSolicit)))
	d.tries++
}

// hear takes in an advert and reports whether it speaks of a network that was not known, beside ones that were.
func (d *discovery) hear(now time.Time, from netip.Addr, a advert) (changed bool) {
	d.heard, d.managed = true, a.managed
	if a.mtu > 0 {
		d.mtu = a.mtu
	}
	d.takeRouter(now, from, a)
	before := len(d.networks)
	for _, n := range a.networks {
		changed = d.takeNetwork(now, from, n) && before > 0 || changed
	}
	d.omit(now, from, a, changed)
	for _, r := range a.resolvers {
		d.takeResolver(now, r)
	}
	if !d.doubt.IsZero() {
		d.doubt, d.purge = time.Time{}, now.Add(grace)
	}
	return changed
}

func (d *discovery) takeRouter(now time.Time, from netip.Addr, a advert) {
	i := slices.IndexFunc(d.routers, func(r router) bool { return r.address == from })
	switch {
	case a.lifetime == 0 && i >= 0:
		d.routers = slices.Delete(d.routers, i, i+1)
		return
	case a.lifetime == 0 || i < 0 && len(d.routers) == most:
		return
	case i < 0:
		i, d.routers = len(d.routers), append(d.routers, router{address: from})
	}
	d.routers[i] = router{from, a.preference, now.Add(a.lifetime), now}
	// Adverts that nobody asked for are multicast and get lost; the next is asked for before this one ends.
	d.tries, d.next = 0, now.Add(a.lifetime*3/4)
}

// takeNetwork is RFC 4862 §5.5.3, and reports whether the network is new.
func (d *discovery) takeNetwork(now time.Time, from netip.Addr, a announced) bool {
	if !a.autonomous || a.prefix.Bits() != 64 || !public(a.prefix) || a.preferred > a.valid {
		return false
	}
	valid := after(now, a.valid)
	i := slices.IndexFunc(d.networks, func(n network) bool { return n.prefix == a.prefix })
	fresh := i < 0
	if fresh {
		if a.valid == 0 || len(d.networks) == most {
			return false
		}
		i, d.networks = len(d.networks), append(d.networks, network{prefix: a.prefix, valid: valid})
	}
	n := &d.networks[i]
	switch remaining := left(n.valid, now); {
	case left(valid, now) > min(twoHours, remaining):
		n.valid = valid
	case remaining > twoHours:
		n.valid = now.Add(twoHours)
	}
	n.preferred, n.onLink, n.by, n.seen, n.omitted = after(now, a.preferred), a.onLink, from, now, 0
	return fresh
}

// omit notices networks that their router does not speak of any more: at once when it speaks of another instead.
func (d *discovery) omit(now time.Time, from netip.Addr, a advert, instead bool) {
	if len(a.networks) == 0 {
		return // "a router may choose not to send some or all options" (RFC 4861 §6.2.3)
	}
	for i := range d.networks {
		n := &d.networks[i]
		if n.by != from || n.seen.Equal(now) {
			continue
		}
		if n.omitted++; n.omitted >= omissions || instead {
			n.preferred = now
			if left(n.valid, now) > twoHours {
				n.valid = now.Add(twoHours)
			}
		}
	}
}

func (d *discovery) takeResolver(now time.Time, r resolver) {
	d.resolvers = slices.DeleteFunc(d.resolvers, func(t timed) bool { return t.address == r.address && r.lifetime == 0 })
	i := slices.IndexFunc(d.resolvers, func(t timed) bool { return t.address == r.address })
	switch {
	case i >= 0:
		d.resolvers[i].until = after(now, r.lifetime)
	case r.lifetime > 0 && len(d.resolvers) < most:
		d.resolvers = append(d.resolvers, timed{r.address, after(now, r.lifetime)})
	}
}

// lapse drops what has ended, and what was not confirmed.
func (d *discovery) lapse(now time.Time) {
	stale := func(time.Time) bool { return false }
	if passed(d.purge, now) {
		since := d.purge.Add(-grace)
		stale = func(seen time.Time) bool { return seen.Before(since) }
		d.purge = time.Time{}
	}
	had := len(d.routers) > 0
	d.routers = slices.DeleteFunc(d.routers, func(r router) bool { return over(r.until, now) || stale(r.seen) })
	d.networks = slices.DeleteFunc(d.networks, func(n network) bool { return over(n.valid, now) || stale(n.seen) })
	d.resolvers = slices.DeleteFunc(d.resolvers, func(t timed) bool { return over(t.until, now) })
	if had && len(d.routers) == 0 && left(d.next, now) > 0 {
		d.solicitNow(now)
	}
}

// best is the router to use: of the highest preference, the first of those; nil when there is none.
func (d *discovery) best() *router {
	var best *router
	for i := range d.routers {
		if r := &d.routers[i]; best == nil || r.preference > best.preference {
			best = r
		}
	}
	return best
}

// wake is when something ends or is to be asked.
func (d *discovery) wake() time.Time {
	wake := earlier(d.next, d.purge)
	for _, r := range d.routers {
		wake = earlier(wake, r.until)
	}
	for _, n := range d.networks {
		wake = earlier(wake, n.valid)
	}
	for _, t := range d.resolvers {
		wake = earlier(wake, t.until)
	}
	return wake
}

// earlier is the first of two moments; zero is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func passed(t, now time.Time) bool { return !t.IsZero() && !now.Before(t) }
