package kernel

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/twinpath/twinpath/firewall"
)

// floodBuffer holds about a thousand adverts as the kernel counts them: a tenth of a second of a flood of 10,000/s.
const floodBuffer = 1 << 20

// lastPriority is the band that every queueing discipline of Linux empties first (TC_PRIO_CONTROL).
const lastPriority = 7

// groups are the addresses of VRRP's multicast groups on Ethernet (RFC 9568 §5.1.1.2, §5.1.2.2; RFC 1112, RFC 2464).
var groups = [...][6]byte{{0x01, 0x00, 0x5e, 0, 0, 0x12}, {0x33, 0x33, 0, 0, 0, 0x12}}

// packetSocket opens a packet socket on an interface for all protocols, behind a filter from its first frame on.
func packetSocket(index int, filter []bpf.Instruction) (*os.File, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0) // 0: hears nothing until bound
	if err != nil {
		return nil, err
	}
	err = errors.Join(attach(fd, filter), unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1))
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: bigEndian(unix.ETH_P_ALL), Ifindex: index})
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), "packet socket"), nil
}

// sender opens a packet socket that only sends, past the queueing discipline where the kernel can.
func sender(index int) (*os.File, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_QDISC_BYPASS, 1) != nil {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PRIORITY, lastPriority)
	}
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: index})
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), "packet socket"), nil
}

func attach(fd int, filter []bpf.Instruction) error {
	raw, err := bpf.Assemble(filter)
	if err != nil {
		return err
	}
	code := make([]unix.SockFilter, len(raw))
	for i, r := range raw {
		code[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	program := unix.SockFprog{Len: uint16(len(code)), Filter: unsafe.SliceData(code)}
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &program)
}

// joined opens sockets that belong to VRRP's groups on an interface and hear nothing: they are there so that the kernel
// reports the membership, from the interface's own MAC address, to switches that forward groups to members only.
func joined(index int) ([]*os.File, error) {
	v4, err := datagram4(index)
	if err != nil {
		return nil, fmt.Errorf("join 224.0.0.18: %w", err)
	}
	v6, err := datagram6(index)
	if err != nil { // a kernel, or an interface, without IPv6: none of its elections can work either
		return []*os.File{v4}, nil
	}
	return []*os.File{v4, v6}, nil
}

func datagram4(index int) (*os.File, error) {
	m := &unix.IPMreqn{Multiaddr: [4]byte{224, 0, 0, 18}, Ifindex: int32(index)}
	return open(unix.AF_INET, unix.SOCK_DGRAM, 0, func(fd int) error {
		return unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, unix.IP_ADD_MEMBERSHIP, m)
	})
}

func datagram6(index int) (*os.File, error) {
	m := &unix.IPv6Mreq{Multiaddr: [16]byte{0xff, 0x02, 15: 0x12}, Interface: uint32(index)}
	return open(unix.AF_INET6, unix.SOCK_DGRAM, 0, func(fd int) error {
		return unix.SetsockoptIPv6Mreq(fd, unix.IPPROTO_IPV6, unix.IPV6_JOIN_GROUP, m)
	})
}

// accept lets the interface's hardware filter pass the groups, whatever IP thinks of them.
func accept(f *os.File, index int) error {
	return control(f, func(fd int) error {
		for _, mac := range groups {
			m := &unix.PacketMreq{Ifindex: int32(index), Type: unix.PACKET_MR_MULTICAST, Alen: 6}
			copy(m.Address[:], mac[:])
			if err := unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, m); err != nil {
				return err
			}
		}
		return nil
	})
}

// deaf opens raw sockets for VRRP and AH that hear nothing. Without a socket for the protocol the kernel answers a
// unicast advert with "protocol unreachable".
func deaf() ([]*os.File, error) {
	quiet := func(fd int) error { return attach(fd, dropAll()) }
	var all []*os.File
	for _, s := range []struct{ domain, protocol int }{
		{unix.AF_INET, protocolVRRP}, {unix.AF_INET, protocolAH}, {unix.AF_INET6, protocolVRRP},
	} {
		f, err := open(s.domain, unix.SOCK_RAW, s.protocol, quiet)
		switch {
		case err == nil:
			all = append(all, f)
		case s.domain == unix.AF_INET:
			shut(all)
			return nil, fmt.Errorf("open a raw socket for protocol %d: %w", s.protocol, err)
		}
	}
	return all, nil
}

// unicast opens the raw socket of a family that takes whole IP packets. Its mark is that of the router's own
// flows: which WAN has them is not remembered.
func unicast(domain int) (*os.File, error) {
	return open(domain, unix.SOCK_RAW, unix.IPPROTO_RAW, func(fd int) error {
		return errors.Join(
			attach(fd, dropAll()),
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PRIORITY, lastPriority),
			bind(fd, "", uint32(firewall.MarkOwn)),
		)
	})
}

func open(domain, kind, protocol int, configure func(fd int) error) (*os.File, error) {
	fd, err := unix.Socket(domain, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, protocol)
	if err != nil {
		return nil, err
	}
	if err := configure(fd); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), "socket"), nil
}

// control runs f on a file's descriptor, which stays open meanwhile.
func control(file *os.File, f func(fd int) error) error {
	c, err := file.SyscallConn()
	if err != nil {
		return err
	}
	if c.Control(func(fd uintptr) { err = f(int(fd)) }) != nil {
		return os.ErrClosed // the only reason there is
	}
	return err
}

func shut(files []*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}

// sockaddr is where a raw socket sends to; the packet has the address in its header as well. A link-local address
// is one of the interface with this index.
func sockaddr(to netip.Addr, index int) unix.Sockaddr {
	if to.Is4() {
		return &unix.SockaddrInet4{Addr: to.As4()}
	}
	s := &unix.SockaddrInet6{Addr: to.As16()}
	if to.IsLinkLocalUnicast() {
		s.ZoneId = uint32(index)
	}
	return s
}

// indexOf asks for an interface's index in the network namespace of the calling thread.
func indexOf(device string) (int, error) {
	r, err := ask(device, unix.SIOCGIFINDEX)
	if err != nil {
		return 0, err
	}
	return int(r.Uint32()), nil
}

// macOf asks for an interface's hardware address.
func macOf(device string) (mac [6]byte, err error) {
	request := struct {
		name    [unix.IFNAMSIZ]byte
		family  uint16
		address [22]byte
	}{}
	if len(device) >= unix.IFNAMSIZ {
		return mac, unix.ENODEV
	}
	copy(request.name[:], device)
	err = query(func(fd int) error {
		_, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCGIFHWADDR, uintptr(unsafe.Pointer(&request)))
		if e != 0 {
			return syscall.Errno(e)
		}
		return nil
	})
	copy(mac[:], request.address[:])
	return mac, err
}

func ask(device string, what uint) (*unix.Ifreq, error) {
	r, err := unix.NewIfreq(device)
	if err != nil {
		return nil, unix.ENODEV
	}
	return r, query(func(fd int) error { return unix.IoctlIfreq(fd, what, r) })
}

func query(f func(fd int) error) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return f(fd)
}

func bigEndian(v uint16) uint16 { return v>>8 | v<<8 }
