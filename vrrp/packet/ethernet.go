package packet

import (
	"encoding/binary"
	"net/netip"
)

var (
	group4 = netip.AddrFrom4([4]byte{224, 0, 0, 18})
	group6 = netip.AddrFrom16([16]byte{0: 0xff, 1: 0x02, 15: 0x12})
)

// AppendEthernet appends an Ethernet header.
func AppendEthernet(dst []byte, source, destination [6]byte, etherType uint16) []byte {
	dst = append(dst, destination[:]...)
	dst = append(dst, source[:]...)
	return binary.BigEndian.AppendUint16(dst, etherType)
}

// EtherType returns what an Ethernet header says of an IP packet's family.
func EtherType(ipv6 bool) uint16 {
	if ipv6 {
		return etherIPv6
	}
	return etherIPv4
}

// Group returns the multicast group of adverts and its Ethernet address (RFC 9568 §5.1.1.2, §5.1.2.2).
func Group(ipv6 bool) (netip.Addr, [6]byte) {
	if ipv6 {
		return group6, [6]byte{0x33, 0x33, 0, 0, 0, 0x12}
	}
	return group4, [6]byte{0x01, 0x00, 0x5e, 0, 0, 0x12}
}

func group(ipv6 bool) netip.Addr {
	if ipv6 {
		return group6
	}
	return group4
}

// VirtualMAC returns a virtual router's Ethernet address (RFC 9568 §7.3).
func VirtualMAC(id uint8, ipv6 bool) [6]byte {
	if ipv6 {
		return [6]byte{0x00, 0x00, 0x5e, 0x00, 0x02, id}
	}
	return [6]byte{0x00, 0x00, 0x5e, 0x00, 0x01, id}
}
