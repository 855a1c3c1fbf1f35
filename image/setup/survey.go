package setup

import (
	"slices"
	"strings"
	"time"

	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/wan"
)

// Chosen by us. Gigabit ports agree on a speed within three or four seconds, some switches take six. A modem that
// starts together with the box answers after minutes, hence looking again.
const (
	carrierWait = 8 * time.Second
	lookAgain   = 30 * time.Second // along a port that nobody answered on
	lookRetry   = 5 * time.Second  // after an error
)

// Port is an Ethernet port and what is known of it.
type Port struct {
	router.Link
	Cable    int          // counts the times that one was plugged in
	Known    bool         // looked along since then
	Upstream wan.Upstream // who answered; once somebody did, it is remembered without a cable, too
	Twice    bool         // another port of ours leads into the same network, and stays in it
}

// sight is one plugging-in of one port: what is found of another says nothing of this one.
type sight struct {
	name  string
	cable int // counts the times it was plugged in
}

// survey is what is known of all ports. It has no clock and asks nobody.
type survey struct {
	known   map[string]*seen
	began   time.Time
	settled bool // every port has had its chance once
}

type seen struct {
	Port
	here    bool // false: the device was taken out
	first   time.Time
	looked  time.Time // end of the last look
	looking bool
	failed  bool // the last look
}

// see takes the ports as they are and says which are to be switched on and which to be looked along. An owner who
// switches one off afterwards is respected.
func (s *survey) see(now time.Time, links []router.Link) (raise []router.Link, look []sight) {
	if s.known == nil {
		s.known, s.began = map[string]*seen{}, now
	}
	for _, p := range s.known {
		p.here = false
	}
	for _, link := range links {
		p := s.known[link.Name]
		if p == nil || p.MAC != link.MAC {
			p = &seen{first: now}
			s.known[link.Name] = p
		}
		if p.Index != link.Index && !link.Up {
			raise = append(raise, link)
		}
		p.follow(link)
		if p.due(now) {
			p.looking = true
			look = append(look, sight{link.Name, p.Cable})
		}
	}
	return raise, look
}

func (p *seen) follow(link router.Link) {
	if !p.Carrier && link.Carrier || p.Index != link.Index {
		p.Cable++
		p.Known, p.failed, p.looked = false, false, time.Time{}
	}
	p.Link, p.here = link, true
	if !link.Carrier {
		p.Known, p.Twice = false, false
	}
}

// due reports whether to look along the port. One that led somewhere once is the daemon's.
func (p *seen) due(now time.Time) bool {
	switch {
	case !p.Carrier || p.looking || !p.Upstream.Silent():
		return false
	case p.Known:
		return now.Sub(p.looked) >= lookAgain
	}
	return now.Sub(p.looked) >= lookRetry
}

// heard takes the result of a look.
func (s *survey) heard(now time.Time, at sight, found wan.Upstream, err error) {
	p := s.known[at.name]
	if p == nil {
		return
	}
	p.looking = false
	if p.Cable != at.cable || !p.Carrier {
		return // the cable was pulled meanwhile
	}
	p.looked, p.failed = now, err != nil
	if err == nil {
		p.Known, p.Upstream = true, found
		p.Twice = found.Loop != "" && !s.gaveWay(found.Loop)
	}
}

// gaveWay reports whether the port with this Ethernet address is the one that stays out of the network: of two that hear
// each other one must stay in it.
func (s *survey) gaveWay(mac string) bool {
	for _, p := range s.known {
		if p.here && p.Twice && p.MAC == mac {
			return true
		}
	}
	return false
}

// ready reports whether every port has had its chance. Once it is true it stays so: what is plugged in later delays nobody.
func (s *survey) ready(now time.Time) bool {
	s.settled = s.settled || s.known != nil && !s.waiting(now)
	return s.settled
}

func (s *survey) waiting(now time.Time) bool {
	if len(s.known) == 0 { // drivers may be loading still
		return now.Sub(s.began) < carrierWait
	}
	for _, p := range s.known {
		switch {
		case !p.here:
		case p.Carrier && !p.Known && !p.failed && p.Upstream.Silent():
			if now.Sub(p.first) < 2*carrierWait { // a link that flaps does not do so for ever
				return true
			}
		case !p.Carrier && now.Sub(p.first) < carrierWait:
			return true
		}
	}
	return false
}

// ports returns the ports that are there, by name.
func (s *survey) ports() []Port {
	var all []Port
	for _, p := range s.known {
		if p.here {
			all = append(all, p.Port)
		}
	}
	slices.SortFunc(all, func(a, b Port) int { return strings.Compare(a.Name, b.Name) })
	return all
}
