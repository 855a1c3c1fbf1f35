package kernel

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"sync"

	"github.com/mdlayher/packet"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/twinpath/twinpath/wan"
)

// DHCPSockets opens the sockets of a WAN's DHCP client. Mark is the WAN's firewall mark: it makes a
// message to one server look its route up in that WAN's own table.
type DHCPSockets struct{ Mark uint32 }

const (
	dhcpServerPort = 67
	dhcpClientPort = 68
	headers        = 20 + 8 // IPv4 without options, and UDP
)

// dhcpLine is a packet socket, which works without an address, and a UDP socket for messages to one
// server, which the kernel routes.
type dhcpLine struct {
	device *net.Interface
	mark   uint32
	raw    *packet.Conn

	mu    sync.Mutex
	udp   net.PacketConn // nil until needed
	local netip.Addr     // of udp
}

var _ wan.Sockets = DHCPSockets{}

// Open implements wan.Sockets. The kernel drops everything but DHCP before it reaches us: an
// unfiltered packet socket spends a third of a core when the WAN is flooded.
func (s DHCPSockets) Open(device string) (wan.Line, error) {
	link, err := net.InterfaceByName(device)
	if err != nil {
		return nil, fmt.Errorf("open dhcp socket on %s: %w", device, err)
	}
	filter, err := bpf.Assemble(dhcpFilter())
	if err != nil {
		return nil, err
	}
	raw, err := packet.Listen(link, packet.Datagram, unix.ETH_P_IP, &packet.Config{Filter: filter})
	if err != nil {
		return nil, fmt.Errorf("open dhcp socket on %s: %w", device, err)
	}
	return &dhcpLine{device: link, mark: s.Mark, raw: raw}, nil
}

// dhcpFilter passes whole UDP datagrams to the client port. Offsets count from the IPv4 header.
func dhcpFilter() []bpf.Instruction {
	return []bpf.Instruction{
		bpf.LoadAbsolute{Off: 9, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.IPPROTO_UDP, SkipTrue: 6},
		bpf.LoadAbsolute{Off: 6, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: 0x3fff, SkipTrue: 4}, // a fragment
		bpf.LoadMemShift{Off: 0},
		bpf.LoadIndirect{Off: 2, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: dhcpClientPort, SkipTrue: 1},
		bpf.RetConstant{Val: 1 << 16},
		bpf.RetConstant{Val: 0},
	}
}

// HardwareAddr implements wan.Line.
func (l *dhcpLine) HardwareAddr() net.HardwareAddr { return l.device.HardwareAddr }

// Receive implements wan.Line. What is not a whole datagram is skipped. The UDP checksum is not
// verified: between virtual interfaces it is never filled in.
func (l *dhcpLine) Receive(buffer []byte) (int, error) {
	frame := make([]byte, headers+40+len(buffer))
	for {
		n, _, err := l.raw.ReadFrom(frame)
		if err != nil {
			return 0, err
		}
		if payload, ok := datagram(frame[:n]); ok {
			return copy(buffer, payload), nil
		}
	}
}

// datagram is the payload of an IPv4 packet with UDP in it. The link may have padded the packet.
func datagram(p []byte) ([]byte, bool) {
	if len(p) < headers || p[0]>>4 != 4 {
		return nil, false
	}
	header, total := int(p[0]&15)*4, int(binary.BigEndian.Uint16(p[2:]))
	if header < 20 || total > len(p) || header+8 > total {
		return nil, false
	}
	udp := p[header:total]
	size := int(binary.BigEndian.Uint16(udp[4:]))
	if size < 8 || size > len(udp) {
		return nil, false
	}
	return udp[8:size], true
}

// Send implements wan.Line.
func (l *dhcpLine) Send(message []byte, from, to netip.Addr) error {
	if to.IsValid() {
		return l.unicast(message, from, to)
	}
	everybody := &packet.Addr{HardwareAddr: net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}
	if _, err := l.raw.WriteTo(limitedBroadcast(message, from), everybody); err != nil {
		return fmt.Errorf("broadcast dhcp message on %s: %w", l.device.Name, err)
	}
	return nil
}

// limitedBroadcast wraps a message to 255.255.255.255 in UDP, without its optional checksum, and IPv4.
func limitedBroadcast(message []byte, from netip.Addr) []byte {
	p := make([]byte, headers, headers+len(message))
	p[0], p[1] = 0x45, 0x10 // low delay, as other DHCP clients have it
	binary.BigEndian.PutUint16(p[2:], uint16(headers+len(message)))
	p[8], p[9] = 64, unix.IPPROTO_UDP
	copy(p[12:], from.AsSlice())
	copy(p[16:], []byte{255, 255, 255, 255})
	binary.BigEndian.PutUint16(p[10:], onesComplement(p[:20]))
	binary.BigEndian.PutUint16(p[20:], dhcpClientPort)
	binary.BigEndian.PutUint16(p[22:], dhcpServerPort)
	binary.BigEndian.PutUint16(p[24:], uint16(8+len(message)))
	return append(p, message...)
}

// onesComplement is the checksum of RFC 1071 over an even number of bytes.
func onesComplement(b []byte) uint16 {
	var sum uint32
	for ; len(b) > 1; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
	}
	sum = sum>>16 + sum&0xffff
	return ^uint16(sum>>16 + sum)
}

// unicast sends from our address by this device alone. The socket stays open for the exchange, so that
// the kernel does not answer the server with "port unreachable"; the answer is read from the packet socket.
func (l *dhcpLine) unicast(message []byte, from, to netip.Addr) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.udp == nil || l.local != from {
		l.closeUDP()
		config := net.ListenConfig{Control: Control(l.device.Name, l.mark)}
		udp, err := config.ListenPacket(context.Background(), "udp4", netip.AddrPortFrom(from, dhcpClientPort).String())
		if err != nil {
			return fmt.Errorf("open dhcp socket at %s on %s: %w", from, l.device.Name, err)
		}
		l.udp, l.local = udp, from
	}
	server := net.UDPAddrFromAddrPort(netip.AddrPortFrom(to, dhcpServerPort))
	if _, err := l.udp.WriteTo(message, server); err != nil {
		return fmt.Errorf("send dhcp message to %s on %s: %w", to, l.device.Name, err)
	}
	return nil
}

func (l *dhcpLine) closeUDP() {
	if l.udp != nil {
		_ = l.udp.Close()
		l.udp = nil
	}
}

// Close implements wan.Line. It ends a Receive.
func (l *dhcpLine) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closeUDP()
	return l.raw.Close()
}
