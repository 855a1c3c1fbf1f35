package lab

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
)

// Cut pulls the cable between a router and a provider at the provider's end: the router loses its carrier.
func (h *House) Cut(router, isp string) error { return h.cable(router, isp, "down") }

// Plug puts the cable back.
func (h *House) Plug(router, isp string) error { return h.cable(router, isp, "up") }

func (h *House) cable(router, isp, state string) error {
	b, err := h.Box(router)
	if err != nil {
		return err
	}
	if !slices.Contains(b.wans, isp) {
		return fmt.Errorf("%s has no cable to %s", router, isp)
	}
	l, err := h.Line(isp)
	if err != nil {
		return err
	}
	if err := ip(l.space, fmt.Sprintf("link set %s %s", router, state)); err != nil {
		return err
	}
	return b.told(isp, state == "up")
}

// Blackhole makes a provider drop everything in silence while the cable keeps its carrier.
func (h *House) Blackhole(isp string, depth Depth) error {
	return h.change(isp, func(w *weather) { w.dead = depth })
}

// Lose makes a provider drop so many percent of the packets to its customers, at random.
func (h *House) Lose(isp string, percent int) error {
	if percent < 0 || percent > 100 {
		return fmt.Errorf("lose %d percent: want 0 to 100", percent)
	}
	return h.change(isp, func(w *weather) { w.lose = percent })
}

// KillDNS makes a provider drop every DNS query of its customers, to itself and to others.
func (h *House) KillDNS(isp string) error {
	return h.change(isp, func(w *weather) { w.dnsDead = true })
}

// Portal puts a login page in front of the Internet: pings and DNS pass, web pages are redirected, the rest is dropped.
func (h *House) Portal(isp string) error { return h.change(isp, func(w *weather) { w.portal = true }) }

// Heal ends every trouble of a provider but a cut cable and a stopped DHCP server.
func (h *House) Heal(isp string) error {
	return h.change(isp, func(w *weather) { *w = weather{trusted: w.trusted} })
}

func (h *House) change(isp string, f func(*weather)) error {
	l, err := h.Line(isp)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	f(&l.weather)
	return l.load()
}

// StopDHCP ends a provider's DHCP server. What it has given stays valid.
func (h *House) StopDHCP(isp string) error {
	l, err := h.Line(isp)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dhcp == nil {
		return fmt.Errorf("the DHCP server of %s is not running", isp)
	}
	l.dhcp.kill()
	l.dhcp = nil
	return nil
}

// StartDHCP ends StopDHCP.
func (h *House) StartDHCP(ctx context.Context, isp string) error {
	l, err := h.Line(isp)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dhcp != nil {
		return fmt.Errorf("the DHCP server of %s is running", isp)
	}
	return l.startDHCP(ctx)
}

// Renumber gives a provider's customers another network, as a maintenance night does. The old one is gone at once.
func (h *House) Renumber(ctx context.Context, isp, network string) error {
	to, err := netip.ParsePrefix(network)
	if err != nil {
		return err
	}
	l, err := h.Line(isp)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopServers()
	if _, err := l.space.Run("ip -4 addr flush dev access"); err != nil {
		return err
	}
	if err := ip(h.internet.space, "route del "+l.network.Masked().String()); err != nil {
		return err
	}
	l.network = to
	return l.settle(ctx)
}

// Line finds a provider by its name.
func (h *House) Line(name string) (*Line, error) {
	for _, l := range h.Lines {
		if l.Name == name {
			return l, nil
		}
	}
	return nil, fmt.Errorf("no provider is named %q", name)
}

// Box finds a router by its name.
func (h *House) Box(name string) (*Box, error) {
	for _, b := range h.Boxes {
		if b.Name == name {
			return b, nil
		}
	}
	return nil, fmt.Errorf("no router is named %q", name)
}

// Device finds a client by its name.
func (h *House) Device(name string) (*Device, error) {
	for _, d := range h.Devices {
		if d.Name == name {
			return d, nil
		}
	}
	return nil, fmt.Errorf("no client is named %q", name)
}

// LineOf names the provider whose customer has an address, or is empty.
func (h *House) LineOf(a netip.Addr) string {
	for _, l := range h.Lines {
		if l.Carries(a) {
			return l.Name
		}
	}
	return ""
}
