package kernel

import (
	"encoding/binary"
	"math"

	"github.com/twinpath/twinpath/firewall"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// flowNews passes what conntrack tells of entries with a WAN's mark: that they are new, that they are gone, and that their TCP
// connection is closed. All else would wake us four times for each connection.
func flowNews() []bpf.Instruction {
	const attributesAt = netlinkHeader + netfilterStart
	return []bpf.Instruction{
		bpf.LoadConstant{Dst: bpf.RegA, Val: attributesAt},
		bpf.LoadConstant{Dst: bpf.RegX, Val: trackMark},
		bpf.LoadExtension{Num: bpf.ExtNetlinkAttr}, // where the attribute begins, 0 when there is none
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0, SkipTrue: 21},
		bpf.TAX{},
		bpf.LoadIndirect{Off: unix.SizeofRtAttr, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpBitsNotSet, Val: uint32(firewall.MarkMask), SkipTrue: 18},
		bpf.LoadAbsolute{Off: 4, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: asLoaded(trackNew), SkipTrue: 15},
		bpf.LoadAbsolute{Off: 6, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: asLoaded(unix.NLM_F_CREATE), SkipTrue: 13},
		bpf.LoadConstant{Dst: bpf.RegA, Val: attributesAt},
		bpf.LoadConstant{Dst: bpf.RegX, Val: trackProtoInfo},
		bpf.LoadExtension{Num: bpf.ExtNetlinkAttr},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0, SkipTrue: 10},
		bpf.LoadConstant{Dst: bpf.RegX, Val: protoInfoTCP},
		bpf.LoadExtension{Num: bpf.ExtNetlinkAttrNested},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0, SkipTrue: 7},
		bpf.LoadConstant{Dst: bpf.RegX, Val: tcpStateValue},
		bpf.LoadExtension{Num: bpf.ExtNetlinkAttrNested},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0, SkipTrue: 4},
		bpf.TAX{},
		bpf.LoadIndirect{Off: unix.SizeofRtAttr, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: tcpTimeWait, SkipFalse: 2},
		bpf.RetConstant{Val: math.MaxInt32},
		bpf.RetConstant{Val: 0},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: tcpClose, SkipTrue: 1},
		bpf.RetConstant{Val: 0},
		bpf.RetConstant{Val: math.MaxInt32},
	}
}

// asLoaded is a number of the machine's byte order as a filter reads it.
func asLoaded(v uint16) uint32 {
	return uint32(binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, v)))
}
