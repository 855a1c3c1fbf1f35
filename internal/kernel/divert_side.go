package kernel

import (
	"encoding/binary"
	"net"
	"net/netip"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"github.com/twinpath/twinpath/firewall"
)

// side is what a family has of its own.
type side struct {
	four   bool
	digit  string
	icmp   firewall.Field
	echoes []byte         // types of ICMP that have an identifier: request and reply
	errors []byte         // types of ICMP errors
	local  []netip.Prefix // what leaves no link
}

// families are those that go to the other router.
func (d *diversion) families() (sides []side) {
	if d.Gateway4.IsValid() {
		sides = append(sides, side{four: true, digit: "4", icmp: firewall.ICMPType, echoes: []byte{8, 0}, errors: []byte{3, 11, 12}})
	}
	if d.Gateway6.IsValid() {
		sides = append(sides, side{digit: "6", icmp: firewall.ICMPv6Type, echoes: []byte{128, 129}, errors: []byte{1, 2, 3, 4},
			local: []netip.Prefix{netip.MustParsePrefix("fe80::/10")}})
	}
	return sides
}

func (f side) is() firewall.Match {
	family := byte(unix.NFPROTO_IPV6)
	if f.four {
		family = unix.NFPROTO_IPV4
	}
	return firewall.Match{Field: firewall.Family, Value: firewall.Value{Bytes: []byte{family}}}
}

func (f side) destination() firewall.Field {
	if f.four {
		return firewall.Destination4
	}
	return firewall.Destination6
}

// The registers of 4 bytes, of which a key takes a row (linux/netfilter/nf_tables.h, NFT_REG32_00).
const firstRegister4 = 8

// part brings a part of a key into a register of 4 bytes.
type part func(register uint32) expr.Any

func zero(register uint32) expr.Any {
	return &expr.Immediate{Register: register, Data: make([]byte, 2)}
}

// payload is a part that is found so far behind the network header.
func (f side) payload(offset uint32) part {
	return func(register uint32) expr.Any {
		return &expr.Payload{DestRegister: register, Base: expr.PayloadBaseTransportHeader, Offset: offset, Len: 2}
	}
}

// key brings the key of a packet's flow into the registers: both addresses, the protocol, and two parts.
func (f side) key(from, to part) []expr.Any {
	offset, length := uint32(8), uint32(16)
	if f.four {
		offset, length = 12, 4
	}
	register := uint32(firstRegister4)
	var steps []expr.Any
	for range 2 {
		steps = append(steps, &expr.Payload{DestRegister: register, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: length})
		offset, register = offset+length, register+length/4
	}
	return append(steps, &expr.Meta{Key: expr.MetaKeyL4PROTO, Register: register}, from(register+1), to(register+2))
}

// in wants the key in one of the family's lists.
func (f side) in(list string) []expr.Any {
	return []expr.Any{&expr.Lookup{SourceRegister: firstRegister4, SetName: list + f.digit}}
}

// remember puts the key into the list of what All has sent on.
func (f side) remember() []expr.Any {
	return []expr.Any{&expr.Dynset{SrcRegKey: firstRegister4, SetName: listSeen + f.digit, Operation: unix.NFT_DYNSET_OP_UPDATE}}
}

func goTo(chain string) []expr.Any {
	return []expr.Any{&expr.Verdict{Kind: expr.VerdictGoto, Chain: chain}}
}

func back() []expr.Any { return []expr.Any{&expr.Verdict{Kind: expr.VerdictReturn}} }

func word32(n uint32) firewall.Value {
	return firewall.Value{Bytes: binary.NativeEndian.AppendUint32(nil, n)}
}

// deviceName is an interface's name as the kernel compares it, in full.
func deviceName(name string) firewall.Value {
	b := make([]byte, unix.IFNAMSIZ)
	copy(b, name)
	return firewall.Value{Bytes: b}
}

// stationOf is an Ethernet address; one that is none is nobody's.
func stationOf(text string) []byte {
	if mac, err := net.ParseMAC(text); err == nil && len(mac) == 6 {
		return mac
	}
	return make([]byte, 6)
}
