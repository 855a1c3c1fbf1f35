package kernel

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"

	"github.com/twinpath/twinpath/lan/advert"
)

// nearby is the hop limit of a packet that no router has forwarded (RFC 4861 §6.1).
const nearby = 255

// advertLine hears by a raw ICMPv6 socket, which costs other traffic nothing, and sends by a packet socket: a virtual router's frames
// come from its own Ethernet address, and from an IP address that may be on another interface.
type advertLine struct {
	name  string
	index int
	heard net.PacketConn
	in    *ipv6.PacketConn
	out   *os.File
}

// OpenAdvert opens the sockets of router advertisements on the house's side. It is what advert.New wants.
func OpenAdvert(device string) (advert.Line, error) {
	l := &advertLine{name: device}
	if err := l.open(); err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("open sockets of router advertisements on %s: %w", device, err)
	}
	return l, nil
}

func (l *advertLine) open() (err error) {
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

// Receive implements advert.Line. While the interface is down it waits.
func (l *advertLine) Receive() (advert.Heard, error) {
	buffer := make([]byte, 1<<11)
	for {
		n, control, from, err := l.in.ReadFrom(buffer)
		if errors.Is(err, unix.ENETDOWN) {
			time.Sleep(downPause)
			continue
		}
		if err != nil {
			return advert.Heard{}, fmt.Errorf("receive on %s: %w", l.name, err)
		}
		ip, ok := from.(*net.IPAddr)
		if !ok || control == nil || control.HopLimit != nearby {
			continue
		}
		if a, ok := netip.AddrFromSlice(ip.IP); ok {
			return advert.Heard{From: a, Message: buffer[:n:n]}, nil
		}
	}
}

// Send implements advert.Line.
func (l *advertLine) Send(p advert.Packet) error {
	to := p.ToMAC
	if p.To.IsMulticast() { // RFC 2464 §7
		tail := p.To.As16()
		to = append(net.HardwareAddr{0x33, 0x33}, tail[12:]...)
	}
	frame := frameOf(to, p.FromMAC, unix.ETH_P_IPV6, icmp6(p))
	if err := control(l.out, func(fd int) error { _, err := unix.Write(fd, frame); return err }); err != nil {
		return fmt.Errorf("send on %s: %w", l.name, err)
	}
	return nil
}

// icmp6 puts the IPv6 header before a message (RFC 8200 §3).
func icmp6(p advert.Packet) []byte {
	packet := append(make([]byte, 0, 40+len(p.Message)), 0x60, 0, 0, 0)
	packet = binary.BigEndian.AppendUint16(packet, uint16(len(p.Message)))
	packet = append(packet, unix.IPPROTO_ICMPV6, nearby)
	packet = append(packet, p.From.AsSlice()...)
	packet = append(packet, p.To.AsSlice()...)
	return append(packet, p.Message...)
}

// Close implements advert.Line.
func (l *advertLine) Close() error {
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
