package main

import (
	"encoding/json"
	"net/netip"
	"time"

	"github.com/twinpath/twinpath/health"
	"github.com/twinpath/twinpath/pathmtu"
	"github.com/twinpath/twinpath/router"
)

// place is where a line leads, as far as it makes a difference to what fits.
type place struct {
	index, mtu       int // of the way
	address, gateway string
}

// nowhere is where a line leads that does not work.
var nowhere = place{}

// placeOf is where one family of a line leads now.
func placeOf(w router.WANSnapshot, six bool) place {
	p := place{w.Way.Index, w.Way.MTU, w.Address, w.Gateway}
	state := w.State
	if six && w.IPv6 != nil {
		p.address, p.gateway, state = w.IPv6.Address, w.IPv6.Gateway, w.IPv6.State
	}
	if six && w.IPv6 == nil || state != health.Up.String() && state != health.Degraded.String() || w.Way.Index == 0 {
		return nowhere
	}
	return p
}

// visited is when one family of a line was measured.
type visited struct {
	place place
	at    time.Time
	next  time.Time
	away  bool // it has failed since
}

// due returns when it is to be measured again, if it works.
func (v *visited) due(now time.Time, here place) (at time.Time, works bool) {
	switch {
	case here == nowhere:
		v.away = true
		return at, false
	case here != v.place:
		return now, true
	case v.away:
		return v.at.Add(pathPause), true
	}
	return v.next, true
}

// surveyed is what is known of a line.
type surveyed struct {
	device    string // that the path begins with
	path      router.PathView
	told      int // the index of the way that the router was told of
	four, six visited
}

// recalls reports whether there is anything to be told of a way that has just come: what was found on another device is of no use.
func (l *surveyed) recalls(way router.Link) bool {
	if l.told == way.Index {
		return false
	}
	l.told = way.Index
	if l.device != way.Name {
		l.device, l.path = way.Name, router.PathView{}
	}
	return l.path != router.PathView{}
}

func (l *surveyed) of(six bool) *visited {
	if six {
		return &l.six
	}
	return &l.four
}

func (l *surveyed) guess(six bool) int {
	if six {
		return l.path.MTU6
	}
	return l.path.MTU4
}

func (l *surveyed) found(six bool, f pathmtu.Found, now time.Time) {
	l.path.Checked = now.UTC().Truncate(time.Second)
	if six {
		l.path.MTU6, l.path.Hole6 = f.MTU, f.Hole
	} else {
		l.path.MTU4, l.path.Hole4 = f.MTU, f.Hole
	}
}

func (s *surveyor) line(w router.WANSnapshot) *surveyed {
	l := s.lines[w.Name]
	if l == nil {
		l = new(surveyed)
		s.lines[w.Name] = l
	}
	return l
}

// surveyable reports whether there is anything to find out: not where the owner has said what fits, nor behind the other router, who
// sees to that himself.
func surveyable(cfg router.Config, w router.WANSnapshot) bool {
	for _, c := range cfg.WANs {
		if c.Name == w.Name {
			return c.Kind != router.Peer && c.MTU == 0 && w.Way.Index != 0
		}
	}
	return false
}

// witnesses is how many targets are asked: one may not answer large pings (8.8.8.8 does not), and a second one has to agree.
const witnesses = 3

// pathTargets are the addresses of a family that a line is checked with, else the usual ones.
func pathTargets(w router.WANSnapshot, six bool) []netip.Addr {
	var all []netip.Addr
	for _, list := range [...][]string{pinged(w.Checks), usual(six)} {
		for _, text := range list {
			if a, err := netip.ParseAddr(text); err == nil && a.Is4() != six && len(all) < witnesses {
				all = append(all, a)
			}
		}
		if len(all) > 0 {
			break
		}
	}
	return all
}

// usual are targets for those who name none, of two operators that answer large pings.
func usual(six bool) []string {
	if six {
		return []string{"2606:4700:4700::1111", "2620:fe::fe"}
	}
	return []string{"1.1.1.1", "9.9.9.9"}
}

// keptPath is what the disk knows of a line.
type keptPath struct {
	Device string          `json:"device"`
	Path   router.PathView `json:"path"`
}

func (s *surveyor) keep(w router.WANSnapshot, path router.PathView) {
	text, err := json.Marshal(keptPath{w.Way.Name, path})
	if err == nil {
		err = s.shelf.Put(w.Name, text)
	}
	if err != nil {
		s.log.Warn("keep the path MTU", "wan", w.Name, "err", err)
	}
}

// recall takes in what an earlier run has found: it holds until it is measured again.
func (s *surveyor) recall() {
	items, err := s.shelf.All()
	if err != nil {
		s.log.Warn("recall path MTUs", "err", err)
	}
	for _, i := range items {
		var k keptPath
		if json.Unmarshal(i.Value, &k) == nil {
			s.lines[i.Key] = &surveyed{device: k.Device, path: k.Path}
		}
	}
}
