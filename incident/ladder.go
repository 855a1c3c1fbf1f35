package incident

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/twinpath/twinpath/health"
	"github.com/twinpath/twinpath/router"
)

// Looked is what one look along a line found.
type Looked struct {
	Device         string
	There, Carrier bool       // of the interface
	Address        netip.Addr // of the lease; invalid: there is none
	Asking         string     // why, in the client's words
	Gateway        netip.Addr
	Peer           bool // the line is the other router of the house
	Target         netip.Addr
	Traced         bool // the routers on the way to Target were asked
	Hops           []health.Hop
	Reached        bool
	DNS, Web       Answer
	Known          Way
}

// Answer is what became of a question.
type Answer struct {
	Asked, OK bool
	Detail    string // one clause
}

// Way is the way out as it was found while the line worked.
type Way struct {
	At   time.Time    `json:"at"`
	Hops []health.Hop `json:"hops"`
}

// The words of rungs, from the house outwards, and of their states.
const (
	rungCable   = "cable"
	rungAddress = "address"
	rungModem   = "modem"
	rungFirst   = "first hop"
	rungOutside = "outside"
	rungDNS     = "dns"
	rungWeb     = "web"

	sound   = "ok"
	unsound = "broken"
	unknown = "unknown"
)

// Climb goes from the house outwards and says of each rung whether it was sound, and which was the farthest router that answered.
func Climb(l Looked) ([]router.Rung, netip.Addr) {
	rungs := []router.Rung{l.cable(), l.address()}
	if l.modem() {
		rungs = append(rungs, l.hop(rungModem, 1))
	}
	rungs = append(rungs, l.hop(rungFirst, l.first()), l.outside(), l.DNS.rung(rungDNS), l.Web.rung(rungWeb))
	for i, r := range rungs[:2] {
		if r.State == unsound { // there was no way to ask anything beyond
			for n := range rungs[i+1:] {
				rungs[i+1+n] = router.Rung{What: rungs[i+1+n].What, State: unknown}
			}
			return rungs, netip.Addr{}
		}
	}
	return rungs, l.last().Address
}

func (l Looked) cable() router.Rung {
	switch {
	case !l.There:
		return router.Rung{What: rungCable, State: unsound, Detail: "there is no interface " + l.Device}
	case !l.Carrier:
		return router.Rung{What: rungCable, State: unsound, Detail: fmt.Sprintf("no cable in %s, or nothing behind it has power", l.Device)}
	}
	return router.Rung{What: rungCable, State: sound, Detail: l.Device + " has a link"}
}

func (l Looked) address() router.Rung {
	if !l.Address.IsValid() {
		return router.Rung{What: rungAddress, State: unsound, Detail: l.Asking}
	}
	r := router.Rung{What: rungAddress, State: sound, Address: l.Address}
	switch {
	case l.modem():
		r.Detail = "private: a modem or another router before the line translates it"
	case shared.Contains(l.Address):
		r.Detail = "shared with other customers of the provider (CGNAT)"
	}
	return r
}

// shared are the addresses that providers give to many at once (RFC 6598).
var shared = netip.MustParsePrefix("100.64.0.0/10")

// modem reports whether a box of the house is the next router: its network is a private one.
func (l Looked) modem() bool {
	return !l.Peer && l.Address.IsValid() && l.Address.IsPrivate() && l.Address.Is4()
}

// first is the distance of the provider's first router.
func (l Looked) first() int {
	if l.modem() {
		return 2
	}
	return 1
}

// hop says whether one router on the way is sound: it answers itself, or one beyond it does.
func (l Looked) hop(what string, distance int) router.Rung {
	r := router.Rung{What: what, State: unknown}
	now, was := at(l.Hops, distance), at(l.Known.Hops, distance)
	r.Address = now
	if !now.IsValid() {
		r.Address = was
	}
	if !r.Address.IsValid() && distance == 1 {
		r.Address = l.Gateway
	}
	switch {
	case !l.Traced:
	case now.IsValid():
		r.State, r.Detail = sound, l.about(what, now)
	case l.last().Distance > distance || l.Reached || l.Web.OK:
		r.State, r.Detail = sound, "it does not answer itself, but lets packets through"
	case was.IsValid():
		r.State, r.Detail = unsound, fmt.Sprintf("it does not answer; it did on %s", clock(l.Known.At))
	case distance == 2 && !at(l.Hops, 1).IsValid():
		r.Detail = "it cannot be reached to be asked"
	default:
		r.Detail = "it does not answer; whether it ever does is not known"
	}
	return r
}

// about says what kind of router one is.
func (l Looked) about(what string, a netip.Addr) string {
	switch {
	case l.Peer:
		return "the other router"
	case what == rungFirst && l.modem() && a.IsPrivate():
		return "private as well: a second router of the house, or the provider's own network"
	}
	return ""
}

// outside says whether anything far away answers, and else how far the way is sound.
func (l Looked) outside() router.Rung {
	r := router.Rung{What: rungOutside, State: unknown, Address: l.Target}
	last := l.last()
	switch {
	case l.Reached || l.Web.OK:
		r.State = sound
	case !l.Traced:
	case last.Distance == 0:
		r.State, r.Detail = unsound, "no router on the way answers"
		if n := len(l.Known.Hops); n > 0 {
			r.Detail += fmt.Sprintf("; on %s %s did", clock(l.Known.At), routers(n))
		}
	default:
		r.State, r.Detail = unsound, fmt.Sprintf("the last router that answers is number %d on the way (%s)", last.Distance, last.Address)
		for _, h := range l.Known.Hops {
			if h.Distance > last.Distance {
				r.Detail += fmt.Sprintf("; on %s number %d (%s) did, too", clock(l.Known.At), h.Distance, h.Address)
				break
			}
		}
	}
	return r
}

func routers(n int) string {
	if n == 1 {
		return "1 router"
	}
	return fmt.Sprintf("%d routers", n)
}

func (a Answer) rung(what string) router.Rung {
	r := router.Rung{What: what, State: unknown, Detail: a.Detail}
	if a.Asked {
		r.State = unsound
	}
	if a.OK {
		r.State = sound
	}
	return r
}

func (l Looked) last() health.Hop {
	if len(l.Hops) == 0 {
		return health.Hop{}
	}
	return l.Hops[len(l.Hops)-1]
}

// at is the router at a distance; invalid: none is known.
func at(hops []health.Hop, distance int) netip.Addr {
	for _, h := range hops {
		if h.Distance == distance {
			return h.Address
		}
	}
	return netip.Addr{}
}
