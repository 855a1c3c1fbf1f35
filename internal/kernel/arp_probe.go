package kernel

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/mdlayher/packet"
	"golang.org/x/sys/unix"
)

// Chosen by us. RFC 5227 §1.1 takes six seconds, for hosts that may be asleep; a house waits for this,
// and the server has usually looked by itself.
const (
	arpProbes = 3
	arpPause  = 150 * time.Millisecond
)

const (
	arpRequest = 1
	arpLength  = 28
)

// Conflict implements wan.Sockets: it sends ARP probes and listens for half a second.
func (s DHCPSockets) Conflict(ctx context.Context, device string, address netip.Addr) (string, error) {
	user, err := s.probe(ctx, device, address)
	if err != nil {
		return "", fmt.Errorf("look for another user of %s on %s: %w", address, device, err)
	}
	return user, nil
}

func (s DHCPSockets) probe(ctx context.Context, device string, address netip.Addr) (string, error) {
	link, err := net.InterfaceByName(device)
	if err != nil {
		return "", err
	}
	conn, err := packet.Listen(link, packet.Datagram, unix.ETH_P_ARP, nil)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	everybody := &packet.Addr{HardwareAddr: net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}
	for range arpProbes {
		if _, err := conn.WriteTo(arpProbe(link.HardwareAddr, address), everybody); err != nil {
			return "", err
		}
		if user, err := listenARP(conn, link.HardwareAddr, address); user != "" || err != nil {
			return user, err
		}
	}
	return "", ctx.Err()
}

// listenARP waits one pause for a sign of another user of the address.
func listenARP(conn *packet.Conn, own net.HardwareAddr, address netip.Addr) (string, error) {
	if err := conn.SetReadDeadline(time.Now().Add(arpPause)); err != nil {
		return "", err
	}
	buffer := make([]byte, 128)
	for {
		n, _, err := conn.ReadFrom(buffer)
		if e, ok := err.(net.Error); ok && e.Timeout() {
			return "", nil
		}
		if err != nil {
			return "", err
		}
		if user := arpUser(buffer[:n], own, address); user != "" {
			return user, nil
		}
	}
}

// arpProbe asks who has the address without claiming it (RFC 5227 §1.1).
func arpProbe(own net.HardwareAddr, address netip.Addr) []byte {
	p := []byte{0, 1, 8, 0, 6, 4, 0, arpRequest}
	p = append(p, own...)
	p = append(p, make([]byte, 4+6)...)
	return append(p, address.AsSlice()...)
}

// arpUser is the host that an ARP message shows to use the address, or to be probing for it at the
// same time (RFC 5227 §2.1.1); empty when it shows neither.
func arpUser(p []byte, own net.HardwareAddr, address netip.Addr) string {
	if len(p) < arpLength || !bytes.Equal(p[:6], []byte{0, 1, 8, 0, 6, 4}) {
		return ""
	}
	sender, from, target := net.HardwareAddr(p[8:14]), netip.AddrFrom4([4]byte(p[14:18])), netip.AddrFrom4([4]byte(p[24:28]))
	probing := binary.BigEndian.Uint16(p[6:]) == arpRequest && from.IsUnspecified() && target == address
	if bytes.Equal(sender, own) || from != address && !probing {
		return ""
	}
	return sender.String()
}
