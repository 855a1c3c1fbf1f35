package kernel

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/twinpath/twinpath/pair/pulse"
)

// asker asks another host's kernel whether it lives, by ARP and by echoes. Its sockets are opened ahead and hear only the answers. It
// implements pulse.Prober and is used from one goroutine.
type asker struct {
	way    pulse.Way
	index  int
	mac    net.HardwareAddr // of the other router; nil: not known
	arp    *os.File
	echo   *os.File
	link   *session // to look at the own device
	number uint16   // of the echo
}

func openAsker(w pulse.Way) (a *asker, err error) {
	a = &asker{way: w}
	defer func() {
		if err != nil {
			_ = a.Close()
		}
	}()
	if a.index, err = indexOf(w.Device); err != nil {
		return a, err
	}
	if w.MAC != "" {
		if a.mac, err = net.ParseMAC(w.MAC); err != nil {
			return a, err
		}
	}
	if a.arp, err = open(unix.AF_PACKET, unix.SOCK_DGRAM, 0, a.hearARP); err != nil { // 0: hears nothing until bound
		return a, err
	}
	if a.echo, err = open(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP, a.hearEchoes); err != nil {
		return a, err
	}
	a.link, err = dial()
	return a, err
}

func (a *asker) hearARP(fd int) error {
	return errors.Join(
		attach(fd, arpOf(a.way.Partner)),
		unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PRIORITY, lastPriority),
		unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: bigEndian(unix.ETH_P_ARP), Ifindex: a.index}),
	)
}

// hearEchoes connects the socket: the kernel then drops what others send.
func (a *asker) hearEchoes(fd int) error {
	const icmpFilter, echoReply = 1, 0 // linux/icmp.h: a bit for each type that is not wanted
	return errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_RAW, icmpFilter, ^(1<<echoReply)),
		bind(fd, a.way.Device, 0),
		near(fd, a.way.Own),
		unix.Bind(fd, &unix.SockaddrInet4{Addr: a.way.Own.As4()}),
		unix.Connect(fd, &unix.SockaddrInet4{Addr: a.way.Partner.As4()}),
	)
}

// arpOf passes ARP messages from an IPv4 address, without their Ethernet header.
func arpOf(sender netip.Addr) []bpf.Instruction {
	from := sender.As4()
	return []bpf.Instruction{
		bpf.LoadAbsolute{Off: 14, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: binary.BigEndian.Uint32(from[:]), SkipTrue: 1},
		bpf.RetConstant{Val: 0},
		bpf.RetConstant{Val: arpLength},
	}
}

// Ask implements pulse.Prober: who has the address, asked of everybody and of the other router alone, and an echo. One of the three that leaves
// is enough.
func (a *asker) Ask() error {
	a.number++
	everybody := net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	errs := []error{a.who(everybody), a.ping()}
	if a.mac != nil {
		errs = append(errs, a.who(a.mac))
	}
	for _, err := range errs {
		if err == nil {
			return nil
		}
	}
	return errors.Join(errs...)
}

func (a *asker) who(to net.HardwareAddr) error {
	address := &unix.SockaddrLinklayer{Protocol: bigEndian(unix.ETH_P_ARP), Ifindex: a.index, Halen: 6}
	copy(address.Addr[:], to)
	return control(a.arp, func(fd int) error {
		name, err := unix.Getsockname(fd)
		own, ok := name.(*unix.SockaddrLinklayer)
		if err != nil || !ok {
			return errors.Join(errors.New("look at the own Ethernet address"), err)
		}
		// The device's address may have changed since.
		return unix.Sendto(fd, arpQuestion(own.Addr[:6], a.way.Own, a.way.Partner), unix.MSG_DONTWAIT, address)
	})
}

// arpQuestion asks who has an address (RFC 826).
func arpQuestion(mac net.HardwareAddr, own, partner netip.Addr) []byte {
	p := append([]byte{0, 1, 8, 0, 6, 4, 0, arpRequest}, mac...)
	p = append(p, own.AsSlice()...)
	p = append(p, make([]byte, 6)...)
	return append(p, partner.AsSlice()...)
}

func (a *asker) ping() error {
	echo := []byte{8, 0, 0, 0, 0x54, 0x70, byte(a.number >> 8), byte(a.number)}
	binary.BigEndian.PutUint16(echo[2:], onesComplement(echo))
	return control(a.echo, func(fd int) error {
		_, err := unix.Write(fd, echo)
		return err
	})
}

// Answered implements pulse.Prober: any ARP message of the other router is one, and any echo that it gives back.
func (a *asker) Answered() bool {
	said := func(message []byte) bool { return len(message) >= arpLength && a.speaks(message[8:14]) }
	arp := heard(a.arp, said)
	return heard(a.echo, func([]byte) bool { return true }) || arp
}

// speaks reports whether an Ethernet address is the other router's own or a virtual one (RFC 9568 §7.3): another host may answer in its name.
func (a *asker) speaks(mac []byte) bool {
	return a.mac == nil || bytes.Equal(mac, a.mac) || bytes.HasPrefix(mac, []byte{0, 0, 0x5e, 0, 1}) || bytes.HasPrefix(mac, []byte{0, 0, 0x5e, 0, 2})
}

// heard empties a socket and reports whether something in it was an answer.
func heard(f *os.File, is func([]byte) bool) (answered bool) {
	const most = 1000 // a flood must not keep the caller
	_ = control(f, func(fd int) error {
		var buffer [128]byte
		for range most {
			n, err := unix.Read(fd, buffer[:])
			switch {
			case errors.Is(err, unix.EAGAIN), err == nil && n == 0:
				return nil
			case err == nil && is(buffer[:n]):
				answered = true
			}
		}
		return nil
	})
	return answered
}

// Carrier implements pulse.Prober.
func (a *asker) Carrier() (changes uint32, up bool, err error) {
	about := nl.NewIfInfomsg(unix.AF_UNSPEC)
	about.Index = int32(a.index)
	bodies, err := a.link.request(unix.RTM_GETLINK, 0, []nl.NetlinkRequestData{about, number(unix.IFLA_EXT_MASK, skipStatistics)}).Execute(unix.NETLINK_ROUTE, 0)
	if err != nil || len(bodies) == 0 || len(bodies[0]) < unix.SizeofIfInfomsg {
		return 0, false, errors.Join(fmt.Errorf("look at the link of %s", a.way.Device), err)
	}
	for kind, v := range attributes(bodies[0], unix.SizeofIfInfomsg) {
		if kind == unix.IFLA_CARRIER_CHANGES {
			changes = value(v)
		}
	}
	return changes, readLink(bodies[0]).Carrier, nil
}

// Close implements pulse.Prober.
func (a *asker) Close() error {
	var errs []error
	for _, f := range []*os.File{a.arp, a.echo} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	if a.link != nil {
		a.link.close()
	}
	return errors.Join(errs...)
}
