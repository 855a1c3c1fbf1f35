package lab

import (
	"context"
	"fmt"
	"net"
	"net/netip"
)

// ServeInside echoes TCP streams at a port of a device: somebody outside reaches it where a router forwards a port to it.
func (h *House) ServeInside(d *Device, port int) error {
	return h.serveStreams(d.space, port, echoStream)
}

// dialIn opens a TCP connection from the Internet's echo host.
func (h *House) dialIn(ctx context.Context, to netip.AddrPort) (conn net.Conn, err error) {
	dialer := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(EchoAddress), 0))}
	err = h.internet.space.Do(func() (err error) {
		conn, err = dialer.DialContext(ctx, "tcp", to.String())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("connect to %s from the Internet: %w", to, err)
	}
	return conn, nil
}
