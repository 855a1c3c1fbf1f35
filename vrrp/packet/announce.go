package packet

import (
	"encoding/binary"
	"net/netip"
)

var (
	broadcast = [6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	allNodes  = netip.AddrFrom16([16]byte{0: 0xff, 1: 0x02, 15: 0x01})
)

const (
	arpRequest = 1
	arpReply   = 2
	icmpv6     = 58
)

// AppendARP appends a broadcast frame that says where an IPv4 address is now (RFC 5227 §3). Some hosts believe only the
// request, some only the reply. The target hardware address is the broadcast one in both, as keepalived and FRR send it.
func AppendARP(dst []byte, reply bool, mac [6]byte, address netip.Addr) []byte {
	operation := uint16(arpRequest)
	if reply {
		operation = arpReply
	}
	return appendARP(dst, operation, mac, address, broadcast, address)
}

// AppendNA appends an unsolicited neighbour advertisement to all nodes with the override flag (RFC 4861 §7.2.6), sent
// from the address that it is about.
func AppendNA(dst []byte, mac [6]byte, address netip.Addr, router bool) []byte {
	flags := byte(0x20)
	if router {
		flags |= 0x80
	}
	const targetLinkLayer = 2
	return appendND(dst, 136, flags, mac, address, allNodes, address, targetLinkLayer)
}

// AppendProbe appends a frame that asks whether anybody has an address. An invalid source asks for nobody, so that no
// neighbour learns anything: an ARP probe (RFC 5227 §2.1.1), or a solicitation as in RFC 4862 §5.4.2.
func AppendProbe(dst []byte, mac [6]byte, address netip.Addr, source netip.Addr) []byte {
	if address.Is4() {
		if !source.IsValid() {
			source = netip.IPv4Unspecified()
		}
		return appendARP(dst, arpRequest, mac, source, [6]byte{}, address)
	}
	node := address.As16()
	solicited := netip.AddrFrom16([16]byte{0: 0xff, 1: 0x02, 11: 0x01, 12: 0xff, 13: node[13], 14: node[14], 15: node[15]})
	sourceLinkLayer := byte(1)
	if !source.IsValid() || source.IsUnspecified() {
		source, sourceLinkLayer = netip.IPv6Unspecified(), 0
	}
	return appendND(dst, 135, 0, mac, source, solicited, address, sourceLinkLayer)
}

func appendARP(dst []byte, operation uint16, mac [6]byte, source netip.Addr, target [6]byte, address netip.Addr) []byte {
	dst = AppendEthernet(dst, mac, broadcast, etherARP)
	dst = append(dst, 0, 1, 0x08, 0x00, 6, 4) // Ethernet and IPv4
	dst = binary.BigEndian.AppendUint16(dst, operation)
	dst = append(dst, mac[:]...)
	dst = appendAddress(dst, source)
	dst = append(dst, target[:]...)
	return appendAddress(dst, address)
}

// appendND appends a neighbour discovery message with one option that carries mac, or none when option is 0.
func appendND(dst []byte, kind, flags byte, mac [6]byte, source, destination, target netip.Addr, option byte) []byte {
	length := 24
	if option != 0 {
		length += 8
	}
	tail := destination.As16()
	dst = AppendEthernet(dst, mac, [6]byte{0x33, 0x33, tail[12], tail[13], tail[14], tail[15]}, etherIPv6)
	dst = appendIPv6(dst, source, destination, 0, length, icmpv6)
	message := len(dst)
	dst = append(dst, kind, 0, 0, 0, flags, 0, 0, 0)
	dst = appendAddress(dst, target)
	if option != 0 {
		dst = append(dst, option, 1)
		dst = append(dst, mac[:]...)
	}
	check := ^sum(pseudoSum(source, destination, length, icmpv6), dst[message:])
	binary.BigEndian.PutUint16(dst[message+2:], check)
	return dst
}
