package packet

import (
	"encoding/binary"
	"net/netip"
)

const (
	etherIPv4 = 0x0800
	etherARP  = 0x0806
	etherIPv6 = 0x86dd
)

func (p *Packet) parseIPv4(b []byte) ([]byte, Reject) {
	if len(b) < ipv4Header {
		return nil, Short
	}
	header, total := int(b[0]&0xf)*4, int(binary.BigEndian.Uint16(b[2:]))
	if b[0]>>4 != 4 || header < ipv4Header || total < header {
		return nil, IPHeader
	}
	if len(b) < total {
		return nil, Short
	}
	p.Raw, p.HopLimit = b[:total], b[8]
	p.Source, p.Destination = netip.AddrFrom4([4]byte(b[12:])), netip.AddrFrom4([4]byte(b[16:]))
	if sum(0, b[:header]) != 0xffff { // a packet socket gets what the kernel would have dropped
		return nil, IPHeader
	}
	if binary.BigEndian.Uint16(b[6:])&0x3fff != 0 { // more fragments, or not the first
		return nil, Fragment
	}
	switch b[9] {
	case protocol:
		return p.Raw[header:], Accepted
	case protocolAH:
		return p.parseAH(p.Raw[header:])
	}
	return nil, Protocol
}

func (p *Packet) parseIPv6(b []byte) ([]byte, Reject) {
	if len(b) < ipv6Header {
		return nil, Short
	}
	if b[0]>>4 != 6 {
		return nil, IPHeader
	}
	total := ipv6Header + int(binary.BigEndian.Uint16(b[4:]))
	if len(b) < total {
		return nil, Short
	}
	p.Raw, p.HopLimit = b[:total], b[7]
	p.Source, p.Destination = netip.AddrFrom16([16]byte(b[8:])), netip.AddrFrom16([16]byte(b[24:]))
	const fragment = 44
	switch b[6] {
	case protocol:
		return p.Raw[ipv6Header:], Accepted
	case fragment:
		return nil, Fragment
	}
	return nil, Protocol
}

// parseAH takes the authentication header off. Others use AH too, so one with something else inside is not ours.
func (p *Packet) parseAH(b []byte) ([]byte, Reject) {
	switch {
	case len(b) > 0 && b[0] != protocol:
		return nil, Protocol
	case len(b) < ahHeader:
		return nil, Short
	case b[1] != ahHeader/4-2: // in 32-bit words less two (RFC 2402 §2.2)
		return nil, AHHeader
	}
	p.ah = b[:ahHeader]
	return b[ahHeader:], Accepted
}

// appendIPv4 appends a header without options; DF is clear, as keepalived has it.
func appendIPv4(dst []byte, a *Advert, payload int, next uint8) []byte {
	start := len(dst)
	dst = append(dst, 0x45, trafficClass)
	dst = binary.BigEndian.AppendUint16(dst, uint16(ipv4Header+payload))
	dst = binary.BigEndian.AppendUint16(dst, max(a.IPID, 1)) // the kernel replaces a zero, after the signature
	dst = append(dst, 0, 0, hopLimit, next, 0, 0)
	dst = appendAddress(dst, a.Source)
	dst = appendAddress(dst, a.Destination)
	binary.BigEndian.PutUint16(dst[start+10:], ^sum(0, dst[start:]))
	return dst
}

func appendIPv6(dst []byte, source, destination netip.Addr, class uint8, payload int, next uint8) []byte {
	dst = append(dst, 6<<4|class>>4, class<<4, 0, 0)
	dst = binary.BigEndian.AppendUint16(dst, uint16(payload))
	dst = append(dst, next, hopLimit)
	dst = appendAddress(dst, source)
	return appendAddress(dst, destination)
}

// appendAddress appends 4 or 16 bytes; AsSlice would allocate them first.
func appendAddress(dst []byte, a netip.Addr) []byte {
	if a.Is4() {
		b := a.As4()
		return append(dst, b[:]...)
	}
	b := a.As16()
	return append(dst, b[:]...)
}
