package kernel

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/twinpath/twinpath/router"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// skipStatistics leaves the counters out of a dump of links (RTEXT_FILTER_SKIP_STATS): most of its bytes.
const skipStatistics = 1 << 3

// device is a link with what only this package needs to know of it.
type device struct {
	router.Link
	master int    // ifindex of the bridge it is a port of
	alias  string // the owner's note on it
	group  uint32 // of interfaces, for firewalls
	parent int    // ifindex of the interface below it
	tag    int    // of a VLAN

	permanent string // the Ethernet address burnt into it
	largest   int    // MTU that its driver can do; 0: it does not say
}

// Links returns every network interface of this network namespace in the order of their ifindexes, those excepted that
// the VRRP engine makes for its virtual MAC addresses: they come and go, and carry nothing of the plan.
func (k *Kernel) Links() ([]router.Link, error) {
	s, err := dial()
	if err != nil {
		return nil, err
	}
	defer s.close()
	devices, err := s.links()
	if err != nil {
		return nil, err
	}
	links := make([]router.Link, 0, len(devices))
	for _, d := range devices {
		if isBoard(d) {
			continue
		}
		d.Driver, d.Mobile = k.trait(d)
		d.Own = d.own()
		links = append(links, d.Link)
	}
	k.forget(links)
	slices.SortFunc(links, func(a, b router.Link) int { return a.Index - b.Index })
	return links, nil
}

func (s *session) links() (map[string]device, error) {
	bodies, err := s.dump(unix.RTM_GETLINK, nl.NewIfInfomsg(unix.AF_UNSPEC), number(unix.IFLA_EXT_MASK, skipStatistics))
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	devices := make(map[string]device, len(bodies))
	for _, body := range bodies {
		if len(body) < unix.SizeofIfInfomsg {
			continue
		}
		d := readLink(body)
		devices[d.Name] = d
	}
	return devices, nil
}

func readLink(body []byte) device {
	flags := binary.NativeEndian.Uint32(body[8:])
	d := device{Link: router.Link{
		Index:   int(int32(binary.NativeEndian.Uint32(body[4:]))),
		Up:      flags&unix.IFF_UP != 0,
		Carrier: flags&unix.IFF_LOWER_UP != 0,
	}}
	bus := ""
	for kind, v := range attributes(body, unix.SizeofIfInfomsg) {
		switch kind {
		case unix.IFLA_IFNAME:
			d.Name = text(v)
		case unix.IFLA_ADDRESS:
			d.MAC = hardware(v)
		case unix.IFLA_MTU:
			d.MTU = int(value(v))
		case unix.IFLA_MASTER:
			d.master = int(value(v))
		case unix.IFLA_GROUP:
			d.group = value(v)
		case unix.IFLA_IFALIAS:
			d.alias = text(v)
		case unix.IFLA_LINKINFO:
			d.Kind, d.tag = kindOf(v), tagOf(v)
		case unix.IFLA_LINK:
			d.parent = int(value(v))
		case unix.IFLA_PERM_ADDRESS:
			d.permanent = hardware(v)
		case unix.IFLA_MAX_MTU:
			d.largest = int(value(v))
		case unix.IFLA_PARENT_DEV_NAME:
			d.USB = text(v)
		case unix.IFLA_PARENT_DEV_BUS_NAME:
			bus = text(v)
		}
	}
	d.USB = socketOf(bus, d.USB)
	return d
}

func kindOf(info []byte) string {
	for kind, v := range attributes(info, 0) {
		if kind == unix.IFLA_INFO_KIND {
			return text(v)
		}
	}
	return ""
}

// hardware writes an Ethernet address; loopback and tunnels have none worth showing.
func hardware(b []byte) string {
	if len(b) != 6 || bytes.Equal(b, make([]byte, 6)) {
		return ""
	}
	return net.HardwareAddr(b).String()
}

func text(b []byte) string { return strings.TrimRight(string(b), "\x00") }

// driver asks ethtool for the name of an interface's driver; empty when it does not say.
func driver(name string) string {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return ""
	}
	defer unix.Close(fd)
	answer, err := unix.IoctlGetEthtoolDrvinfo(fd, name)
	if err != nil {
		return ""
	}
	return text(answer.Driver[:])
}

// raise switches the plan's interfaces on, each only when its ifindex is first seen: an owner who switches
// one off afterwards is respected.
func (p *pass) raise() {
	for _, name := range p.plan.Links {
		d, ok := p.device(name)
		if !ok || p.k.raised[d.Index] {
			continue
		}
		if !d.Up && !p.change("switch on "+name, p.session.setUp(d.Index)) {
			continue
		}
		p.k.raised[d.Index] = true
		d.Up = true
		p.devices[name] = d
	}
}

func (s *session) setUp(index int) error {
	m := nl.NewIfInfomsg(unix.AF_UNSPEC)
	m.Index, m.Flags, m.Change = int32(index), unix.IFF_UP, unix.IFF_UP
	return s.do(unix.RTM_NEWLINK, 0, m)
}
