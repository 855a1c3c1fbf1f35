package kernel

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"syscall"

	"github.com/vishvananda/netlink"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"

	"github.com/twinpath/twinpath/wan/inet6"
)

// Inet6Sockets opens the sockets of a WAN's IPv6 client. Mark is the WAN's firewall mark with that of our own packets. The kernel
// listens to no router itself on a WAN: accept_ra is 0 there.
type Inet6Sockets struct{ Mark uint32 }

var _ inet6.Sockets = Inet6Sockets{}

var (
	everyRouter = net.ParseIP("ff02::2")   // RFC 4291 §2.7.1
	everyServer = net.ParseIP("ff02::1:2") // RFC 9915 §7.1
)

const (
	dhcp6ServerPort = 547
	dhcp6ClientPort = 546
	neverForwarded  = 255 // the hop limit of neighbour discovery (RFC 4861 §6.1.2)
)

// zone names a device by its number: a name would be looked up again, perhaps in another network namespace.
func zone(link *net.Interface) string { return strconv.Itoa(link.Index) }

var errNoLinkLocal = errors.New("no link-local address yet")

// Open implements inet6.Sockets.
func (s Inet6Sockets) Open(device string, kind inet6.Kind) (inet6.Line, error) {
	line, err := s.open(device, kind)
	if err != nil {
		return nil, fmt.Errorf("open IPv6 socket on %s: %w", device, err)
	}
	return line, nil
}

func (s Inet6Sockets) open(device string, kind inet6.Kind) (inet6.Line, error) {
	link, err := net.InterfaceByName(device)
	if err != nil {
		return nil, err
	}
	if err := linkLocal(link.Index); err != nil {
		return nil, err
	}
	if kind == inet6.Servers {
		return openServers(link, s.Mark)
	}
	return openRouters(link, s.Mark)
}

// linkLocal tells whether the device has a link-local address that the kernel lets anybody use.
func linkLocal(index int) error {
	nl, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer nl.Close()
	addresses, err := nl.AddrList(&netlink.GenericLink{LinkAttrs: netlink.LinkAttrs{Index: index}}, unix.AF_INET6)
	if err != nil {
		return err
	}
	for _, a := range addresses {
		usable := a.Flags&(unix.IFA_F_TENTATIVE|unix.IFA_F_DADFAILED) == 0 || a.Flags&unix.IFA_F_OPTIMISTIC != 0
		if a.IP.IsLinkLocalUnicast() && usable {
			return nil
		}
	}
	return errNoLinkLocal
}

// routerLine is a raw socket that takes router advertisements alone, so that a flood of anything else costs nothing.
type routerLine struct {
	link *net.Interface
	conn *ipv6.PacketConn
}

func openRouters(link *net.Interface, mark uint32) (inet6.Line, error) {
	config := net.ListenConfig{Control: func(network, address string, c syscall.RawConn) error {
		if err := Control(link.Name, mark)(network, address, c); err != nil {
			return err
		}
		var err error
		if outer := c.Control(func(fd uintptr) { err = advertsOnly(int(fd)) }); outer != nil {
			return outer
		}
		return err
	}}
	raw, err := config.ListenPacket(context.Background(), "ip6:ipv6-icmp", "::")
	if err != nil {
		return nil, err
	}
	conn := ipv6.NewPacketConn(raw)
	err = errors.Join(conn.SetControlMessage(ipv6.FlagHopLimit, true), conn.SetMulticastHopLimit(neverForwarded),
		conn.SetMulticastLoopback(false))
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return &routerLine{link, conn}, nil
}

// advertsOnly has the kernel pass router advertisements and nothing else (RFC 3542 §3.2: a set bit blocks).
func advertsOnly(fd int) error {
	const advertisement = 134
	var filter unix.ICMPv6Filter
	for i := range filter.Data {
		filter.Data[i] = 1<<32 - 1
	}
	filter.Data[advertisement>>5] &^= 1 << (advertisement & 31)
	return unix.SetsockoptICMPv6Filter(fd, unix.IPPROTO_ICMPV6, unix.ICMPV6_FILTER, &filter)
}

// HardwareAddr implements inet6.Line.
func (l *routerLine) HardwareAddr() net.HardwareAddr { return l.link.HardwareAddr }

// PointToPoint implements inet6.Line.
func (l *routerLine) PointToPoint() bool { return l.link.Flags&net.FlagPointToPoint != 0 }

// Send implements inet6.Line.
func (l *routerLine) Send(message []byte) error {
	to := &net.IPAddr{IP: everyRouter, Zone: zone(l.link)}
	if _, err := l.conn.WriteTo(message, nil, to); err != nil {
		return fmt.Errorf("ask routers on %s: %w", l.link.Name, err)
	}
	return nil
}

// Receive implements inet6.Line. What was forwarded is skipped: it is somebody's from far away.
func (l *routerLine) Receive(buffer []byte) (int, netip.Addr, error) {
	for {
		n, control, from, err := l.conn.ReadFrom(buffer)
		if err != nil {
			return 0, netip.Addr{}, err
		}
		if address, ok := from.(*net.IPAddr); ok && control != nil && control.HopLimit == neverForwarded {
			router, _ := netip.AddrFromSlice(address.IP)
			return n, router, nil
		}
	}
}

// Close implements inet6.Line. It ends a Receive.
func (l *routerLine) Close() error { return l.conn.Close() }

// serverLine is the DHCPv6 client port.
type serverLine struct {
	link *net.Interface
	conn *net.UDPConn
}

func openServers(link *net.Interface, mark uint32) (inet6.Line, error) {
	config := net.ListenConfig{Control: Control(link.Name, mark)}
	conn, err := config.ListenPacket(context.Background(), "udp6", fmt.Sprintf("[::]:%d", dhcp6ClientPort))
	if err != nil {
		return nil, err
	}
	return &serverLine{link, conn.(*net.UDPConn)}, nil
}

// HardwareAddr implements inet6.Line.
func (l *serverLine) HardwareAddr() net.HardwareAddr { return l.link.HardwareAddr }

// PointToPoint implements inet6.Line.
func (l *serverLine) PointToPoint() bool { return l.link.Flags&net.FlagPointToPoint != 0 }

// Send implements inet6.Line.
func (l *serverLine) Send(message []byte) error {
	to := &net.UDPAddr{IP: everyServer, Port: dhcp6ServerPort, Zone: zone(l.link)}
	if _, err := l.conn.WriteToUDP(message, to); err != nil {
		return fmt.Errorf("send DHCPv6 message on %s: %w", l.link.Name, err)
	}
	return nil
}

// Receive implements inet6.Line.
func (l *serverLine) Receive(buffer []byte) (int, netip.Addr, error) {
	n, from, err := l.conn.ReadFromUDPAddrPort(buffer)
	return n, from.Addr(), err
}

// Close implements inet6.Line. It ends a Receive.
func (l *serverLine) Close() error { return l.conn.Close() }
