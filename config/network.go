package config

import (
	"fmt"
	"net"
	"net/netip"
	"path"
	"strconv"
	"strings"

	"github.com/twinpath/twinpath/firewall"
	"github.com/twinpath/twinpath/router"
)

// address reads an IPv4 or IPv6 address of one host.
func (v value) address() netip.Addr {
	text := v.text(64)
	if text == "" {
		return netip.Addr{}
	}
	a, err := netip.ParseAddr(text)
	switch {
	case err != nil && strings.Contains(text, "/"):
		v.problem("write it without the length: "+before(text, "/"), "%s is a network, not an address", quote(text))
	case err != nil:
		v.problem("", "%s is not an IP address", quote(text))
	case a.Zone() != "" || a.Is4In6() || !isHost(a):
		v.problem("", "%s is not an address that one host can have", text)
	default:
		return a
	}
	return netip.Addr{}
}

// address4 is address for what this version serves over IPv4 only.
func (v value) address4() netip.Addr {
	a := v.address()
	if a.Is6() {
		v.problem("", "must be an IPv4 address, not %s", a)
		return netip.Addr{}
	}
	return a
}

// isHost reports whether a can be one host's own address.
func isHost(a netip.Addr) bool {
	return !a.IsUnspecified() && !a.IsMulticast() && !a.IsLoopback() && a != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// ownAddress reads an IPv4 address with the length of its network: "192.168.1.2/24".
func (v value) ownAddress(least, most int) netip.Prefix {
	text := v.text(64)
	if text == "" {
		return netip.Prefix{}
	}
	p, err := netip.ParsePrefix(text)
	switch {
	case err != nil && isAddress(text):
		v.problem(fmt.Sprintf("for example \"%s/24\"", text), "%s lacks the length of its network", quote(text))
	case err != nil || p.Addr().Is4In6():
		v.problem("", "%s is not an address with the length of its network", quote(text))
	case !p.Addr().Is4():
		v.problem("", "must be an IPv4 address, not %s", p.Addr())
	case p.Bits() < least || p.Bits() > most:
		v.problem("", "the length must be /%d to /%d, not /%d", least, most, p.Bits())
	case !isHost(p.Addr()):
		v.problem("", "%s is not an address that one host can have", p.Addr())
	case edge(p, p.Addr()) != "":
		v.problem("", "%s is the %s address of %s", p.Addr(), edge(p, p.Addr()), p.Masked())
	default:
		return p
	}
	return netip.Prefix{}
}

func isAddress(text string) bool {
	_, err := netip.ParseAddr(text)
	return err == nil
}

// edge says whether a is the network or broadcast address of p: "network", "broadcast", or "" for a host's. A /31 and
// a /32 have neither (RFC 3021).
func edge(p netip.Prefix, a netip.Addr) string {
	switch {
	case !p.Addr().Is4() || p.Bits() >= 31 || !p.Contains(a):
		return ""
	case a == p.Masked().Addr():
		return "network"
	case !p.Contains(a.Next()):
		return "broadcast"
	}
	return ""
}

// network reads an address or a network as a prefix.
func (v value) network() netip.Prefix {
	text := v.text(64)
	if text == "" {
		return netip.Prefix{}
	}
	if !strings.Contains(text, "/") {
		if a := v.address(); a.IsValid() {
			return netip.PrefixFrom(a, a.BitLen())
		}
		return netip.Prefix{}
	}
	p, err := netip.ParsePrefix(text)
	switch {
	case err != nil || p.Addr().Is4In6():
		v.problem("", "%s is not a network", quote(text))
	case p != p.Masked():
		v.problem(fmt.Sprintf("write %q, or %q for the one host", p.Masked(), p.Addr()), "%s has bits set behind its length", text)
	default:
		return p
	}
	return netip.Prefix{}
}

// localPrefix reads a unique local /64 (RFC 4193).
func (v value) localPrefix() netip.Prefix {
	p := v.network()
	const example = `for example "fd6c:7a1e:90b3::/64", with digits of your own`
	switch {
	case !p.IsValid():
	case p.Bits() != 64 || !p.Addr().Is6():
		v.problem(example, "must be an IPv6 /64, not %s", p)
	case !netip.PrefixFrom(netip.AddrFrom16([16]byte{0xfd}), 8).Contains(p.Addr()):
		v.problem(example, "%s is not in fd00::/8, which is for houses", p)
	default:
		return p
	}
	return netip.Prefix{}
}

// mac reads an Ethernet address of one device, in the kernel's spelling.
func (v value) mac() string {
	text := v.text(64)
	if text == "" {
		return ""
	}
	hw, ok := ethernet(text)
	switch {
	case !ok:
		v.problem(`for example "02:00:00:00:00:10"`, "%s is not a MAC address", quote(text))
		return ""
	case strings.Trim(hw, "0:") == "" || isGroup(hw):
		v.problem("", "%s is not the MAC address of one device", text)
		return ""
	}
	return hw
}

func ethernet(text string) (string, bool) {
	hw, err := net.ParseMAC(text)
	return hw.String(), err == nil && len(hw) == 6
}

// isGroup reports whether the address is a multicast one: the lowest bit of its first byte.
func isGroup(mac string) bool { return strings.IndexByte("13579bdf", mac[1]) >= 0 }

// nameLimit is the kernel's IFNAMSIZ without its final zero.
const nameLimit = 15

// usbSocket is a USB socket as the kernel names it: the bus, then the port of each hub on the way.
func usbSocket(text string) bool {
	bus, ports, ok := strings.Cut(text, "-")
	if !ok || !isNumber(bus) {
		return false
	}
	for port := range strings.SplitSeq(ports, ".") {
		if !isNumber(port) {
			return false
		}
	}
	return true
}

func isNumber(text string) bool {
	n, err := strconv.ParseUint(text, 10, 8)
	return err == nil && n > 0 && text[0] != '0'
}

// device reads an interface: a kernel name, a MAC address, a USB socket or a pattern.
func (v value) device() string {
	text := v.text(64)
	if text == "" {
		return ""
	}
	if mac, ok := ethernet(text); ok {
		return mac
	}
	if socket, is := strings.CutPrefix(text, router.USBPrefix); is {
		if !usbSocket(socket) {
			v.problem(`for example "usb:1-1.2": the names of sockets are in /sys/bus/usb/devices`, "%s is no USB socket", quote(text))
			return ""
		}
		return text
	}
	_, err := path.Match(text, "")
	switch {
	case len(text) > nameLimit && !isPattern(text):
		v.problem("", "%s is longer than the %d characters of an interface name", quote(text), nameLimit)
	case strings.ContainsAny(text, "/: \u00a0") || text == "." || text == "..":
		v.problem(`for example "eth0", "02:00:00:00:00:10" or "usb*"`, "%s is no interface name, MAC address or pattern", quote(text))
	case err != nil:
		v.problem(`for example "usb*"`, "%s is not a valid pattern", quote(text))
	case strings.Trim(text, "*?") == "":
		v.problem(`say how the names begin, for example "usb*"`, "%s fits every interface", quote(text))
	case text == "lo":
		v.problem("", "lo is the loopback interface and leads nowhere")
	case text == router.BridgeName:
		v.problem("name the ports: lan.ports", "%s is the bridge that Twinpath makes itself", text)
	default:
		return text
	}
	return ""
}

func isPattern(text string) bool { return strings.ContainsAny(text, "*?[\\") }

// ports reads 443, "443" or "8000-8010".
func (v value) ports() firewall.PortRange {
	text, ok := v.raw.(string)
	if n, isNumber := v.raw.(int64); isNumber {
		text, ok = strconv.FormatInt(n, 10), true
	}
	if !ok {
		v.problem(`for example 443, "443" or "8000-8010"`, "must be a port, not %s", v.kind())
		return firewall.PortRange{}
	}
	from, to, isRange := strings.Cut(text, "-")
	if !isRange {
		to = from
	}
	first, last := port(from), port(to)
	switch {
	case first == 0 || last == 0:
		v.problem(`for example 443, "443" or "8000-8010"`, "%s is not a port or a range of ports: 1 to 65535", quote(text))
	case first > last:
		v.problem(fmt.Sprintf("write \"%d-%d\"", last, first), "the range %s runs backwards", text)
	default:
		return firewall.PortRange{First: first, Last: last}
	}
	return firewall.PortRange{}
}

// port returns 0 for what is not one.
func port(text string) uint16 {
	n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 16)
	if err != nil {
		return 0
	}
	return uint16(n)
}

