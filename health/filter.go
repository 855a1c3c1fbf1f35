package health

import (
	"net"

	"golang.org/x/net/bpf"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// filter4 lets only what parse understands reach a socket, and of that only what carries our id.
func filter4(c net.PacketConn, id uint16) error {
	p := ipv4.NewPacketConn(c)
	var types ipv4.ICMPFilter
	types.SetAll(true)
	for _, t := range []ipv4.ICMPType{ipv4.ICMPTypeEchoReply, ipv4.ICMPTypeDestinationUnreachable, ipv4.ICMPTypeTimeExceeded} {
		types.Accept(t)
	}
	if err := p.SetICMPFilter(&types); err != nil {
		return err
	}
	program, err := program4(id)
	if err != nil {
		return err
	}
	return p.SetBPF(program)
}

func filter6(c net.PacketConn, id uint16) error {
	p := ipv6.NewPacketConn(c)
	var types ipv6.ICMPFilter
	types.SetAll(true)
	for _, t := range []ipv6.ICMPType{ipv6.ICMPTypeEchoReply, ipv6.ICMPTypeDestinationUnreachable, ipv6.ICMPTypeTimeExceeded} {
		types.Accept(t)
	}
	if err := p.SetICMPFilter(&types); err != nil {
		return err
	}
	program, err := program6(id)
	if err != nil {
		return err
	}
	return p.SetBPF(program)
}

// program4 keeps everything from waking us that does not carry our id: the replies to other programs' pings on this machine, and
// errors about their traffic. A raw IPv4 socket's filter sees the IP header first.
func program4(id uint16) ([]bpf.RawInstruction, error) {
	return bpf.Assemble([]bpf.Instruction{
		bpf.LoadMemShift{Off: 0}, // X = length of the IP header
		bpf.LoadIndirect{Off: 0, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(ipv4.ICMPTypeEchoReply), SkipFalse: 2},
		bpf.LoadIndirect{Off: 4, Size: 2},
		bpf.Jump{Skip: 1},
		bpf.LoadIndirect{Off: icmpHeader + ipv4.HeaderLen + 4, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(id), SkipFalse: 1},
		bpf.RetConstant{Val: 1 << 16},
		bpf.RetConstant{Val: 0},
	})
}

// program6 does the same for ICMPv6, whose raw sockets see no IP header.
func program6(id uint16) ([]bpf.RawInstruction, error) {
	return bpf.Assemble([]bpf.Instruction{
		bpf.LoadAbsolute{Off: 0, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(ipv6.ICMPTypeEchoReply), SkipFalse: 2},
		bpf.LoadAbsolute{Off: 4, Size: 2},
		bpf.Jump{Skip: 1},
		bpf.LoadAbsolute{Off: icmpHeader + ipv6.HeaderLen + 4, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(id), SkipFalse: 1},
		bpf.RetConstant{Val: 1 << 16},
		bpf.RetConstant{Val: 0},
	})
}
