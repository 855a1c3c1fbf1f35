package lab

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"golang.org/x/sys/unix"
)

// throng is many devices behind one cable: each has an Ethernet address and a DHCP client of its own, and answers who asks for its address.
type throng struct {
	fd     int
	to     unix.SockaddrLinklayer
	guests []*guest

	mu      sync.Mutex
	waiting map[dhcpv4.TransactionID]chan *dhcpv4.DHCPv4
	closing bool
	done    chan struct{}
}

// guest is one device of a throng.
type guest struct {
	mac     net.HardwareAddr
	mu      sync.Mutex
	address netip.Addr // zero: none yet
	server  netip.Addr
}

// join makes a number of devices behind a Device's cable.
func join(d *Device, number int) (*throng, error) {
	c := &throng{waiting: map[dhcpv4.TransactionID]chan *dhcpv4.DHCPv4{}, done: make(chan struct{})}
	for i := range number {
		c.guests = append(c.guests, &guest{mac: net.HardwareAddr{0x02, 0xcc, 0, 0, byte(i >> 8), byte(i)}})
	}
	err := d.space.Do(func() error {
		link, err := net.InterfaceByName("eth0")
		if err != nil {
			return err
		}
		if c.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		c.to.Ifindex, c.to.Protocol = link.Index, binary.NativeEndian.Uint16([]byte{unix.ETH_P_ALL >> 8, unix.ETH_P_ALL})
		if err := unix.Bind(c.fd, &c.to); err != nil {
			return err
		}
		return unix.SetsockoptPacketMreq(c.fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP,
			&unix.PacketMreq{Ifindex: int32(link.Index), Type: unix.PACKET_MR_PROMISC})
	})
	if err != nil {
		return nil, err
	}
	// A reader that is never woken would never end.
	if err := unix.SetsockoptTimeval(c.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 100_000}); err != nil {
		return nil, err
	}
	_ = unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 4<<20)
	go c.listen()
	return c, nil
}

func (c *throng) leave() {
	c.mu.Lock()
	c.closing = true
	c.mu.Unlock()
	<-c.done
	_ = unix.Close(c.fd)
}

func (c *throng) listen() {
	defer close(c.done)
	buffer := make([]byte, 2048)
	for {
		n, _, err := unix.Recvfrom(c.fd, buffer, 0)
		c.mu.Lock()
		closing := c.closing
		c.mu.Unlock()
		switch {
		case closing:
			return
		case err == nil && n >= 42:
			c.hear(buffer[:n])
		}
	}
}

// hear takes DHCP answers in, and answers ARP requests (RFC 826) for addresses of the throng.
func (c *throng) hear(frame []byte) {
	switch binary.BigEndian.Uint16(frame[12:]) {
	case unix.ETH_P_ARP:
		arp := frame[14:42]
		if binary.BigEndian.Uint16(arp[6:]) != 1 {
			return
		}
		target, _ := netip.AddrFromSlice(arp[24:28])
		for _, g := range c.guests {
			if g.has() == target {
				reply := bytes.Clone(arp)
				reply[7] = 2
				copy(reply[8:], g.mac)
				copy(reply[14:], arp[24:28])
				copy(reply[18:], arp[8:18])
				c.send(net.HardwareAddr(arp[8:14]), g.mac, unix.ETH_P_ARP, reply)
			}
		}
	case unix.ETH_P_IP:
		p := frame[14:]
		head := int(p[0]&15) * 4
		if p[9] != unix.IPPROTO_UDP || len(p) < head+8 || binary.BigEndian.Uint16(p[head+2:]) != 68 {
			return
		}
		if m, err := dhcpv4.FromBytes(p[head+8:]); err == nil {
			c.mu.Lock()
			waits := c.waiting[m.TransactionID]
			c.mu.Unlock()
			select {
			case waits <- m:
			default: // nobody waits for it
			}
		}
	}
}

func (c *throng) send(to, from net.HardwareAddr, protocol uint16, payload []byte) {
	frame := append(append(append([]byte{}, to...), from...), byte(protocol>>8), byte(protocol))
	frame = append(frame, payload...)
	if len(frame) < 60 {
		frame = append(frame, make([]byte, 60-len(frame))...)
	}
	where := c.to                           // Sendto writes in it
	_ = unix.Sendto(c.fd, frame, 0, &where) // a frame may be lost: it is asked again
}

func (g *guest) has() netip.Addr {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.address
}

