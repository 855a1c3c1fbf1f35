package kernel

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"time"

	"github.com/mdlayher/packet"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/twinpath/twinpath/wan"
)

// Chosen by us: a DHCP server that pings an address before it offers it takes three seconds (dnsmasq), and the second
// and third question are for a lost first one. After an offer a concentrator has another second to answer.
const (
	lookPause = 2 * time.Second
	lookLast  = 3 * time.Second
	lookMore  = time.Second
)

// Look asks three times along a port who answers: DHCP servers and PPPoE concentrators. It takes no lease, leaves no
// address and works on the port of a bridge, too. It lasts seven seconds, less when somebody answers.
func Look(ctx context.Context, port, hostname string) (wan.Upstream, error) {
	e, err := openEye(port, hostname)
	if err != nil {
		return wan.Upstream{}, fmt.Errorf("look along %s: %w", port, err)
	}
	defer e.conn.Close()
	defer context.AfterFunc(ctx, func() { _ = e.conn.Close() })()
	for _, wait := range [...]time.Duration{lookPause, lookPause, lookLast} {
		if err = e.ask(); err == nil {
			err = e.listen(time.Now().Add(wait))
		}
		if err != nil || !e.until.IsZero() {
			break
		}
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		return wan.Upstream{}, fmt.Errorf("look along %s: %w", port, err)
	}
	return e.seen, nil
}

// eye is one look along a port.
type eye struct {
	link     *net.Interface
	conn     *packet.Conn
	hostname string
	exchange uint32
	own      map[string]bool // Ethernet addresses of this machine
	seen     wan.Upstream
	until    time.Time // end of the wait for more answers; zero before the first
}

func openEye(port, hostname string) (*eye, error) {
	link, err := net.InterfaceByName(port)
	if err != nil {
		return nil, err
	}
	filter, err := bpf.Assemble(lookFilter())
	if err != nil {
		return nil, err
	}
	// All protocols: what a bridge takes from its port passes by a socket for one.
	conn, err := packet.Listen(link, packet.Raw, unix.ETH_P_ALL, &packet.Config{Filter: filter})
	if err != nil {
		return nil, err
	}
	e := &eye{link: link, conn: conn, hostname: hostname, exchange: rand.Uint32(), own: map[string]bool{}}
	all, err := net.Interfaces()
	for _, i := range all {
		e.own[i.HardwareAddr.String()] = true
	}
	return e, err
}

// lookFilter passes PPPoE discovery frames and whole UDP datagrams to the DHCP client port that come in. Offsets count
// from the Ethernet header.
func lookFilter() []bpf.Instruction {
	const ethernet = 14
	return []bpf.Instruction{
		bpf.LoadExtension{Num: bpf.ExtType},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.PACKET_OUTGOING, SkipTrue: 11},
		bpf.LoadAbsolute{Off: 12, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.ETH_P_PPP_DISC, SkipTrue: 8},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.ETH_P_IP, SkipTrue: 8},
		bpf.LoadAbsolute{Off: ethernet + 9, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.IPPROTO_UDP, SkipTrue: 6},
		bpf.LoadAbsolute{Off: ethernet + 6, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: 0x3fff, SkipTrue: 4}, // a fragment
		bpf.LoadMemShift{Off: ethernet},
		bpf.LoadIndirect{Off: ethernet + 2, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: dhcpClientPort, SkipTrue: 1},
		bpf.RetConstant{Val: 1 << 16},
		bpf.RetConstant{Val: 0},
	}
}

// ask sends both questions to everybody.
func (e *eye) ask() error {
	everybody := everybody()
	discover := limitedBroadcast(wan.Discover(e.link.HardwareAddr, e.hostname, e.exchange), zeroAddress)
	for _, frame := range [...][]byte{
		frameOf(everybody, e.link.HardwareAddr, unix.ETH_P_IP, discover),
		frameOf(everybody, e.link.HardwareAddr, unix.ETH_P_PPP_DISC, padi(e.exchange, "", 0)),
	} {
		if _, err := e.conn.WriteTo(frame, &packet.Addr{HardwareAddr: everybody}); err != nil {
			return err
		}
	}
	return nil
}

// listen takes answers until that time, or for a moment after the first.
func (e *eye) listen(end time.Time) error {
	buffer := make([]byte, 1<<16)
	for {
		if !e.until.IsZero() && e.until.Before(end) {
			end = e.until
		}
		if err := e.conn.SetReadDeadline(end); err != nil {
			return err
		}
		n, _, err := e.conn.ReadFrom(buffer)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil
		case err != nil:
			return err
		case e.hear(buffer[:n]) && e.until.IsZero():
			e.until = time.Now().Add(lookMore)
		}
	}
}

// hear reports whether a frame was an answer. One of our own that comes in was sent on another port, or is our own DHCP
// server's: both ports lead into the same network.
func (e *eye) hear(frame []byte) bool {
	protocol, payload, ok := opened(frame)
	if !ok {
		return false
	}
	from := net.HardwareAddr(frame[6:12]).String()
	switch {
	case e.own[from]:
		e.seen.Loop = from
		return false
	case protocol == unix.ETH_P_PPP_DISC:
		c, ok := readPADO(payload, e.exchange)
		if ok {
			e.seen.PPPoE, e.seen.Concentrator = true, c.Name
		}
		return ok
	}
	message, ok := datagram(payload)
	return ok && e.seen.Hear(message, e.link.HardwareAddr, e.exchange)
}
