// Package packet is VRRP's bytes: adverts in both versions and families, their checksums and authentication, and
// the frames that announce a virtual address.
//
// Receiving has two steps. Packet.Parse says what a frame is and needs to know nothing of us; Link.Judge says whether
// one election takes it. Both allocate nothing. Sending is Advert.Append with AppendEthernet, or without it for the
// kernel to route. An Authenticator signs and verifies for one election. Nothing here is safe for concurrent use.
package packet

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// Packet is one received packet, before an election judges it. Its slices alias the frame.
type Packet struct {
	SourceMAC, DestinationMAC [6]byte
	Source, Destination       netip.Addr
	HopLimit                  uint8
	Version, ID, Priority     uint8 // of a CARP packet ID is the VHID
	Interval                  time.Duration
	AuthType                  uint8 // of version 2 (RFC 2338 §5.3.6); version 3 has none: 0
	Count                     int   // virtual addresses it says to have
	Form                      ChecksumForm
	Raw                       []byte // the IP packet, cut to its length

	ah      []byte // the authentication header, if there is one
	message []byte // the VRRP message
	trailer []byte // what authenticates it by HMAC, if anything does
}

const (
	ethernetHeader = 14
	ipv4Header     = 20
	ipv6Header     = 40
	protocol       = 112  // RFC 9568 §5.1.1.4
	protocolAH     = 51   // RFC 2402
	trafficClass   = 0xc0 // internetwork control, as keepalived and FRR send it
	hopLimit       = 255  // RFC 9568 §5.1.1.3
	fixedPart      = 8
	authData       = 8 // ends every message of version 2, also with AuthType 0
	hmacTrailer    = 28
	carpLength     = 36
)

// Parse reads an Ethernet frame without 802.1Q tag, padded or not. What it had read before it rejects the frame stays
// in the packet, so that a wrong checksum still has a source and a VRID to be counted under.
func (p *Packet) Parse(frame []byte) Reject {
	*p = Packet{}
	if len(frame) < ethernetHeader {
		return Short
	}
	copy(p.DestinationMAC[:], frame)
	copy(p.SourceMAC[:], frame[6:])
	payload := frame[ethernetHeader:]
	var reject Reject
	switch binary.BigEndian.Uint16(frame[12:]) {
	case etherIPv4:
		payload, reject = p.parseIPv4(payload)
	case etherIPv6:
		payload, reject = p.parseIPv6(payload)
	default:
		return Protocol
	}
	if reject != Accepted {
		return reject
	}
	return p.parseMessage(payload)
}

func (p *Packet) parseMessage(b []byte) Reject {
	if len(b) < fixedPart {
		return Short
	}
	if isCARP(b) {
		p.Version, p.ID = b[0]>>4, b[1]
		return CARP
	}
	p.Version, p.ID, p.Priority, p.Count = b[0]>>4, b[1], b[2], int(b[3])
	if p.Version != 2 && p.Version != 3 || p.Version == 2 && p.ipv6() {
		return Version
	}
	if b[0]&0xf != 1 {
		return Type
	}
	length := fixedPart + p.Count*addressLength(p.ipv6())
	if p.Version == 2 {
		p.AuthType, p.Interval = b[4], time.Duration(b[5])*time.Second
		length += authData
	} else {
		// The upper four bits are reserved and to be ignored (RFC 9568 §5.2.6).
		p.Interval = time.Duration(binary.BigEndian.Uint16(b[4:])&0xfff) * 10 * time.Millisecond
	}
	if len(b) < length {
		return Short
	}
	p.message = b[:length]
	if rest := b[length:]; len(rest) == hmacTrailer && rest[0] == 1 {
		p.trailer = rest
	} else if len(rest) > 0 {
		return Long
	}
	return p.parseChecksum(b)
}

// isCARP recognises CARP, which shares VRRP's protocol number and begins like version 2 with seven addresses; that
// would be 44 bytes, and 36 bytes of version 2 are five addresses.
func isCARP(b []byte) bool { return len(b) == carpLength && b[0] == 0x21 && b[3] == 7 }

// Addresses appends the virtual addresses; a packet that Parse has rejected may have none to give.
func (p *Packet) Addresses(dst []netip.Addr) []netip.Addr {
	if p.message == nil {
		return dst
	}
	for i := range p.Count {
		dst = append(dst, p.address(i))
	}
	return dst
}

func (p *Packet) address(i int) netip.Addr {
	if p.ipv6() {
		return netip.AddrFrom16([16]byte(p.message[fixedPart+16*i:]))
	}
	return netip.AddrFrom4([4]byte(p.message[fixedPart+4*i:]))
}

// Multicast says whether the packet was sent to a group.
func (p *Packet) Multicast() bool { return p.Destination.IsMulticast() }

func (p *Packet) ipv6() bool { return p.Source.Is6() }

func addressLength(ipv6 bool) int {
	if ipv6 {
		return 16
	}
	return 4
}