// exchange broadcasts a message until it has an answer of a kind, as a device does: after one, two, and then each four seconds.
func (c *throng) exchange(g *guest, m *dhcpv4.DHCPv4, kinds ...dhcpv4.MessageType) (*dhcpv4.DHCPv4, error) {
	answers := make(chan *dhcpv4.DHCPv4, 4)
	c.mu.Lock()
	c.waiting[m.TransactionID] = answers
	c.mu.Unlock()
	defer func() { c.mu.Lock(); delete(c.waiting, m.TransactionID); c.mu.Unlock() }()
	for wait, end := time.Second, time.Now().Add(30*time.Second); time.Now().Before(end); wait = min(2*wait, 4*time.Second) {
		c.send(net.HardwareAddr{255, 255, 255, 255, 255, 255}, g.mac, unix.ETH_P_IP, broadcast(m.ToBytes(), m.ClientIPAddr))
		timeout := time.After(wait)
	answers:
		for {
			select {
			case a := <-answers:
				for _, k := range kinds {
					if a.MessageType() == k {
						return a, nil
					}
				}
			case <-timeout:
				break answers
			}
		}
	}
	return nil, errors.New("nobody answers")
}

// broadcast is a DHCP message as a packet to everybody.
func broadcast(message []byte, from net.IP) []byte {
	p := make([]byte, 28, 28+len(message))
	p[0], p[8], p[9] = 0x45, 64, unix.IPPROTO_UDP
	binary.BigEndian.PutUint16(p[2:], uint16(28+len(message)))
	copy(p[12:16], from.To4())
	copy(p[16:], []byte{255, 255, 255, 255})
	var sum uint32
	for i := 0; i < 20; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(p[i:]))
	}
	sum = sum>>16 + sum&0xffff
	binary.BigEndian.PutUint16(p[10:], ^uint16(sum>>16+sum))
	binary.BigEndian.PutUint16(p[20:], 68)
	binary.BigEndian.PutUint16(p[22:], 67)
	binary.BigEndian.PutUint16(p[24:], uint16(8+len(message)))
	return append(p, message...)
}

// obtain gets an address as a device does that knows of none: for as long as it takes, from the start after a refusal. A server that looks
// whether an address is free takes three seconds for each of the first ones.
func (c *throng) obtain(g *guest) (err error) {
	for end := time.Now().Add(90 * time.Second); time.Now().Before(end); {
		if err = c.try(g); err == nil {
			return nil
		}
	}
	return err
}

func (c *throng) try(g *guest) error {
	discover, err := dhcpv4.NewDiscovery(g.mac, dhcpv4.WithBroadcast(false))
	if err != nil {
		return err
	}
	offer, err := c.exchange(g, discover, dhcpv4.MessageTypeOffer)
	if err != nil {
		return fmt.Errorf("discover: %w", err)
	}
	request, err := dhcpv4.NewRequestFromOffer(offer)
	if err != nil {
		return err
	}
	return c.settle(g, request)
}

// reboot asks for the address of before, as after a power cut (RFC 2131 §3.2).
func (c *throng) reboot(g *guest) error {
	request, err := dhcpv4.New(dhcpv4.WithHwAddr(g.mac), dhcpv4.WithMessageType(dhcpv4.MessageTypeRequest),
		dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(g.has().AsSlice())))
	if err != nil {
		return err
	}
	return c.settle(g, request)
}

// rebind asks whoever there is for more time (RFC 2131 §4.4.5).
func (c *throng) rebind(g *guest) error {
	request, err := dhcpv4.New(dhcpv4.WithHwAddr(g.mac), dhcpv4.WithMessageType(dhcpv4.MessageTypeRequest), dhcpv4.WithClientIP(g.has().AsSlice()))
	if err != nil {
		return err
	}
	return c.settle(g, request)
}

func (c *throng) settle(g *guest, request *dhcpv4.DHCPv4) error {
	answer, err := c.exchange(g, request, dhcpv4.MessageTypeAck, dhcpv4.MessageTypeNak)
	switch {
	case err != nil:
		return fmt.Errorf("request: %w", err)
	case answer.MessageType() == dhcpv4.MessageTypeNak:
		return fmt.Errorf("%s is refused to %s: %s", g.has(), g.mac, answer.Message())
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.address, _ = netip.AddrFromSlice(answer.YourIPAddr.To4())
	g.server, _ = netip.AddrFromSlice(answer.ServerIdentifier().To4())
	return nil
}

// each has all guests do something at the same time, and returns what went wrong.
func each(guests []*guest, do func(n int, g *guest) error) error {
	errs := make([]error, len(guests))
	var all sync.WaitGroup
	for i, g := range guests {
		all.Go(func() { errs[i] = do(i, g) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// twice are addresses that two guests have.
func twice(guests []*guest) (all []netip.Addr) {
	seen := map[netip.Addr]bool{}
	for _, g := range guests {
		if a := g.has(); seen[a] {
			all = append(all, a)
		} else {
			seen[a] = true
		}
	}
	return all
}
