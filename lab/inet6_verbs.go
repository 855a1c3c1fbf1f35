package lab

import (
	"context"
	"fmt"
	"net/netip"
	"os"
)

// Blackhole6 makes a provider drop all IPv6 in silence, while IPv4 works.
func (h *House) Blackhole6(isp string, depth Depth) error {
	return h.change(isp, func(w *weather) { w.dead6 = depth })
}

// Advertise changes what a provider's router says of itself. What it stops saying is not taken back: hosts keep it until it lapses.
func (h *House) Advertise(isp string, a Adverts) error {
	return h.change6(isp, func(l *Line) error {
		l.six.adverts = a
		return l.reread()
	})
}

// Grant changes what a provider's DHCPv6 server gives. What it gave before is forgotten, and routed no more.
func (h *House) Grant(ctx context.Context, isp string, g Grants) error {
	return h.change6(isp, func(l *Line) error {
		l.six.grants = g
		return l.afresh(ctx)
	})
}

// ForgetDHCP6 makes a provider's DHCPv6 server lose its memory. What it delegated is routed no more.
func (h *House) ForgetDHCP6(ctx context.Context, isp string) error {
	return h.change6(isp, func(l *Line) error { return l.afresh(ctx) })
}

// StopDHCP6 ends a provider's DHCPv6 server. What it has given stays valid.
func (h *House) StopDHCP6(isp string) error {
	return h.change6(isp, func(l *Line) error {
		if l.six.dhcpd != nil {
			l.six.dhcpd.kill()
			l.six.dhcpd = nil
		}
		return nil
	})
}

// StartDHCP6 ends StopDHCP6. The server remembers.
func (h *House) StartDHCP6(ctx context.Context, isp string) error {
	return h.change6(isp, func(l *Line) error {
		if l.six.dhcpd != nil {
			return fmt.Errorf("the DHCPv6 server of %s is running", isp)
		}
		return l.startDHCP6(ctx)
	})
}

// Renumber6 gives a provider's customers another IPv6 network, without a word to them. The old one is gone at once.
func (h *House) Renumber6(ctx context.Context, isp, network string) error {
	to, err := netip.ParsePrefix(network)
	if err != nil {
		return err
	}
	return h.change6(isp, func(l *Line) error {
		l.stop6()
		if err := ip(l.space, fmt.Sprintf("addr del %s/64 dev access", l.six.own())); err != nil {
			return err
		}
		if err := ip(h.internet.space, "route del "+l.six.network.Masked().String()); err != nil {
			return err
		}
		if err := l.lose(); err != nil {
			return err
		}
		l.six.network = to
		return l.settle6(ctx)
	})
}

// afresh restarts the DHCPv6 server without its memory.
func (l *Line) afresh(ctx context.Context) error {
	if l.six.dhcpd != nil {
		l.six.dhcpd.kill()
	}
	if err := l.lose(); err != nil {
		return err
	}
	return l.startDHCP6(ctx)
}

// lose drops what the DHCPv6 server wrote down, and the routes.
func (l *Line) lose() error {
	if err := os.Remove(l.dir + "/" + l.Name + ".dhcp6.leases"); err != nil {
		return err
	}
	return l.forget()
}

func (h *House) change6(isp string, f func(*Line) error) error {
	l, err := h.Line(isp)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.six == nil {
		return fmt.Errorf("%s has no IPv6", isp)
	}
	return f(l)
}
