// Package flow names the connections of the house as the two routers of a pair tell them to each other: by what a packet from the device in
// the house looks like, whoever began them and whatever the router's own address translation makes of them.
package flow

import (
	"fmt"
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

// Change is what has become of a list of flows.
type Change struct {
	Anew  bool // the list begins anew: what was in it before is gone
	Begun []Flow
	Ended []Flow
}

// Empty reports whether nothing has changed.
func (c Change) Empty() bool { return !c.Anew && len(c.Begun) == 0 && len(c.Ended) == 0 }
