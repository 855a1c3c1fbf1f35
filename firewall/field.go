package firewall

import "fmt"

// Field is what a match looks at.
type Field int

// The fields our rules look at, named as nft names them.
const (
	NoField Field = iota
	InDevice
	OutDevice
	Family      // IPv4 or IPv6
	ConnState   // a set of bits
	ConnStatus  // a set of bits
	ConnSide    // original or reply direction
	ConnMark    // of the connection
	PacketMark  // of the packet
	DestKind    // whether the destination is ours, a broadcast, …
	RouteThere  // whether there is a route to the destination that is none of a refusal
	EtherSource // Ethernet address
	Source4
	Destination4
	Source6
	Destination6
	HopLimit6
	Protocol // of the transport layer
	ICMPType
	ICMPv6Type
	TCPPort // destination
	UDPPort // destination
	UDPFrom // source
	TCPFlags
)

// String is the field as nft writes it.
func (f Field) String() string {
	switch f {
	case InDevice:
		return "iifname"
	case OutDevice:
		return "oifname"
	case Family:
		return "meta nfproto"
	case ConnState:
		return "ct state"
	case ConnStatus:
		return "ct status"
	case ConnSide:
		return "ct direction"
	case ConnMark:
		return "ct mark"
	case PacketMark:
		return "meta mark"
	case DestKind:
		return "fib daddr type"
	case RouteThere:
		return "fib daddr oif"
	case EtherSource:
		return "ether saddr"
	case Source4:
		return "ip saddr"
	case Destination4:
		return "ip daddr"
	case Source6:
		return "ip6 saddr"
	case Destination6:
		return "ip6 daddr"
	case HopLimit6:
		return "ip6 hoplimit"
	case Protocol:
		return "meta l4proto"
	case ICMPType:
		return "icmp type"
	case ICMPv6Type:
		return "icmpv6 type"
	case TCPPort:
		return "tcp dport"
	case UDPPort:
		return "udp dport"
	case UDPFrom:
		return "udp sport"
	case TCPFlags:
		return "tcp flags"
	}
	return fmt.Sprintf("field %d", int(f))
}

// Type is the type of a set's elements.
type Type int

// The element types of our sets, named as nft names them.
const (
	NoType Type = iota
	Device
	Ethernet
	Address4
	Address6
	Port
	ICMP
	ICMPv6
	Protocols // of the transport layer
)

// String is the type as nft writes it.
func (t Type) String() string {
	switch t {
	case Device:
		return "ifname"
	case Ethernet:
		return "ether_addr"
	case Address4:
		return "ipv4_addr"
	case Address6:
		return "ipv6_addr"
	case Port:
		return "inet_service"
	case ICMP:
		return "icmp_type"
	case ICMPv6:
		return "icmpv6_type"
	case Protocols:
		return "inet_proto"
	}
	return fmt.Sprintf("type %d", int(t))
}