// destination reads where a port forward leads: "192.168.1.10:443", or the address alone to keep the port. Of IPv6 it is the address of the
// device, or the end of one.
func (v value) destination() netip.AddrPort {
	text := v.text(64)
	if a, err := netip.ParseAddr(text); err == nil && a.Is4() {
		return netip.AddrPortFrom(v.address4(), 0)
	} else if err == nil && isDevice6(a) {
		return netip.AddrPortFrom(a, 0)
	}
	to, err := netip.ParseAddrPort(text)
	switch {
	case text == "":
	case err != nil || to.Port() == 0:
		v.problem(`for example "192.168.1.10:443"`, "%s is not an address and a port", quote(text))
	case to.Addr().Is4() && !isHost(to.Addr()), !to.Addr().Is4() && !isDevice6(to.Addr()):
		v.problem("", "must be the address of a host, not %s", to.Addr())
	default:
		return to
	}
	return netip.AddrPort{}
}

// isDevice6 reports whether an IPv6 address is one that a device has beyond its own link, or the last 64 bits of one.
func isDevice6(a netip.Addr) bool {
	bytes := a.As16()
	if !a.Is6() || a.Is4In6() || a.Zone() != "" || a.IsLoopback() {
		return false
	}
	return a.IsGlobalUnicast() && [8]byte(bytes[8:]) != [8]byte{}
}

func before(text, sep string) string {
	head, _, _ := strings.Cut(text, sep)
	return head
}
