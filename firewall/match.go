package firewall

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
)

// Numbers from linux/netfilter/nf_conntrack_common.h, linux/rtnetlink.h and RFC 9293 §3.1.
const (
	stateInvalid     = 1
	stateEstablished = 2
	stateRelated     = 4
	stateNew         = 8
	statusRedirected = 1 << 5
	kindLocal        = 2
	kindBroadcast    = 3
	kindMulticast    = 5
	kindUnreachable  = 7
	tcpFIN           = 1
	tcpSYN           = 2
	tcpRST           = 4
	tcpACK           = 16
)

func native(text string, n uint32) Value {
	return Value{Text: text, Bytes: binary.NativeEndian.AppendUint32(nil, n)}
}

func small(text string, n byte) Value { return Value{Text: text, Bytes: []byte{n}} }

func device(name string) Value {
	bytes := make([]byte, 16) // IFNAMSIZ, which the kernel compares in full
	copy(bytes, name)
	return Value{Text: strconv.Quote(name), Bytes: bytes}
}

func from(name string) Match     { return Match{Field: InDevice, Value: device(name)} }
func leaving(name string) Match  { return Match{Field: OutDevice, Value: device(name)} }
func in(f Field, s string) Expr  { return Member{Field: f, Set: s} }
func out(f Field, s string) Expr { return Member{Field: f, Set: s, Not: true} }

func bits(f Field, text string, n uint32) Bits { return Bits{Field: f, Value: native(text, n)} }
func kind(text string, n uint32) Match         { return Match{Field: DestKind, Value: native(text, n)} }

// wan wants the WAN's bits of a mark to be those of m; 0 is none.
func wan(f Field, m Mark) Masked {
	return Masked{Field: f, Mask: mark(MarkMask), Value: mark(m)}
}

// otherWAN wants the WAN's bits of a mark to differ from those of m.
func otherWAN(f Field, m Mark) Masked {
	return Masked{Field: f, Mask: mark(MarkMask), Not: true, Value: mark(m)}
}

func mark(m Mark) Value { return native(fmt.Sprintf("0x%08x", uint32(m)), uint32(m)) }

func setWAN(f Field, m Mark) SetMark { return SetMark{Field: f, Mask: MarkMask, Mark: m} }

func flagged(m Mark) Masked {
	return Masked{Field: PacketMark, Mask: mark(m), Value: mark(m)}
}

func unflagged(m Mark) Masked {
	return Masked{Field: PacketMark, Mask: mark(m), Not: true, Value: mark(m)}
}

// marked is flagged for connections.
func marked(m Mark) Masked { return Masked{Field: ConnMark, Mask: mark(m), Value: mark(m)} }

func tcp() Match { return Match{Field: Protocol, Value: small("tcp", 6)} }

func family(a netip.Addr) Match {
	if a.Is4() {
		return ipv4()
	}
	return ipv6()
}

func ipv4() Match { return Match{Field: Family, Value: small("ipv4", 2)} }
func ipv6() Match { return Match{Field: Family, Value: small("ipv6", 10)} }

func address(a netip.Addr) Match {
	field := Destination4
	if a.Is6() {
		field = Destination6
	}
	return Match{Field: field, Value: Value{Text: a.String(), Bytes: a.AsSlice()}}
}

func port(f Field, n uint16) Match {
	return Match{Field: f, Value: Value{Text: strconv.Itoa(int(n)), Bytes: binary.BigEndian.AppendUint16(nil, n)}}
}

// opening is a SYN, alone or with ACK: the packets that announce a segment size.
func opening() Masked {
	return Masked{Field: TCPFlags, Mask: small("(syn | rst)", tcpSYN|tcpRST), Value: small("syn", tcpSYN)}
}

// midstream is any TCP packet that does not begin a connection.
func midstream() Masked {
	return Masked{Field: TCPFlags, Mask: small("(fin | syn | rst | ack)", tcpFIN|tcpSYN|tcpRST|tcpACK),
		Not: true, Value: small("syn", tcpSYN)}
}

func known() Bits {
	return bits(ConnState, "established,related", stateEstablished|stateRelated)
}

func fresh() Bits   { return bits(ConnState, "new", stateNew) }
func invalid() Bits { return bits(ConnState, "invalid", stateInvalid) }

func accept() Verdict           { return Verdict{Kind: Accept} }
func drop() Verdict             { return Verdict{Kind: Drop} }
func goTo(chain string) Verdict { return Verdict{Kind: Goto, Chain: chain} }

// concat makes a new list: two rules that begin alike share no memory.
func concat(lists ...[]Expr) Rule { return slices.Concat(lists...) }
