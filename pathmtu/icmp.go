package pathmtu

import (
	"encoding/binary"
	"net"
	"net/netip"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

// icmpHeader is what stands before the payload of a ping, and before what an error quotes.
const icmpHeader = 8

// family is what differs between ICMP (RFC 792) and ICMPv6 (RFC 4443).
type family struct {
	network, any   string
	header, target int // length of the IP header, and where in it the destination is
	size           int // of an address
	asks, answers  icmp.Type
	toobig         icmp.Type
	code           byte // of toobig
	// whole has a socket's packets never fragmented, whatever the kernel believes of the path (ip(7), IP_PMTUDISC_PROBE).
	whole  func(fd int) error
	filter func(net.PacketConn) error
	// mtu is what would pass, as an error says.
	mtu func(message []byte) int
}

func four() *family {
	return &family{
		network: "ip4:icmp", any: "0.0.0.0", header: ipv4.HeaderLen, target: 16, size: net.IPv4len,
		asks: ipv4.ICMPTypeEcho, answers: ipv4.ICMPTypeEchoReply, toobig: ipv4.ICMPTypeDestinationUnreachable, code: 4,
		whole: func(fd int) error {
			return unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_PROBE)
		},
		filter: func(c net.PacketConn) error {
			var f ipv4.ICMPFilter
			f.SetAll(true)
			f.Accept(ipv4.ICMPTypeEchoReply)
			f.Accept(ipv4.ICMPTypeDestinationUnreachable)
			return ipv4.NewPacketConn(c).SetICMPFilter(&f)
		},
		mtu: func(b []byte) int { return int(binary.BigEndian.Uint16(b[6:])) },
	}
}

func six() *family {
	return &family{
		network: "ip6:ipv6-icmp", any: "::", header: ipv6.HeaderLen, target: 24, size: net.IPv6len,
		asks: ipv6.ICMPTypeEchoRequest, answers: ipv6.ICMPTypeEchoReply, toobig: ipv6.ICMPTypePacketTooBig,
		whole: func(fd int) error {
			if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_PROBE); err != nil {
				return err
			}
			return unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_DONTFRAG, 1) // here the sender himself would
		},
		filter: func(c net.PacketConn) error {
			var f ipv6.ICMPFilter
			f.SetAll(true)
			f.Accept(ipv6.ICMPTypeEchoReply)
			f.Accept(ipv6.ICMPTypePacketTooBig)
			return ipv6.NewPacketConn(c).SetICMPFilter(&f)
		},
		mtu: func(b []byte) int { return int(min(binary.BigEndian.Uint32(b[4:]), 1<<16)) },
	}
}

// request is a ping without its IP header. The kernel sums ICMPv6.
func (f *family) request(id, seq uint16, data []byte) ([]byte, error) {
	return (&icmp.Message{Type: f.asks, Body: &icmp.Echo{ID: int(id), Seq: int(seq), Data: data}}).Marshal(nil)
}

// message is an ICMP message, as far as it concerns us.
type message struct {
	kind    kind
	id, seq uint16
	cookie  uint64     // of an echo
	target  netip.Addr // of a refusal: where the ping was going
	mtu     int        // of a refusal: what would pass; 0: it does not say
}

type kind uint8

const (
	foreign kind = iota
	echoed
	refused
)

// parse reads a message without its IP header.
func (f *family) parse(b []byte) message {
	const cookie = 8
	if len(b) < icmpHeader+cookie {
		return message{}
	}
	quoted := b[icmpHeader:]
	switch {
	case b[0] == number(f.answers):
		return message{
			kind: echoed, id: binary.BigEndian.Uint16(b[4:]), seq: binary.BigEndian.Uint16(b[6:]), cookie: binary.BigEndian.Uint64(quoted),
		}
	case b[0] != number(f.toobig) || b[1] != f.code:
	case len(quoted) < f.header+icmpHeader || quoted[f.header] != number(f.asks): // a ping of ours has no options
	default:
		m := message{kind: refused, mtu: f.mtu(b)}
		m.id, m.seq = binary.BigEndian.Uint16(quoted[f.header+4:]), binary.BigEndian.Uint16(quoted[f.header+6:])
		m.target, _ = netip.AddrFromSlice(quoted[f.target : f.target+f.size])
		return m
	}
	return message{}
}

func number(t icmp.Type) byte {
	if t, is := t.(ipv4.ICMPType); is {
		return byte(t)
	}
	return byte(t.(ipv6.ICMPType))
}
