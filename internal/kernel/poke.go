package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"github.com/ti-mo/conntrack"
	"github.com/twinpath/twinpath/firewall"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// How fast clients are told, in flows: a house is far below the first burst; a burst without end would fill the
// queues that the new connections need. After ten seconds clients have found out by themselves.
const (
	pokeBurst = 2000
	pokeRate  = 2000 // a second
	pokeMost  = pokeBurst + 10*pokeRate
)

// poke is a TCP flow as its end in the house sees it.
type poke struct{ client, server netip.AddrPort }

// tell sends each house's end of the flows two bare ACKs in the name of the other end, half the sequence space apart, so
// that at least one is outside its window. It answers with its exact position (RFC 9293 §3.10.7.4), the firewall no
// longer knows the flow and answers that with a reset the client must believe. The ruleset does not track our ACKs:
// a conntrack entry of their own would swallow the answer.
func tell(flows []conntrack.Flow) (int, error) {
	pokes := make([]poke, 0, len(flows))
	for _, f := range flows {
		if f.TupleOrig.Proto.Protocol != unix.IPPROTO_TCP || stateOf(f) >= tcpLastAck && stateOf(f) <= tcpClose {
			continue
		}
		pokes = append(pokes, houseEnd(f))
	}
	return tellAll(pokes)
}

func tellAll(pokes []poke) (int, error) {
	pokes, err := house(pokes)
	if err != nil || len(pokes) == 0 {
		return 0, err
	}
	s, err := openPoker()
	if err != nil {
		return 0, err
	}
	defer s.close()
	told := 0
	for i, p := range pokes[:min(len(pokes), pokeMost)] {
		if i >= pokeBurst && (i-pokeBurst)%(pokeRate/20) == 0 {
			time.Sleep(time.Second / 20)
		}
		if s.poke(p) == nil {
			told++
		}
	}
	return told, nil
}

// house picks the flows with an end in the house. Whatever the main table would send out by a default route, or is
// this router itself, is not in the house: a spoofed packet must never leave to a WAN.
func house(all []poke) ([]poke, error) {
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open rtnetlink: %w", err)
	}
	defer h.Close()
	ends := houseEnds{handle: h}
	return slices.DeleteFunc(all, func(p poke) bool { return !ends.has(p.client.Addr()) }), nil
}

// houseEnd looks at a flow from inside: for a port forward that is from the server it was forwarded to, which the
// answers come from; else from the one that began it.
func houseEnd(f conntrack.Flow) poke {
	if f.Status.DstNAT() && !f.Status.SrcNAT() {
		t := f.TupleReply
		return poke{
			client: netip.AddrPortFrom(t.IP.SourceAddress, t.Proto.SourcePort),
			server: netip.AddrPortFrom(t.IP.DestinationAddress, t.Proto.DestinationPort),
		}
	}
	t := f.TupleOrig
	return poke{
		client: netip.AddrPortFrom(t.IP.SourceAddress, t.Proto.SourcePort),
		server: netip.AddrPortFrom(t.IP.DestinationAddress, t.Proto.DestinationPort),
	}
}

func inHouse(h *netlink.Handle, a netip.Addr) bool {
	routes, err := h.RouteGetWithOptions(a.AsSlice(), &netlink.RouteGetOptions{FIBMatch: true})
	if err != nil || len(routes) == 0 || routes[0].Type != unix.RTN_UNICAST || routes[0].Dst == nil {
		return false
	}
	bits, _ := routes[0].Dst.Mask.Size()
	return bits > 0
}

// poker sends packets that carry their own addresses.
type poker struct{ v4, v6 int }

func openPoker() (poker, error) {
	p := poker{-1, -1}
	v4, err := rawSocket(unix.AF_INET)
	if err != nil {
		return p, err
	}
	p.v4 = v4
	// Without IPv6 in the kernel there is no such flow either.
	if v6, err := rawSocket(unix.AF_INET6); err == nil {
		p.v6 = v6
	}
	return p, nil
}

// rawSocket opens a socket of IPPROTO_RAW: it sends whole packets and receives nothing.
func rawSocket(family int) (int, error) {
	fd, err := unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.IPPROTO_RAW)
	if err != nil {
		return -1, fmt.Errorf("open raw socket: %w", err)
	}
	err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK, int(firewall.MarkPoke))
	if err == nil {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, receiveBuffer)
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, fmt.Errorf("prepare raw socket: %w", err)
	}
	return fd, nil
}

func (s poker) close() {
	for _, fd := range []int{s.v4, s.v6} {
		if fd >= 0 {
			_ = unix.Close(fd)
		}
	}
}

func (s poker) poke(p poke) error {
	x := rand.Uint32()
	return errors.Join(s.send(p, x), s.send(p, x+1<<31))
}

func (s poker) send(p poke, sequence uint32) error {
	packet := bareACK(p, sequence, rand.Uint32())
	client := p.client.Addr()
	if client.Is4() {
		return unix.Sendto(s.v4, packet, 0, &unix.SockaddrInet4{Addr: client.As4()})
	}
	return unix.Sendto(s.v6, packet, 0, &unix.SockaddrInet6{Addr: client.As16()})
}

const segmentSize = 20 // a TCP header without options

// bareACK builds an IP packet with a TCP segment of no data from the server to the client.
func bareACK(p poke, sequence, acknowledged uint32) []byte {
	tcp := make([]byte, segmentSize)
	binary.BigEndian.PutUint16(tcp[0:], p.server.Port())
	binary.BigEndian.PutUint16(tcp[2:], p.client.Port())
	binary.BigEndian.PutUint32(tcp[4:], sequence)
	binary.BigEndian.PutUint32(tcp[8:], acknowledged)
	tcp[12], tcp[13] = segmentSize/4<<4, 0x10
	binary.BigEndian.PutUint16(tcp[14:], 0xffff) // not a closed window, should the client believe it
	binary.BigEndian.PutUint16(tcp[16:], checksum(p, tcp))
	return append(header(p), tcp...)
}

// header builds the IP header; for IPv4 the kernel fills in identification, length and checksum.
func header(p poke) []byte {
	source, destination := p.server.Addr().AsSlice(), p.client.Addr().AsSlice()
	if p.client.Addr().Is4() {
		h := []byte{0x45, 0, 0, 20 + segmentSize, 0, 0, 0x40, 0, 64, unix.IPPROTO_TCP, 0, 0}
		return append(append(h, source...), destination...)
	}
	h := []byte{0x60, 0, 0, 0, 0, segmentSize, unix.IPPROTO_TCP, 64}
	return append(append(h, source...), destination...)
}

// checksum is that of RFC 9293 §3.1, over the addresses, the protocol, the length and the segment.
func checksum(p poke, tcp []byte) uint16 {
	sum := uint32(unix.IPPROTO_TCP + len(tcp))
	for _, part := range [][]byte{p.server.Addr().AsSlice(), p.client.Addr().AsSlice(), tcp} {
		for ; len(part) >= 2; part = part[2:] {
			sum += uint32(binary.BigEndian.Uint16(part))
		}
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
