package front

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/twinpath/twinpath/router"
)

// Where browsers look when nobody names a port.
const (
	usualPort   = 80
	usualSecure = 443
)

// shown is where a configuration has the page: an address for people, and whether it is by TLS.
type shown struct {
	at     netip.AddrPort
	secure bool
}

// shownAt lists where a configuration has the page.
func shownAt(cfg router.Config) []shown {
	if !cfg.Web.On {
		return nil
	}
	listen := cfg.Web.Listen
	if len(listen) == 0 {
		listen = []netip.AddrPort{netip.AddrPortFrom(netip.IPv6Unspecified(), usualPort)}
	}
	var all []shown
	for _, at := range listen {
		all = append(all, spelledOut(cfg, at, false)...)
	}
	for _, at := range cfg.Web.TLS {
		all = append(all, spelledOut(cfg, at, true)...)
	}
	return all
}

// spelledOut names every address that an unspecified one stands for.
func spelledOut(cfg router.Config, at netip.AddrPort, secure bool) []shown {
	if !at.Addr().IsUnspecified() {
		return []shown{{at, secure}}
	}
	var all []shown
	for _, p := range houseAddresses(cfg) {
		all = append(all, shown{netip.AddrPortFrom(p.Addr(), at.Port()), secure})
	}
	return all
}

// url is what to type into a browser.
func (s shown) url() string {
	scheme, usual := "http", uint16(usualPort)
	if s.secure {
		scheme, usual = "https", usualSecure
	}
	host := s.at.String()
	if s.at.Port() == usual {
		host = strings.TrimSuffix(host, fmt.Sprintf(":%d", usual))
	}
	return scheme + "://" + host + "/"
}

// URLs are where a configuration has the page, for people.
func URLs(cfg router.Config) []string {
	all := []string{}
	for _, s := range shownAt(cfg) {
		all = append(all, s.url())
	}
	return all
}

// own are the URLs of addresses that no other router has, now or later.
func own(cfg router.Config) []string {
	var all []string
	for _, s := range shownAt(cfg) {
		if !slices.ContainsFunc(Virtuals(cfg), func(v router.VirtualRouter) bool {
			return slices.ContainsFunc(v.Addresses, func(p netip.Prefix) bool { return p.Addr() == s.at.Addr() })
		}) {
			all = append(all, s.url())
		}
	}
	return all
}

// addressesOf are those of the page, for its certificate.
func addressesOf(cfg router.Config) []netip.Addr {
	var all []netip.Addr
	for _, s := range shownAt(cfg) {
		all = append(all, s.at.Addr())
	}
	slices.SortFunc(all, netip.Addr.Compare)
	return slices.Compact(all)
}

// houseAddresses are those of this router on the LAN, the ones that it shares with another included.
func houseAddresses(cfg router.Config) []netip.Prefix {
	var all []netip.Prefix
	if cfg.LAN.Address.IsValid() {
		all = append(all, cfg.LAN.Address)
	}
	for _, v := range Virtuals(cfg) {
		all = append(all, v.Addresses...)
	}
	return all
}

// Virtuals are the virtual routers of the LAN.
func Virtuals(cfg router.Config) []router.VirtualRouter {
	return slices.DeleteFunc(slices.Clone(cfg.VRRP), func(v router.VirtualRouter) bool {
		return cfg.LAN.Device() == "" || v.Interface != "" && v.Interface != cfg.LAN.Device()
	})
}

// namesOf are the names that the page may be called by: the configured ones, and the router's own with and without the house's
// domain. A name that is nobody's stays out: it could be a stranger's trick to read the page from outside (DNS rebinding).
func namesOf(cfg router.Config, host string) []string {
	all := slices.Clone(cfg.Web.Names)
	for _, name := range []string{host, cfg.Name, "twinpath"} {
		if name = strings.ToLower(name); !plainName(name) {
			continue
		}
		all = append(all, name, name+".local")
		if cfg.LAN.DNS.Domain != "" {
			all = append(all, name+"."+cfg.LAN.DNS.Domain)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// plainName reports whether a name is one label of a host name (RFC 1123 §2.1).
func plainName(name string) bool {
	if _, err := netip.ParseAddr(name); err == nil || name == "" || len(name) > 63 || name[0] == '-' || name[len(name)-1] == '-' {
		return false
	}
	return !strings.ContainsFunc(name, func(r rune) bool { return r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') })
}
