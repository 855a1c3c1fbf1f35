package advert

import (
	"encoding/binary"
	"net"
	"net/netip"

	"github.com/mdlayher/ndp"
)

// Packet is one message to be sent on the house's side.
type Packet struct {
	From    netip.Addr
	FromMAC net.HardwareAddr
	To      netip.Addr
	ToMAC   net.HardwareAddr // empty: that of the group To
	Message []byte           // ICMPv6 with its checksum
}

// everybody is the group of all nodes on the link (RFC 4291 §2.7.1).
func everybody() netip.Addr { return netip.AddrFrom16([16]byte{0: 0xff, 1: 0x02, 15: 1}) }

// routers is the group of all routers on the link.
func routers() netip.Addr { return netip.AddrFrom16([16]byte{0: 0xff, 1: 0x02, 15: 2}) }

// frame is a packet with its headers (RFC 8200 §3, RFC 2464): a virtual router's come from its own Ethernet address, and from an IP address
// that may be on another interface.
func (p Packet) frame() []byte {
	to := p.ToMAC
	if p.To.IsMulticast() {
		tail := p.To.As16()
		to = append(net.HardwareAddr{0x33, 0x33}, tail[12:]...)
	}
	const headers, version, icmpv6, nearby = 14 + 40, 0x60, 58, 255
	f := append(append(make([]byte, 0, headers+len(p.Message)), to...), p.FromMAC...)
	f = append(f, 0x86, 0xdd, version, 0, 0, 0)
	f = binary.BigEndian.AppendUint16(f, uint16(len(p.Message)))
	f = append(f, icmpv6, nearby)
	f = append(append(f, p.From.AsSlice()...), p.To.AsSlice()...)
	return append(f, p.Message...)
}

func packet(a Advert, from netip.Addr, fromMAC net.HardwareAddr, to netip.Addr, toMAC net.HardwareAddr) Packet {
	message, err := ndp.MarshalMessageChecksum(a.message(), from, to)
	if err != nil {
		message = nil // of a name that no advert can carry: see TestEveryAdvertCanBeSent
	}
	return Packet{From: from, FromMAC: fromMAC, To: to, ToMAC: toMAC, Message: message}
}
