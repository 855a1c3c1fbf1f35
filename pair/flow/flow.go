// Package flow names the connections of the house as the two routers of a pair tell them to each other: by what a packet from the device in
// the house looks like, whoever began them and whatever the router's own address translation makes of them.
package flow

import (
	"fmt"
	"iter"
	"net/netip"
)

// Most is how many flows of one router are known to the other; what goes beyond is not handed over. Chosen here: more than a house has, and
// 10 MB.
const Most = 1 << 17

// Flow is one connection, or what conntrack takes for one, as the device in the house sends it. It is a key: two of the same flow are equal.
type Flow struct {
	Source      [16]byte // of the device in the house; of IPv4 the mapped form (RFC 4291 §2.5.5.2)
	Destination [16]byte
	Protocol    uint8  // IANA's number
	From, To    uint16 // ports of TCP, UDP, SCTP, DCCP and UDP-Lite; of an echo From is its identifier; else 0
}

// Of returns the flow between two addresses of one family.
func Of(protocol uint8, source, destination netip.AddrPort) Flow {
	return Flow{
		Source: source.Addr().As16(), Destination: destination.Addr().As16(),
		Protocol: protocol, From: source.Port(), To: destination.Port(),
	}
}

// Ends returns both ends, IPv4 addresses as such.
func (f Flow) Ends() (source, destination netip.AddrPort) {
	return netip.AddrPortFrom(netip.AddrFrom16(f.Source).Unmap(), f.From), netip.AddrPortFrom(netip.AddrFrom16(f.Destination).Unmap(), f.To)
}

// Is4 reports whether it is of IPv4.
func (f Flow) Is4() bool { return netip.AddrFrom16(f.Source).Is4In6() }

func (f Flow) String() string {
	source, destination := f.Ends()
	return fmt.Sprintf("%d %s > %s", f.Protocol, source, destination)
}

// whole reports whether both ends are of one family: nothing else is a flow.
func (f Flow) whole() bool { return f.Is4() == netip.AddrFrom16(f.Destination).Is4In6() }

// Change is what has become of a list of flows. Endings come before beginnings: a flow that is in both has begun again.
type Change struct {
	Anew  bool // the list begins anew: what was in it before is gone, unless it is told again
	More  bool // the rest of this change is in the next one, so that a list that begins anew is never half there
	Begun []Flow
	Ended []Flow
}

// Empty reports whether nothing has changed.
func (c Change) Empty() bool { return !c.Anew && !c.More && len(c.Begun) == 0 && len(c.Ended) == 0 }

// Piece is how many flows a piece of a change has at most: 152 KB of IPv6, as Append writes them. Chosen here: far below what a message may
// be, and done with in a millisecond.
const Piece = 4096

// Pieces yields the change in pieces of at most Piece flows each, in order; an empty one yields nothing.
func (c Change) Pieces() iter.Seq[Change] {
	return func(yield func(Change) bool) {
		for rest := c; !rest.Empty(); {
			piece := Change{Anew: rest.Anew}
			rest.Anew = false
			ended := min(len(rest.Ended), Piece)
			begun := min(len(rest.Begun), Piece-ended)
			piece.Ended, rest.Ended = rest.Ended[:ended], rest.Ended[ended:]
			piece.Begun, rest.Begun = rest.Begun[:begun], rest.Begun[begun:]
			last := len(rest.Ended)+len(rest.Begun) == 0
			piece.More = !last || c.More
			if !yield(piece) || last {
				return
			}
		}
	}
}
