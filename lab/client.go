package lab

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/twinpath/twinpath/internal/sandbox"
)

// Device is a client of the house that runs: a namespace of its own name with an interface eth0.
type Device struct {
	Name    string
	Gateway netip.Addr

	space *sandbox.Namespace
}

func (h *House) openDevice(c Client) error {
	address, err := netip.ParsePrefix(c.Address)
	if err != nil {
		return err
	}
	gateway, err := netip.ParseAddr(c.Gateway)
	if err != nil {
		return err
	}
	space, err := h.space(c.Name)
	if err != nil {
		return err
	}
	h.Devices = append(h.Devices, &Device{Name: c.Name, Gateway: gateway, space: space})
	if err := connect(space, "eth0", h.lan, c.Name, storey(c.Upstairs)); err != nil {
		return err
	}
	return ip(space, fmt.Sprintf(`
addr add %s dev eth0
link set eth0 up
route add default via %s`, address, gateway))
}

// Run runs a command line on the device and returns what it printed.
func (d *Device) Run(line string) (string, error) { return d.space.Run(line) }

// Dial opens a connection from the device. The address is numeric: names would be asked of the machine's own resolver.
func (d *Device) Dial(ctx context.Context, network, address string) (conn net.Conn, err error) {
	err = d.space.Do(func() (err error) {
		conn, err = new(net.Dialer).DialContext(ctx, network, address)
		return err
	})
	return conn, err
}

// Seen asks the Internet once, as a new flow, which source address the device has there.
func (d *Device) Seen(ctx context.Context) (netip.Addr, error) {
	return d.seen(ctx, "udp4", echoServer())
}

func (d *Device) seen(ctx context.Context, network string, server netip.AddrPort) (netip.Addr, error) {
	conn, err := d.Dial(ctx, network, server.String())
	if err != nil {
		return netip.Addr{}, err
	}
	defer conn.Close()
	const enough = 300 * time.Millisecond // the lab's round trip is under 1 ms
	_ = conn.SetDeadline(time.Now().Add(enough))
	if _, err := conn.Write([]byte("who am I")); err != nil {
		return netip.Addr{}, err
	}
	answer := make([]byte, 64)
	n, err := conn.Read(answer)
	if err != nil {
		return netip.Addr{}, err
	}
	var from netip.AddrPort
	if err := from.UnmarshalBinary(answer[min(n, len("who am I")):n]); err != nil {
		return netip.Addr{}, err
	}
	return from.Addr(), nil
}
