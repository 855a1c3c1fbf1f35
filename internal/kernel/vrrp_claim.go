package kernel

import (
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"
	"slices"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/twinpath/twinpath/vrrp"
)

// Offsets into an Ethernet frame with ARP (RFC 826) or a neighbour advertisement (RFC 4861 §4.4).
const (
	arpSenderMAC  = etherHeader + 8
	arpSenderIP   = etherHeader + 14
	ipv6HopLimit  = etherHeader + 7
	icmpType      = etherHeader + 40
	icmpTarget    = icmpType + 8
	advertisement = 136
)

// guardable bounds the addresses of one wire: a filter has 4,096 instructions, and each address takes two.
const guardable = 2000

var _ vrrp.Claims = (*wire)(nil)

// Guard implements vrrp.Claims.
func (w *wire) Guard(addresses []netip.Addr) error {
	if len(addresses) > guardable {
		addresses = addresses[:guardable]
	}
	guarded := make([]netip.Addr, len(addresses))
	for i, a := range addresses {
		guarded[i] = a.Unmap()
	}
	w.guarded.Store(&guarded)
	err := control(w.claims, func(fd int) error { return attach(fd, claims(guarded)) })
	if err != nil {
		return fmt.Errorf("look for other users of virtual addresses on %s: %w", w.name, err)
	}
	return nil
}

// Claim implements vrrp.Claims.
func (w *wire) Claim() (vrrp.Claim, error) {
	frame := make([]byte, icmpTarget+16)
	for {
		n, err := w.read(w.claims, frame)
		if err != nil {
			return vrrp.Claim{}, fmt.Errorf("receive on %s: %w", w.name, err)
		}
		c, ok := claimOf(frame[:n])
		if guarded := w.guarded.Load(); ok && guarded != nil && slices.Contains(*guarded, c.Address) {
			return c, nil
		}
	}
}

// claims passes ARP with one of the addresses as its sender's, and neighbour advertisements for one of them as far as
// the last four bytes tell.
func claims(addresses []netip.Addr) []bpf.Instruction {
	var v4, v6 []bpf.Instruction
	for _, a := range addresses {
		b := a.AsSlice()
		is := []bpf.Instruction{
			bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: binary.BigEndian.Uint32(b[len(b)-4:]), SkipTrue: 1},
			bpf.RetConstant{Val: math.MaxUint16},
		}
		if a.Is4() {
			v4 = append(v4, is...)
		} else {
			v6 = append(v6, is...)
		}
	}
	all := []bpf.Instruction{
		bpf.LoadExtension{Num: bpf.ExtVLANTagPresent},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0, SkipTrue: 2},
		bpf.LoadExtension{Num: bpf.ExtVLANTag},
		bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: 0xfff, SkipTrue: 3},
		bpf.LoadAbsolute{Off: etherType, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.ETH_P_ARP, SkipTrue: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.ETH_P_IPV6, SkipTrue: 2},
		bpf.RetConstant{Val: 0},
		bpf.Jump{Skip: 6},
		bpf.LoadAbsolute{Off: ipv6Next, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.IPPROTO_ICMPV6, SkipTrue: 3},
		bpf.LoadAbsolute{Off: icmpType, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: advertisement, SkipTrue: 1},
		bpf.Jump{Skip: uint32(3 + len(v4))},
		bpf.RetConstant{Val: 0},
		bpf.LoadAbsolute{Off: arpSenderIP, Size: 4},
	}
	all = append(append(all, v4...), bpf.RetConstant{Val: 0})
	all = append(all, bpf.LoadAbsolute{Off: icmpTarget + 12, Size: 4})
	return append(append(all, v6...), bpf.RetConstant{Val: 0})
}

// claimOf reads what has passed the filter. A hop limit of 255 shows that no router has forwarded an advertisement.
func claimOf(f []byte) (c vrrp.Claim, ok bool) {
	if len(f) < arpSenderIP+4 {
		return c, false
	}
	if binary.BigEndian.Uint16(f[etherType:]) == unix.ETH_P_ARP {
		copy(c.MAC[:], f[arpSenderMAC:])
		c.Address = netip.AddrFrom4([4]byte(f[arpSenderIP:]))
		return c, string(f[etherHeader:etherHeader+6]) == "\x00\x01\x08\x00\x06\x04" // Ethernet and IPv4
	}
	if len(f) < icmpTarget+16 || f[ipv6HopLimit] != 255 {
		return c, false
	}
	copy(c.MAC[:], f[etherSource:])
	c.Address = netip.AddrFrom16([16]byte(f[icmpTarget:]))
	return c, true
}
