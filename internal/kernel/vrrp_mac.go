package kernel

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/twinpath/twinpath/vrrp"
)

// board is an interface of ours that carries a virtual MAC address: a private macvlan. It exists only while its addresses
// are held, so that a Backup can neither answer with the address nor take the switch's port for it.
type board struct {
	name   string
	index  int
	parent int
	up     bool
	used   bool      // by a Hold of ours; else an engine before us has left it
	before before    // of its parent
	empty  time.Time // since when a board that an engine before us left is known to have no address; zero: it has one
}

// before is what the settings of a parent were before its first board. It is part of the boards' note, so that whoever
// removes the last one can put them back.
type before struct{ ignore, announce int }

func (b before) String() string { return fmt.Sprintf("%s %d %d", alias, b.ignore, b.announce) }

// boardOf recognises a board of ours by its kind, note and name.
func boardOf(d device) (board, bool) {
	b := board{name: d.Name, index: d.Index, up: d.Up}
	if d.Kind != "macvlan" {
		return b, false
	}
	n, err := fmt.Sscanf(d.alias, alias+" %d %d", &b.before.ignore, &b.before.announce)
	if n != 2 || err != nil {
		return b, false
	}
	parent, _, _, ok := vrrp.ParseDeviceName(d.Name)
	b.parent = parent
	return b, ok
}

// isBoard is boardOf for those who only pass them by.
func isBoard(d device) bool {
	_, ours := boardOf(d)
	return ours
}

// virtualMAC is RFC 9568 §7.3.
func virtualMAC(id uint8, family vrrp.Family) []byte {
	version := byte(1)
	if family == vrrp.IPv6 {
		version = 2
	}
	return []byte{0, 0, 0x5e, 0, version, id}
}

// addBoard makes a board for a holding and switches it on. A parent's ARP must not answer for addresses on a
// board, nor ask in their name: both would teach the house the wrong MAC address.
// Sister is another board on the same parent, if there is one.
func (s *session) addBoard(h vrrp.Holding, parent device, sister *board) (board, error) {
	b := board{name: vrrp.DeviceName(h.Index, h.ID, h.Family), parent: h.Index, used: true, up: true}
	if err := s.addMacvlan(b.name, parent, virtualMAC(h.ID, h.Family)); err != nil {
		return b, fmt.Errorf("make interface %s on %s: %w", b.name, parent.Name, err)
	}
	index, err := indexOf(b.name)
	if err == nil {
		b.index = index
		b.before = guardParent(parent.Name)
		if sister != nil {
			b.before = sister.before
		}
		err = s.note(b.index, b.before.String())
	}
	if err == nil {
		configureBoard(b.name, parent.Name, h.Family)
		err = s.setUp(b.index)
	}
	if err != nil {
		return b, errors.Join(fmt.Errorf("set interface %s up: %w", b.name, err), s.removeBoard(b))
	}
	return b, nil
}

func (s *session) addMacvlan(name string, parent device, mac []byte) error {
	kind := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	kind.AddRtAttr(unix.IFLA_INFO_KIND, nl.NonZeroTerminated("macvlan"))
	kind.AddRtAttr(unix.IFLA_INFO_DATA, nil).AddRtAttr(nl.IFLA_MACVLAN_MODE, nl.Uint32Attr(nl.MACVLAN_MODE_PRIVATE))
	return s.do(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL,
		nl.NewIfInfomsg(unix.AF_UNSPEC),
		nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(name)),
		number(unix.IFLA_LINK, uint32(parent.Index)),
		number(unix.IFLA_GROUP, parent.group), // firewalls may go by it
		nl.NewRtAttr(unix.IFLA_ADDRESS, mac),
		kind)
}

func (s *session) note(index int, words string) error {
	m := nl.NewIfInfomsg(unix.AF_UNSPEC)
	m.Index = int32(index)
	return s.do(unix.RTM_NEWLINK, 0, m, nl.NewRtAttr(unix.IFLA_IFALIAS, []byte(words)))
}

// removeBoard removes a board. Restoring its parent's settings is for who removes the last one.
func (s *session) removeBoard(b board) error {
	if err := s.removeLink(b.index); err != nil && !errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("remove interface %s: %w", b.name, err)
	}
	return nil
}

// configureBoard writes a board's settings before it is switched on. What cannot be written, in a container, is as the
// host wants it.
func configureBoard(name, parent string, family vrrp.Family) {
	write := func(path, value string) { _ = os.WriteFile("/proc/sys/net/"+path, []byte(value), 0) }
	v4, v6 := "ipv4/conf/"+name+"/", "ipv6/conf/"+name+"/"
	write(v4+"arp_ignore", "1")
	write(v4+"promote_secondaries", "1")
	// The way back to a sender is the parent's route: strict checking (1) would drop all. The larger of this and the value
	// for all interfaces counts, and 2, loose, is larger than 1.
	write(v4+"rp_filter", map[bool]string{true: "2", false: "0"}[setting("ipv4/conf/all/rp_filter", 0) > 0])
	write(v4+"accept_local", "1") // with rp_filter 0 it spares each packet a routing decision (fib_validate_source)
	write(v4+"forwarding", strconv.Itoa(setting("ipv4/conf/"+parent+"/forwarding", 0)))
	if family != vrrp.IPv6 {
		write(v6+"disable_ipv6", "1")
		return
	}
	// No address must come of the virtual MAC by itself: the other router would have the same (RFC 9568 §7.4).
	for _, s := range [...]struct{ key, value string }{
		{"disable_ipv6", "0"}, {"addr_gen_mode", "1"}, {"accept_ra", "0"}, {"autoconf", "0"}, {"use_tempaddr", "0"},
		{"accept_dad", "0"}, {"dad_transmits", "0"}, {"router_solicitations", "0"},
	} {
		write(v6+s.key, s.value)
	}
	write(v6+"forwarding", strconv.Itoa(setting("ipv6/conf/"+parent+"/forwarding", 0)))
}

// guardParent makes a parent's ARP answer for its own addresses only (arp_ignore 1) and ask in their name only
// (arp_announce 2), and returns what was before.
func guardParent(name string) before {
	b := before{setting(arpIgnore(name), 0), setting(arpAnnounce(name), 0)}
	if b.ignore == 0 {
		_ = os.WriteFile("/proc/sys/net/"+arpIgnore(name), []byte("1"), 0)
	}
	if b.announce < 2 {
		_ = os.WriteFile("/proc/sys/net/"+arpAnnounce(name), []byte("2"), 0)
	}
	return b
}

// freeParent puts a parent's settings back, unless somebody has changed them meanwhile.
func freeParent(name string, b before) {
	if setting(arpIgnore(name), 1) == 1 {
		_ = os.WriteFile("/proc/sys/net/"+arpIgnore(name), []byte(strconv.Itoa(b.ignore)), 0)
	}
	if setting(arpAnnounce(name), 2) == 2 {
		_ = os.WriteFile("/proc/sys/net/"+arpAnnounce(name), []byte(strconv.Itoa(b.announce)), 0)
	}
}

func arpIgnore(name string) string   { return "ipv4/conf/" + name + "/arp_ignore" }
func arpAnnounce(name string) string { return "ipv4/conf/" + name + "/arp_announce" }

// setting reads a number below /proc/sys/net.
func setting(path string, otherwise int) int {
	b, err := os.ReadFile("/proc/sys/net/" + path)
	if err != nil {
		return otherwise
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return otherwise
	}
	return n
}
