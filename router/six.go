package router

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/twinpath/twinpath/health"
	"github.com/twinpath/twinpath/wan"
)

// lingering is how long hosts may go on using a prefix that nobody advertises any more, whatever its lifetime was: they are told to
// let it go, and believe no end that is nearer than two hours (RFC 4862 §5.5.3 e).
const lingering = 2 * time.Hour

// mostKept is how many prefixes of before are remembered of a line: of a provider that gives another one each minute, the newest. All of them
// are to fit into one advert of ours.
const mostKept = 8

// six is what is known of a line's IPv6, on its way as it is now.
type six struct {
	lease    *wan.Lease6
	kept     []wan.Lifetime // prefixes that were delegated before, until no host uses them
	prefix   netip.Prefix   // of the newest delegation, be it gone
	asking   string         // the client's own words while there is no lease
	reported bool           // the client has spoken
	verdict  health.Verdict
	checked  bool // verdict is of this lease
	suspect  bool // it was lost: its checks have to pass for a while first

	open bool      // the house's new connections go by it, in the decision in force
	left time.Time // when they ceased to

	told  health.State // what was last said of it; Unknown: nothing
	since time.Time    // of that
}

// moved is what is left of it when the line's way is another one.
func (x six) moved(now time.Time) six {
	x.keep(now, nil)
	return six{kept: x.kept, open: x.open, left: x.left, prefix: x.prefix, suspect: x.suspect || x.verdict.State == health.Down, told: x.told, since: x.since}
}

func (s *State) foldLease6(now time.Time, f Lease6Seen) []Event {
	l := s.line(f.WAN)
	if l == nil || l.way.Index == 0 || l.way.Index != f.Index {
		return nil
	}
	x, before := &l.six, l.six.lease
	x.keep(now, f.Lease)
	x.lease, x.asking, x.reported = f.Lease, f.Reason, true
	switch {
	case f.Lease == nil && before != nil:
		x.unverify(true)
	case before != nil && before.Gateway != f.Lease.Gateway:
		x.unverify(false)
	}
	if f.Lease == nil || len(f.Lease.Prefixes) == 0 {
		return nil
	}
	was := x.prefix
	x.prefix = f.Lease.Prefixes[0].Prefix
	if was.IsValid() && was != x.prefix {
		return []Event{{Time: now, Kind: EventWAN, WAN: f.WAN, Sentence: fmt.Sprintf("%s has a new IPv6 prefix: %s (was %s).", f.WAN, x.prefix, was)}}
	}
	return nil
}

// keep remembers the prefixes of the lease that another one takes the place of: hosts use them for a while.
func (x *six) keep(now time.Time, next *wan.Lease6) {
	has := func(lease *wan.Lease6, p netip.Prefix) bool {
		return lease != nil && slices.ContainsFunc(lease.Prefixes, func(l wan.Lifetime) bool { return l.Prefix == p })
	}
	var kept []wan.Lifetime
	for _, k := range x.kept {
		if k.Valid.After(now) && !has(next, k.Prefix) {
			kept = append(kept, k)
		}
	}
	if x.lease != nil {
		for _, p := range x.lease.Prefixes {
			end := now.Add(lingering)
			if !p.Valid.IsZero() && p.Valid.Before(end) {
				end = p.Valid
			}
			if end.After(now) && !has(next, p.Prefix) {
				kept = append(kept, wan.Lifetime{Prefix: p.Prefix, Preferred: now, Valid: end})
			}
		}
	}
	x.kept = kept[max(0, len(kept)-mostKept):]
}

// unverify drops the verdict: it was of a lease that is gone.
func (x *six) unverify(suspect bool) {
	x.suspect = suspect || x.suspect || x.verdict.State == health.Down
	x.checked, x.verdict = false, health.Verdict{}
}

func (s *State) foldHealth6(f Health6Seen) {
	l := s.line(f.WAN)
	if l == nil || l.way.Index != f.Index || l.six.lease == nil || !l.link.Carrier {
		return
	}
	l.six.verdict, l.six.checked = f.Verdict, true
	if v := f.Verdict.State; v == health.Up || v == health.Degraded {
		l.six.suspect = false
	}
}

// leads6 reports whether a router of the ISP takes the line's IPv6.
func (l *line) leads6() bool {
	return l.way.Index != 0 && l.link.Carrier && l.six.lease != nil && l.six.lease.Gateway.IsValid()
}

// works reports whether nothing speaks against the line's IPv6. One that is not known yet is no reason to take it from the house.
func (l *line) works() bool { return l.leads6() && !l.six.suspect && l.six.verdict.State.Usable() }

// speaks reports whether a line has an IPv6 client.
func (l *line) speaks(lan LAN) bool {
	return l.config.Kind != Peer && !l.config.NoIPv6 && (lan.IPv6 || lan.Device() == "")
}

