package lab

import (
	"fmt"
	"net/netip"
)

// ByHand says what ByHand sets up on a box.
type ByHand struct {
	ISP        string // the one that carries the traffic
	Masquerade bool   // false: the provider routes the LAN's own addresses, as no real one does
}

// SetUp makes the box a plain router without a daemon: fixed addresses on every line, forwarding, a default
// route by one of them, a bare masquerade rule or nothing. It is the yardstick of tests and benchmarks, and may be repeated.
func (b *Box) SetUp(by ByHand) error {
	lines := fmt.Sprintf("addr replace %s dev lan0\nlink set lan0 up\n", b.lan)
	var gateway netip.Addr
	for i, l := range b.lines {
		lines += fmt.Sprintf("addr replace %s/%d dev wan%d\nlink set wan%[3]d up\n", l.customer(b), l.network.Bits(), i)
		if l.Name == by.ISP {
			gateway = l.Gateway()
		}
	}
	if !gateway.IsValid() {
		return fmt.Errorf("%s has no line %q", b.Name, by.ISP)
	}
	if err := ip(b.space, lines+fmt.Sprintf("route replace default via %s\n", gateway)); err != nil {
		return err
	}
	if err := forwarding(b.space); err != nil {
		return err
	}
	if _, err := b.space.Feed("nft -f -", plainRules(by.Masquerade)); err != nil {
		return err
	}
	if by.Masquerade {
		return nil
	}
	return b.trusted(by.ISP)
}

func plainRules(masquerade bool) string {
	text := "add table ip plain\ndelete table ip plain\n"
	if masquerade {
		text += `table ip plain { chain out { type nat hook postrouting priority 100; oifname "wan*" masquerade; }; }` + "\n"
	}
	return text
}

// trusted makes the provider route the LAN to the box and the Internet to the provider.
func (b *Box) trusted(isp string) error {
	for _, l := range b.lines {
		if l.Name != isp {
			continue
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.weather.trusted = []netip.Prefix{b.lan}
		if err := l.load(); err != nil {
			return err
		}
		if err := ip(l.space, fmt.Sprintf("route replace %s via %s", b.lan.Masked(), l.customer(b))); err != nil {
			return err
		}
		return ip(l.house.internet.space, fmt.Sprintf("route replace %s via %s", b.lan.Masked(), l.core(2)))
	}
	return nil
}

// customer is a box's fixed address on the line, outside the DHCP server's range.
func (l *Line) customer(b *Box) netip.Addr {
	for i, other := range l.house.Boxes {
		if other == b {
			return hosts(l.network, 10+i)
		}
	}
	return netip.Addr{}
}
