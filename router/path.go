package router

import (
	"fmt"
	"time"
)

// least6 is the smallest packet that an IPv6 link may be limited to (RFC 8200 §5).
const least6 = 1280

// foldPath keeps what fits through a line, and says each finding once.
func (s *State) foldPath(now time.Time, f PathSeen) []Event {
	l := s.line(f.WAN)
	if l == nil || l.way.Index == 0 || l.way.Index != f.Index {
		return nil
	}
	before := l.path.hole()
	l.path = f.Path
	switch hole := l.path.hole(); {
	case f.Recalled || hole == before:
		return nil
	case hole == "":
		sentence := fmt.Sprintf("%s lets packets of %d bytes through again: the path MTU black hole is gone.", f.WAN, max(f.Path.MTU4, f.Path.MTU6))
		return []Event{{Time: now, Kind: EventWAN, WAN: f.WAN, Sentence: sentence}}
	default:
		sentence := fmt.Sprintf("%s swallows %s without a word (a path MTU black hole): TCP is told to send smaller ones.", f.WAN, hole)
		return []Event{{Time: now, Kind: EventWAN, WAN: f.WAN, Sentence: sentence}}
	}
}

// hole says what vanishes on a line; empty: nothing does.
func (p PathView) hole() string {
	switch {
	case p.Hole4 && p.Hole6 && p.MTU4 != p.MTU6:
		return fmt.Sprintf("packets of more than %d bytes, and those of IPv6 of more than %d,", p.MTU4, p.MTU6)
	case p.Hole4:
		return fmt.Sprintf("packets of more than %d bytes", p.MTU4)
	case p.Hole6:
		return fmt.Sprintf("IPv6 packets of more than %d bytes", p.MTU6)
	}
	return ""
}

// mtu4 is the largest IPv4 packet that fits through the line: as its owner says, else the least of what its interface takes, its ISP says
// and was found out; 0 without an interface.
func (l *line) mtu4() int {
	said := 0
	if l.lease != nil {
		said = l.lease.MTU
	}
	return l.narrowest(said, l.path.MTU4)
}

// mtu6 is mtu4 of IPv6, where the ISP says so in its router advertisements; while nothing else is known, what holds of IPv4's does here.
func (l *line) mtu6() int {
	said := 0
	switch {
	case l.six.lease != nil && l.six.lease.MTU != 0:
		said = l.six.lease.MTU
	case l.lease != nil && l.path.MTU6 == 0:
		said = l.lease.MTU
	}
	return max(l.narrowest(said, l.path.MTU6), min(least6, l.way.MTU))
}

func (l *line) narrowest(said, found int) int {
	least := l.way.MTU
	if l.config.MTU != 0 {
		said, found = l.config.MTU, 0
	}
	for _, mtu := range []int{said, found} {
		if mtu > 0 {
			least = min(least, mtu)
		}
	}
	return least
}

// hint is what a route of the line has to say of the size of packets: nothing, where its interface says the same.
func (l *line) hint(mtu int) int {
	if mtu == l.way.MTU {
		return 0
	}
	return mtu
}
