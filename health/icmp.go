package health

import (
	"encoding/binary"
	"net"
	"net/netip"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// family is what differs between ICMP (RFC 792) and ICMPv6 (RFC 4443).
type family struct {
	network, any string
	ask          icmp.Type
	reply        byte
	unreachable  byte
	exceeded     byte
	inner        int // length of the IP header quoted in an error; our requests carry no options
	target       int // where the destination is in it
	size         int // of an address
	filter       func(net.PacketConn, uint16) error
}

func echo4() *family {
	return &family{
		network: "ip4:icmp", any: "0.0.0.0", ask: ipv4.ICMPTypeEcho,
		reply: byte(ipv4.ICMPTypeEchoReply), unreachable: byte(ipv4.ICMPTypeDestinationUnreachable), exceeded: byte(ipv4.ICMPTypeTimeExceeded),
		inner: ipv4.HeaderLen, target: 16, size: net.IPv4len, filter: filter4,
	}
}

func echo6() *family {
	return &family{
		network: "ip6:ipv6-icmp", any: "::", ask: ipv6.ICMPTypeEchoRequest,
		reply: byte(ipv6.ICMPTypeEchoReply), unreachable: byte(ipv6.ICMPTypeDestinationUnreachable), exceeded: byte(ipv6.ICMPTypeTimeExceeded),
		inner: ipv6.HeaderLen, target: 24, size: net.IPv6len, filter: filter6,
	}
}

// request returns an echo request: id, sequence number and the cookie as its 8 bytes of payload.
func (f *family) request(id, seq uint16, cookie uint64) []byte {
	data := binary.BigEndian.AppendUint64(make([]byte, 0, 8), cookie)
	message := icmp.Message{Type: f.ask, Body: &icmp.Echo{ID: int(id), Seq: int(seq), Data: data}}
	packet, err := message.Marshal(nil) // the kernel sums ICMPv6
	if err != nil {
		return nil // an Echo body always marshals
	}
	return packet
}

// message is a received ICMP message, as far as it concerns us.
type message struct {
	kind    messageKind
	id, seq uint16
	cookie  uint64     // of an echo
	source  netip.Addr // of an error: who had sent the request
	target  netip.Addr // of an error: where the request was going
	expired bool       // of an error: it was that the request had made all the hops it was allowed to
	reason  string
}

type messageKind uint8

const (
	foreign messageKind = iota
	echoed              // the answer to a request
	refused             // an error about a request
)

const icmpHeader = 8

// parse reads an ICMP message without its IP header.
func (f *family) parse(b []byte) message {
	if len(b) < icmpHeader {
		return message{}
	}
	switch b[0] {
	case f.reply:
		if len(b) < icmpHeader+8 {
			return message{}
		}
		m := numbers(b)
		m.kind, m.cookie = echoed, binary.BigEndian.Uint64(b[icmpHeader:])
		return m
	case f.unreachable, f.exceeded:
		return f.quoted(b)
	}
	return message{}
}

// quoted reads the request that an error is about.
func (f *family) quoted(b []byte) message {
	if len(b) < icmpHeader+f.inner+icmpHeader {
		return message{}
	}
	quote := b[icmpHeader:]
	if ask := quote[f.inner]; ask != byte(ipv4.ICMPTypeEcho) && ask != byte(ipv6.ICMPTypeEchoRequest) {
		return message{}
	}
	m := numbers(quote[f.inner:])
	m.kind = refused
	m.target, _ = netip.AddrFromSlice(quote[f.target : f.target+f.size])
	m.source, _ = netip.AddrFromSlice(quote[f.target-f.size : f.target])
	m.reason = "destination unreachable"
	if b[0] == f.exceeded {
		m.expired = true
		m.reason = "too many hops, the packet goes in circles"
	}
	return m
}

func numbers(b []byte) message {
	return message{id: binary.BigEndian.Uint16(b[4:]), seq: binary.BigEndian.Uint16(b[6:])}
}
