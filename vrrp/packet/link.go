package packet

import (
	"net/netip"
	"slices"
	"time"
)

// Link is what judging adverts needs to know of one election: everything that is fixed between reconfigurations.
type Link struct {
	Version, ID uint8
	IPv6        bool
	Interval    time.Duration // our own; version 2 rejects any other
	Unicast     bool          // peers are configured
	Peers       []netip.Addr
	Own         []netip.Addr   // addresses of this machine; an advert from one of them is an echo or a forgery
	Auth        *Authenticator // nil: none
}

// Judge says whether a packet that Parse has accepted is an advert for this election. The signature comes last: it
// costs most, and an advert that proves itself is remembered, so that each is accepted once.
//
// A list of addresses or, in version 3, an interval other than ours is no reason to reject (RFC 9568 §7.1). Nor is an IPv6
// list that does not begin with a link-local address, whatever erratum 8300 says: keepalived sends those, and a
// peer that is not heard makes two Actives.
func (l *Link) Judge(now time.Time, p *Packet) Reject {
	if reject := l.judgeSender(p); reject != Accepted {
		return reject
	}
	switch {
	case p.Count == 0:
		return Count
	case p.Interval == 0:
		return IntervalZero
	case l.Version == 2 && p.Interval != l.Interval:
		return IntervalMismatch
	}
	return l.Auth.verify(now, p)
}

func (l *Link) judgeSender(p *Packet) Reject {
	multicast := p.Multicast()
	switch {
	case p.ipv6() != l.IPv6:
		return Family
	case p.Version != l.Version:
		return Version
	case p.ID != l.ID:
		return VRID
	// keepalived leaves the hop limit of unicast IPv6 to its kernel, where it is 64 (2.2.7, 2026-11).
	case p.HopLimit != hopLimit && (multicast || !l.IPv6):
		return HopLimit
	case slices.Contains(l.Own, p.Source):
		return SelfSource
	case l.Unicast && multicast:
		return MulticastUnexpected
	case !l.Unicast && !multicast:
		return UnicastUnexpected
	case multicast && p.Destination != group(l.IPv6):
		return OtherGroup
	case l.Unicast && !slices.Contains(l.Peers, p.Source):
		return NotAPeer
	}
	return Accepted
}
