package kernel

import (
	"encoding/binary"
	"math"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// Offsets into an Ethernet frame without a VLAN tag.
const (
	etherSource = 6
	etherType   = 12
	etherHeader = 14
	ipProtocol  = etherHeader + 9
	ipv6Next    = etherHeader + 6
)

// VRRP is its IP protocol number (RFC 9568 §5.1.1.5); AH is IPsec's authentication header before it.
const (
	protocolVRRP = 112
	protocolAH   = 51
)

// dropAll is the filter of sockets that are there only to be open, and of all others until their own is in place.
func dropAll() []bpf.Instruction { return []bpf.Instruction{bpf.RetConstant{Val: 0}} }

// adverts passes IPv4 packets of protocol 112 or 51 and IPv6 packets of protocol 112, those for other hosts and of other VLANs
// excepted: the kernel takes the tag off before it shows a frame, so that one of VLAN 5 looks like one without.
func adverts() []bpf.Instruction {
	return []bpf.Instruction{
		bpf.LoadExtension{Num: bpf.ExtType},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.PACKET_OTHERHOST, SkipTrue: 13},
		bpf.LoadExtension{Num: bpf.ExtVLANTagPresent},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0, SkipTrue: 2},
		bpf.LoadExtension{Num: bpf.ExtVLANTag},
		bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: 0xfff, SkipTrue: 9}, // number 0 is a mere priority
		bpf.LoadAbsolute{Off: etherType, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.ETH_P_IPV6, SkipTrue: 4},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.ETH_P_IP, SkipTrue: 6},
		bpf.LoadAbsolute{Off: ipProtocol, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: protocolAH, SkipTrue: 3},
		bpf.Jump{Skip: 1},
		bpf.LoadAbsolute{Off: ipv6Next, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: protocolVRRP, SkipTrue: 1},
		bpf.RetConstant{Val: math.MaxUint16},
		bpf.RetConstant{Val: 0},
	}
}

// forwarded passes frames that a switch has forwarded from another station: neither from this address, which a radio
// may echo, nor to the addresses that bridges keep to themselves (IEEE 802.1Q §8.6.3).
func forwarded(mac [6]byte) []bpf.Instruction {
	return []bpf.Instruction{
		bpf.LoadAbsolute{Off: etherSource, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: binary.BigEndian.Uint32(mac[:]), SkipTrue: 2},
		bpf.LoadAbsolute{Off: etherSource + 4, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(binary.BigEndian.Uint16(mac[4:])), SkipTrue: 6},
		bpf.LoadAbsolute{Off: 0, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 0x0180c200, SkipTrue: 3},
		bpf.LoadAbsolute{Off: 4, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpGreaterThan, Val: 0x000f, SkipTrue: 1},
		bpf.RetConstant{Val: 0},
		bpf.RetConstant{Val: etherHeader},
		bpf.RetConstant{Val: 0},
	}
}

// withoutVirtual drops the news of virtual addresses that come or are renewed, before it wakes anybody: 255 of them a second
// cost more to read than to send. The kernel tells of each address in a message of its own.
func withoutVirtual() []bpf.Instruction {
	kind := binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, unix.RTM_NEWADDR)) // as the filter reads it
	return []bpf.Instruction{
		bpf.LoadAbsolute{Off: 4, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: uint32(kind), SkipTrue: 7},
		bpf.LoadConstant{Dst: bpf.RegX, Val: ifaProto},
		bpf.LoadConstant{Dst: bpf.RegA, Val: unix.NLMSG_HDRLEN + unix.SizeofIfAddrmsg},
		bpf.LoadExtension{Num: bpf.ExtNetlinkAttr}, // where the attribute is; 0: nowhere
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0, SkipTrue: 3},
		bpf.TAX{},
		bpf.LoadIndirect{Off: unix.SizeofRtAttr, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: virtualProtocol, SkipTrue: 1},
		bpf.RetConstant{Val: math.MaxUint32},
		bpf.RetConstant{Val: 0},
	}
}
