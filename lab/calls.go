package lab

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"time"
)

// Calls are many flows of numbered datagrams from one device, sent in turn by one loop, so that the house sends at even times.
type Calls struct {
	probes []*UDPProbe
	stop   chan struct{}
	tasks  sync.WaitGroup
}

// StartCalls starts n flows to the echo server of a family; each sends a datagram at each interval.
func (d *Device) StartCalls(n int, interval time.Duration, server netip.AddrPort) (*Calls, error) {
	c := &Calls{stop: make(chan struct{})}
	for range n {
		p, err := d.openUDP(server, interval, 0)
		if err != nil {
			c.close()
			return nil, fmt.Errorf("open call: %w", err)
		}
		c.probes = append(c.probes, p)
	}
	if n > 0 {
		c.tasks.Go(func() { c.send(interval / time.Duration(n)) })
	}
	return c, nil
}

func (c *Calls) send(pause time.Duration) {
	runtime.LockOSThread() // as UDPProbe's
	defer runtime.UnlockOSThread()
	for due, next := time.Now(), 0; ; due, next = due.Add(pause), next+1 {
		if stopped(c.stop) {
			return
		}
		sleepUntil(due)
		c.probes[next%len(c.probes)].one(due)
	}
}

func (c *Calls) close() {
	for _, p := range c.probes {
		p.finish()
	}
}

// quiet ends the sending; answers still count.
func (c *Calls) quiet() {
	close(c.stop)
	c.tasks.Wait()
}

// results ends the calls.
func (c *Calls) results() (all []UDPResult) {
	for _, p := range c.probes {
		all = append(all, p.finish())
	}
	return all
}

// rawProtocol is one without ports, as IPsec's ESP is (RFC 4303). The lab's has a number where that has its own.
const rawProtocol = 50

// startRaw starts a probe without ports.
func (d *Device) startRaw(interval time.Duration) (*UDPProbe, error) {
	to := &net.IPAddr{IP: echoServer().Addr().AsSlice()}
	p, err := d.openProbe(to, interval, 0, func() (net.PacketConn, error) {
		return net.ListenPacket(fmt.Sprintf("ip4:%d", rawProtocol), "0.0.0.0")
	})
	if err == nil {
		p.tasks.Go(p.send)
	}
	return p, err
}

// serveRaw answers the probes without ports.
func (h *House) serveRaw() error {
	var conn net.PacketConn
	err := h.internet.space.Do(func() (err error) {
		conn, err = net.ListenPacket(fmt.Sprintf("ip4:%d", rawProtocol), EchoAddress)
		return err
	})
	if err != nil {
		return fmt.Errorf("serve protocol %d: %w", rawProtocol, err)
	}
	h.onClose(func() { _ = conn.Close() })
	h.tasks.Go(func() {
		buffer := make([]byte, 2048)
		for {
			size, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			if a, ok := from.(*net.IPAddr); ok {
				source, _ := netip.AddrFromSlice(a.IP)
				_, _ = conn.WriteTo(echoAnswer(buffer[:size], netip.AddrPortFrom(source.Unmap(), 0)), from)
			}
		}
	})
	return nil
}

// number reads the number of a datagram.
func number(packet []byte) (n uint64, ok bool) {
	if len(packet) < 8 {
		return 0, false
	}
	return binary.BigEndian.Uint64(packet), true
}
