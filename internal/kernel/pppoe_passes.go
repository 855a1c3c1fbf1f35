package kernel

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"net"
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

// Passes implements wan.Access: two pings, for one may be lost.
func (p PPPoE) Passes(ctx context.Context, device string, target netip.Addr, bytes int) bool {
	const tries, wait = 2, time.Second
	if !target.Is4() || bytes < ipv4.HeaderLen+8 {
		return false
	}
	config := net.ListenConfig{Control: func(network, address string, c syscall.RawConn) error {
		if err := Control(device, p.Mark)(network, address, c); err != nil {
			return err
		}
		return unfragmented(c)
	}}
	conn, err := config.ListenPacket(ctx, "ip4:icmp", "0.0.0.0")
	if err != nil {
		return false
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	id := int(rand.Uint32() & 0xffff)
	for seq := range tries {
		echo := icmp.Message{Type: ipv4.ICMPTypeEcho, Body: &icmp.Echo{ID: id, Seq: seq, Data: make([]byte, bytes-ipv4.HeaderLen-8)}}
		packet, err := echo.Marshal(nil)
		if err != nil {
			return false
		}
		if _, err := conn.WriteTo(packet, &net.IPAddr{IP: target.AsSlice()}); err != nil {
			return false
		}
		if echoed(conn, uint16(id), time.Now().Add(wait)) {
			return true
		}
	}
	return false
}

// unfragmented has the socket's packets sent as they are, or not at all (ip(7), IP_PMTUDISC_PROBE).
func unfragmented(c syscall.RawConn) error {
	var err error
	if outer := c.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_PROBE)
	}); outer != nil {
		return outer
	}
	return err
}

// echoed waits for the answer to a ping.
func echoed(conn net.PacketConn, id uint16, end time.Time) bool {
	if err := conn.SetReadDeadline(end); err != nil {
		return false
	}
	buffer := make([]byte, 2048)
	for {
		n, _, err := conn.ReadFrom(buffer)
		if err != nil {
			return false
		}
		if b := buffer[:n]; n >= 8 && b[0] == byte(ipv4.ICMPTypeEchoReply) && binary.BigEndian.Uint16(b[4:]) == id {
			return true
		}
	}
}