// open reports whether the house's new IPv6 connections go by a line: it carries the house, and its IPv6 works. When no line works at all,
// everything is left as it is, and with it this.
func (s *State) open(d Decision, l *line) bool {
	return d.Carries(l.config.Name) && (l.works() || d.FailOpen && l.leads6())
}

// alive6 reports whether IPv6 flows that belong to a WAN are still sent to it.
func (s *State) alive6(d Decision, i int) bool {
	l := s.lines[i]
	if l.config.Kind == Peer {
		return s.alive(d, i) && len(s.lends6(l)) > 0
	}
	return s.alive(d, i) && (l.works() || d.FailOpen)
}

// letGo6 forgets prefixes that nobody uses any more.
func (s *State) letGo6(now time.Time) {
	for _, l := range s.lines {
		if slices.ContainsFunc(l.six.kept, func(k wan.Lifetime) bool { return !k.Valid.After(now) }) {
			l.six.kept = slices.DeleteFunc(slices.Clone(l.six.kept), func(k wan.Lifetime) bool { return !k.Valid.After(now) })
		}
	}
}

// parting is how long the house keeps its router when a line is left, beyond what sweeps take: that the line works badly is sometimes
// known a moment before it is known to be dead, and then its connections are still to be ended.
const parting = time.Second

// close6 notes which lines the house's IPv6 leaves.
func (s *State) close6(now time.Time, d Decision) {
	for _, l := range s.lines {
		open := s.open(d, l)
		if l.six.open && !open {
			l.six.left = now
		}
		l.six.open = open
	}
}

// wake6 is when the next prefix is forgotten, or the house has parted from a line; next when that comes sooner.
func (s *State) wake6(now, next time.Time) time.Time {
	for _, l := range s.lines {
		next = earliest(next, l.six.left.Add(parting), now)
		next = earliest(next, l.six.left.Add(lingering), now)
		for _, k := range l.six.kept {
			next = earliest(next, k.Valid, now)
		}
	}
	return next
}

// condition is a line's IPv6 in a word, and why.
func (x *six) condition() (health.State, string) {
	switch {
	case x.lease == nil:
		return health.Unknown, cmp.Or(x.asking, "asking for IPv6")
	case !x.lease.Gateway.IsValid():
		return health.Down, cmp.Or(x.asking, "no router of the ISP takes IPv6")
	case x.checked && !x.verdict.State.Usable():
		return health.Down, "no answer beyond the ISP"
	case x.suspect:
		return health.Down, ComingBack
	case !x.checked || x.verdict.State == health.Unknown:
		return health.Unknown, "first checks under way"
	}
	if _, house := x.lease.House(); !house && x.asking != "" {
		return health.Up, x.asking // it works for this router, and not for the house
	}
	return health.Up, x.verdict.Reason
}

// tell6 says when a line's IPv6 fails, or works again, while the line itself works: else that is the news.
func (l *line) tell6(now time.Time, c condition) []Event {
	state, reason := l.six.condition()
	if l.way.Index == 0 || !c.usable() || c.State == health.Unknown || state == health.Unknown || reason == ComingBack || state == l.six.told {
		return nil
	}
	was := l.six.told
	l.six.told, l.six.since = state, now
	switch {
	case state == health.Down: // with nobody to blame: it is no diagnosis of the line
		return []Event{{Time: now, Kind: EventWAN, WAN: l.config.Name,
			Sentence: fmt.Sprintf("IPv6 does not work on %s: %s. What can uses IPv4.", l.config.Name, reason)}}
	case was == health.Down:
		return []Event{{Time: now, Kind: EventWAN, WAN: l.config.Name, Sentence: fmt.Sprintf("IPv6 works on %s again.", l.config.Name)}}
	}
	return nil
}

// show adds it to a snapshot.
func (x *six) show(w *WANSnapshot) {
	state, reason := x.condition()
	v := &IPv6View{State: state.String(), Reason: reason, RTT: Milliseconds(x.verdict.RTT)}
	if lease := x.lease; lease != nil {
		if len(lease.Addresses) > 0 {
			v.Address = lease.Addresses[0].Prefix.Addr().String()
		}
		if lease.Gateway.IsValid() {
			v.Gateway = lease.Gateway.String()
		}
		if len(lease.Prefixes) > 0 {
			v.Prefix = lease.Prefixes[0].Prefix.String()
			if until := lease.Prefixes[0].Valid.UTC(); !until.IsZero() {
				v.Until = &until
			}
		}
		for _, server := range lease.DNS {
			v.DNS = append(v.DNS, server.String())
		}
	}
	w.IPv6, w.Lease6 = v, x.lease
}

// without6 names the lines that carry the house without their IPv6.
func (s *State) without6(d Decision) string {
	text := ""
	for _, l := range s.lines {
		if state, reason := l.six.condition(); state == health.Down && l.six.told == health.Down && d.Carries(l.config.Name) {
			text += fmt.Sprintf(" IPv6 does not work on %s: %s.", l.config.Name, reason)
		}
	}
	return text
}
