package kernel

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"

	"github.com/twinpath/twinpath/pair/handover"
	rtnetlink "github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// neighbourMost is how many neighbours are told and taken: with more the kernel begins to forget those it has not used (gc_thresh2).
const neighbourMost = 512

// known are the states in which an entry has an Ethernet address that is good until proven otherwise.
const known = unix.NUD_PERMANENT | unix.NUD_NOARP | unix.NUD_REACHABLE | unix.NUD_STALE | unix.NUD_DELAY | unix.NUD_PROBE

// neighbour is an entry of the kernel.
type neighbour struct {
	handover.Neighbour
	index int
	known bool
}

// Neighbours returns which Ethernet addresses the stations on a device have, of both families, as far as they are known: at most 512.
func (k *Kernel) Neighbours(device string) ([]handover.Neighbour, error) {
	s, d, err := dialOn(device)
	if err != nil {
		return nil, err
	}
	defer s.close()
	all, err := s.neighbours(d.Index)
	if err != nil {
		return nil, err
	}
	var told []handover.Neighbour
	for _, n := range all {
		if n.known && len(told) < neighbourMost {
			told = append(told, n.Neighbour)
		}
	}
	return told, nil
}

// Introduce tells the kernel which Ethernet addresses stations on a device have. It believes that less than anything that it has found out itself, and asks
// the station when it uses it. An address elsewhere than on this device, or this router's own, is left out, and so is whatever a station cannot have.
func (k *Kernel) Introduce(device string, all []handover.Neighbour) error {
	s, d, err := dialOn(device)
	if err != nil {
		return err
	}
	defer s.close()
	have, err := s.neighbours(d.Index)
	if err != nil {
		return err
	}
	present := make(map[netip.Addr]bool, len(have))
	for _, n := range have {
		present[n.Address] = n.known
	}
	h, err := rtnetlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("open rtnetlink: %w", err)
	}
	defer h.Close()
	for _, n := range all[:min(len(all), neighbourMost)] {
		mac, ok := station(n.MAC)
		if !ok || n.MAC == d.MAC || present[n.Address] || !isOn(h, n.Address, d.Index) {
			continue
		}
		if err := s.introduce(d.Index, n.Address, mac); err != nil {
			return fmt.Errorf("introduce %s at %s on %s: %w", n.Address, n.MAC, device, err)
		}
	}
	return nil
}

func dialOn(name string) (*session, device, error) {
	s, err := dial()
	if err != nil {
		return nil, device{}, err
	}
	devices, err := s.links()
	d, ok := devices[name]
	if err == nil && !ok {
		err = fmt.Errorf("there is no interface %s", name)
	}
	if err != nil {
		s.close()
		return nil, device{}, err
	}
	return s, d, nil
}

// station reads an Ethernet address that one station can have: of its own, and not by VRRP, whose addresses move (RFC 9568 §7.3).
func station(text string) (net.HardwareAddr, bool) {
	mac, err := net.ParseMAC(text)
	if err != nil || len(mac) != 6 || mac[0]&1 != 0 || [6]byte(mac) == [6]byte{} {
		return nil, false
	}
	virtual := [4]byte(mac) == [4]byte{0, 0, 0x5e, 0} && (mac[4] == 1 || mac[4] == 2)
	return mac, !virtual
}

// isOn reports whether packets to an address go straight to it on a device.
func isOn(h *rtnetlink.Handle, a netip.Addr, index int) bool {
	switch {
	case !a.IsValid() || a.Is4In6() || a.Zone() != "" || a.IsUnspecified() || a.IsMulticast() || a.IsLoopback():
		return false
	case a.Is6() && a.IsLinkLocalUnicast():
		return true
	}
	routes, err := h.RouteGetWithOptions(a.AsSlice(), &rtnetlink.RouteGetOptions{FIBMatch: true})
	return err == nil && len(routes) > 0 && routes[0].Type == unix.RTN_UNICAST && routes[0].LinkIndex == index && len(routes[0].Gw) == 0 && routes[0].Via == nil &&
		len(routes[0].MultiPath) == 0
}

// neighbours lists those with an address that a station can have.
func (s *session) neighbours(index int) ([]neighbour, error) {
	bodies, err := s.dump(unix.RTM_GETNEIGH, ndMessage{}, number(rtnetlink.NDA_IFINDEX, uint32(index)))
	if err != nil {
		return nil, fmt.Errorf("list neighbours: %w", err)
	}
	var all []neighbour
	for _, body := range bodies {
		if n, ok := readNeighbour(body); ok && n.index == index {
			all = append(all, n)
		}
	}
	return all, nil
}

func readNeighbour(body []byte) (n neighbour, ok bool) {
	if len(body) < ndMessageSize {
		return n, false
	}
	n.index = int(int32(binary.NativeEndian.Uint32(body[4:])))
	n.known = binary.NativeEndian.Uint16(body[8:])&known != 0
	for kind, v := range attributes(body, ndMessageSize) {
		switch kind {
		case rtnetlink.NDA_DST:
			n.Address, _ = netip.AddrFromSlice(v)
		case rtnetlink.NDA_LLADDR:
			n.MAC = net.HardwareAddr(v).String()
		}
	}
	if _, real := station(n.MAC); !real {
		n.known = false
	}
	return n, n.Address.IsValid() && !n.Address.IsMulticast()
}

// introduce adds an entry, or completes one that has no Ethernet address.
func (s *session) introduce(index int, a netip.Addr, mac net.HardwareAddr) error {
	family := uint8(unix.AF_INET6)
	if a.Is4() {
		family = unix.AF_INET
	}
	return s.do(unix.RTM_NEWNEIGH, unix.NLM_F_CREATE|unix.NLM_F_REPLACE, ndMessage{family, uint32(index), unix.NUD_STALE},
		nl.NewRtAttr(rtnetlink.NDA_DST, a.AsSlice()), nl.NewRtAttr(rtnetlink.NDA_LLADDR, mac))
}

const ndMessageSize = 12

// ndMessage is struct ndmsg (neighbour.h).
type ndMessage struct {
	family uint8
	index  uint32
	state  uint16
}

func (ndMessage) Len() int { return ndMessageSize }

func (m ndMessage) Serialize() []byte {
	b := make([]byte, ndMessageSize)
	b[0] = m.family
	binary.NativeEndian.PutUint32(b[4:], m.index)
	binary.NativeEndian.PutUint16(b[8:], m.state)
	return b
}
