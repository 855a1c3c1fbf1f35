package lab

import (
	"fmt"
	"net/netip"
	"time"
)

// ServeEcho answers datagrams on the box's echo port, whatever address they come to: it shows whether the box can be asked for
// something, as its resolver can.
func (b *Box) ServeEcho() error {
	return b.house.servePackets(b.space, fmt.Sprintf("0.0.0.0:%d", echoPort), echoAnswer)
}

// AddressProbe asks a virtual address itself, by ping and by datagram.
type AddressProbe struct {
	ping *Pinger
	udp  *UDPProbe
}

// Intervals of an AddressProbe.
const (
	addressPing  = 5 * time.Millisecond
	addressQuery = 10 * time.Millisecond
)

// StartAddress starts asking a virtual address whose routers ServeEcho.
func (d *Device) StartAddress(address netip.Addr) (*AddressProbe, error) {
	return d.startAddress(address, addressPing, addressQuery)
}

func (d *Device) startAddress(address netip.Addr, pinging, querying time.Duration) (*AddressProbe, error) {
	ping, err := d.StartPinger(address.String(), pinging)
	if err != nil {
		return nil, err
	}
	udp, err := d.startUDP(netip.AddrPortFrom(address, echoPort), querying, pingPatience)
	if err != nil {
		ping.Stop()
		return nil, err
	}
	return &AddressProbe{ping, udp}, nil
}

// Stop ends the probe and returns the longest times without an answer.
func (p *AddressProbe) Stop() (ping PingResult, query UDPResult) {
	return p.ping.Stop(), p.udp.Stop()
}
