package kernel

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

// nearby is the hop limit of a packet that no router has forwarded (RFC 4861 §6.1).
const nearby = 255

// AdvertLine is the house's side for router advertisements. It hears by a raw ICMPv6 socket, which costs other traffic nothing, and sends by a packet socket: a virtual router's frames
// come from its own Ethernet address, and from an IP address that may be on another interface.
type AdvertLine struct {
	name  string
	index int
	heard net.PacketConn
	in    *ipv6.PacketConn
	out   *os.File
}

// OpenAdvert opens the sockets of router advertisements on an interface.
func OpenAdvert(device string) (*AdvertLine, error) {
	l := &AdvertLine{name: device}
	if err := l.open(); err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("open sockets of router advertisements on %s: %w", device, err)
	}
	return l, nil
}

func (l *AdvertLine) open() (err error) {
	if l.index, err = indexOf(l.name); err != nil {
		return err
	}
	config := net.ListenConfig{Control: Control(l.name, 0)}
	if l.heard, err = config.ListenPacket(context.Background(), "ip6:ipv6-icmp", "::"); err != nil {
		return err
	}
	l.in = ipv6.NewPacketConn(l.heard)
	var filter ipv6.ICMPFilter
	filter.SetAll(true)
	filter.Accept(ipv6.ICMPTypeRouterSolicitation)
	filter.Accept(ipv6.ICMPTypeRouterAdvertisement)
	routers := &net.UDPAddr{IP: net.IPv6linklocalallrouters}
	if err = errors.Join(l.in.SetICMPFilter(&filter), l.in.SetControlMessage(ipv6.FlagHopLimit, true)); err != nil {
		return err
	}
	if err = l.in.JoinGroup(&net.Interface{Index: l.index, Name: l.name}, routers); err != nil {
		return fmt.Errorf("join ff02::2: %w", err)
	}
	l.out, err = open(unix.AF_PACKET, unix.SOCK_RAW, 0, func(fd int) error {
		return errors.Join(
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PRIORITY, lastPriority),
			unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: l.index}),
		)
	})
	return err
}

// Receive waits for a solicitation or an advert that no router has forwarded (hop limit 255), and returns whom it is from, without a zone,
// and the ICMPv6 message. While the interface is down it waits.
func (l *AdvertLine) Receive() (from netip.Addr, message []byte, err error) {
	buffer := make([]byte, 1<<11)
	for {
		n, control, sender, err := l.in.ReadFrom(buffer)
		if errors.Is(err, unix.ENETDOWN) {
			time.Sleep(downPause)
			continue
		}
		if err != nil {
			return netip.Addr{}, nil, fmt.Errorf("receive on %s: %w", l.name, err)
		}
		ip, ok := sender.(*net.IPAddr)
		if !ok || control == nil || control.HopLimit != nearby {
			continue
		}
		if a, ok := netip.AddrFromSlice(ip.IP); ok {
			return a, buffer[:n:n], nil
		}
	}
}

// Send sends a whole Ethernet frame.
func (l *AdvertLine) Send(frame []byte) error {
	if err := control(l.out, func(fd int) error { _, err := unix.Write(fd, frame); return err }); err != nil {
		return fmt.Errorf("send on %s: %w", l.name, err)
	}
	return nil
}

// Close ends a Receive.
func (l *AdvertLine) Close() error {
	var err error
	if l.heard != nil {
		err = l.heard.Close()
	}
	if l.out != nil {
		err = errors.Join(err, l.out.Close())
	}
	return err
}

// LinkLocal returns the link-local address that an interface has for itself and can use now, without a zone; invalid: it has none.
// Virtual addresses are not its own.
func (k *Kernel) LinkLocal(index int) (netip.Addr, error) {
	s, err := dial()
	if err != nil {
		return netip.Addr{}, err
	}
	defer s.close()
	all, err := s.addressList()
	if err != nil {
		return netip.Addr{}, err
	}
	for _, a := range all {
		own := a.prefix.Addr()
		if a.index == index && own.Is6() && own.IsLinkLocalUnicast() && !a.virtual && a.flags&(unix.IFA_F_TENTATIVE|unix.IFA_F_DADFAILED) == 0 {
			return own, nil
		}
	}
	return netip.Addr{}, nil
}
