package front

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/twinpath/twinpath/internal/kernel"
	"github.com/twinpath/twinpath/router"
)

// Doors are the page's listening sockets. Each is bound to a device that is the house's: none ever hears a line.
type Doors struct {
	Links  func() ([]router.Link, error)
	Lines  func() []string // devices that lead to the Internet
	Record func(router.Event)
	Log    *slog.Logger

	all  []*entrance
	said map[place]string // why one is not open, as it was told
}

// place is where a socket shall be. An unspecified address means all of the device's.
type place struct {
	at     netip.AddrPort
	device string
	secure bool
}

// entrance is an open socket.
type entrance struct {
	place
	index int // of its device: a device that is made anew has another
	file  *os.File
}

// retry is when a socket that could not be opened is tried again. Chosen here: an earlier daemon's is gone in a moment.
const retry = time.Second

// open makes the sockets those of a configuration: first what is new, then it closes what is not wanted any more. It returns when
// to try again what could not be opened, 0 when nothing is missing.
func (d *Doors) open(cfg router.Config) time.Duration {
	ground, err := d.survey(cfg)
	if err != nil {
		d.Log.Warn("interfaces not listed", "err", err)
		return retry
	}
	wanted := ground.wanted()
	var kept []*entrance
	said, again := map[place]string{}, time.Duration(0)
	for _, p := range wanted {
		one, err := d.opened(p, ground)
		if err != nil {
			said[p], again = err.Error(), retry
			continue
		}
		kept = append(kept, one)
	}
	for _, old := range d.all {
		if !slices.Contains(kept, old) {
			_ = old.file.Close()
		}
	}
	d.all = kept
	d.complain(said)
	return again
}

// opened returns the socket of a place, the old one where there is one.
func (d *Doors) opened(p place, g ground) (*entrance, error) {
	index, ok := g.index[p.device]
	switch {
	case p.device == "" && p.at.Addr().IsUnspecified():
		return nil, fmt.Errorf("open the page: the LAN's interface is not there")
	case p.device == "":
		return nil, fmt.Errorf("open the page at %s: no interface has that address", p.at)
	case !ok:
		return nil, fmt.Errorf("open the page at %s: there is no interface %s", p.at, p.device)
	case slices.Contains(d.Lines(), p.device):
		return nil, fmt.Errorf("open the page at %s: %s leads to the Internet\nhint: list addresses of the house in [web] listen", p.at, p.device)
	}
	for _, old := range d.all {
		if old.place == p && old.index == index {
			return old, nil
		}
	}
	file, err := kernel.Listen(p.device, p.at)
	if err != nil {
		return nil, fmt.Errorf("open the page: %w", err)
	}
	d.Log.Info("the page is there", "address", p.at, "device", p.device, "tls", p.secure)
	return &entrance{place: p, index: index, file: file}, nil
}

// complain tells the owner what is not open, once. What is missing for a moment at a start or a change is not worth an event.
func (d *Doors) complain(now map[place]string) {
	for p, reason := range now {
		before, again := d.said[p]
		switch {
		case !again:
			d.Log.Info("the page is not there yet", "reason", reason)
			now[p] = "" // told as an event the next time
		case before == reason:
		default:
			what, _, _ := strings.Cut(reason, "\n")
			d.Log.Warn("the page cannot be opened", "reason", what)
			d.Record(router.Event{Time: time.Now(), Kind: router.EventRouter, Blame: router.BlameOwner, Sentence: "Cannot " + what + "."})
		}
	}
	d.said = now
}

func (d *Doors) close() {
	for _, one := range d.all {
		_ = one.file.Close()
	}
	d.all = nil
}

// ground is what the machine has, as far as the page's sockets depend on it.
type ground struct {
	cfg    router.Config
	lan    string                // the LAN's device; empty while there is none
	index  map[string]int        // of every device
	holder map[netip.Addr]string // which device has an address
}

func (d *Doors) survey(cfg router.Config) (ground, error) {
	g := ground{cfg: cfg, index: map[string]int{}, holder: map[netip.Addr]string{}}
	if !cfg.Web.On {
		return g, nil
	}
	links, err := d.Links()
	if err != nil {
		return g, err
	}
	if cfg.LAN.Device() != "" {
		lan, _ := cfg.LAN.Link(links)
		g.lan = lan.Name
	}
	all, err := net.Interfaces() // those of virtual MAC addresses, too
	for _, i := range all {
		g.index[i.Name] = i.Index
		if g.anywhere() {
			continue
		}
		held, _ := i.Addrs() // a device that has just gone has none
		for _, a := range held {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				g.holder[p.Addr()] = i.Name
			}
		}
	}
	return g, err
}

// anywhere reports whether it makes no difference which device has which address.
func (g ground) anywhere() bool {
	return len(g.cfg.Web.Listen)+len(g.cfg.Web.TLS)+len(g.elsewhere()) == 0
}

// wanted lists the places of the sockets.
func (g ground) wanted() []place {
	if !g.cfg.Web.On {
		return nil
	}
	listen := g.cfg.Web.Listen
	if len(listen) == 0 {
		listen = append(g.elsewhere(), netip.AddrPortFrom(netip.IPv6Unspecified(), usualPort))
	}
	var all []place
	for secure, list := range map[bool][]netip.AddrPort{false: listen, true: g.cfg.Web.TLS} {
		for _, at := range list {
			if device, now := g.device(at.Addr()); now {
				all = append(all, place{at, device, secure})
			}
		}
	}
	slices.SortFunc(all, func(a, b place) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return slices.Compact(all)
}

// elsewhere are the virtual addresses that are not on the LAN's device, but on one with their own MAC address.
func (g ground) elsewhere() []netip.AddrPort {
	var all []netip.AddrPort
	for _, v := range Virtuals(g.cfg) {
		for _, p := range v.Addresses {
			if v.VirtualMAC {
				all = append(all, netip.AddrPortFrom(p.Addr(), usualPort))
			}
		}
	}
	return all
}

// device names the one that hears of an address, and whether to listen at all now: for an address with a MAC address of its own
// there is a device only while this router holds it.
func (g ground) device(a netip.Addr) (string, bool) {
	if a.IsUnspecified() {
		return g.lan, true
	}
	if name := g.holder[a]; name != "" {
		return name, true
	}
	for _, v := range g.cfg.VRRP {
		for _, p := range v.Addresses {
			if p.Addr() == a && v.VirtualMAC {
				return "", false
			}
		}
	}
	for _, p := range houseAddresses(g.cfg) {
		if g.lan != "" && (p.Addr() == a || p.Contains(a)) {
			return g.lan, true
		}
	}
	return "", true
}
