package lab

import (
	"fmt"
	"strings"
)

// CutLAN pulls the cable between a router or client and the house's switch at the switch's end.
func (h *House) CutLAN(name string) error { return h.port(name, "down") }

// PlugLAN puts that cable back.
func (h *House) PlugLAN(name string) error { return h.port(name, "up") }

// CutTrunk pulls the cable between the house's two switches: a partition of the LAN.
func (h *House) CutTrunk() error { return h.port("trunk", "down") }

// PlugTrunk ends CutTrunk.
func (h *House) PlugTrunk() error { return h.port("trunk", "up") }

func (h *House) port(name, state string) error {
	return ip(h.lan, fmt.Sprintf("link set %s %s", name, state))
}

// Deafen makes the switch forward no adverts to a router, as a broken multicast filter does; all else passes.
func (h *House) Deafen(router string) error {
	_, err := h.lan.Feed("nft -f -", strings.ReplaceAll(deafening, "ROUTER", router))
	return err
}

// The kernel's bridge hook sees what is forwarded between two ports.
const deafening = `
table bridge deaf-ROUTER {
	chain forward {
		type filter hook forward priority 0;
		oifname "ROUTER" ether type ip ip protocol { 112, 51 } drop
		oifname "ROUTER" ether type ip6 ip6 nexthdr 112 drop
	}
}`

// HushBeats makes the switch forward none of a router's signs of life to the other one; all else passes.
func (h *House) HushBeats(router string) error {
	_, err := h.lan.Feed("nft -f -", strings.ReplaceAll(hushing, "ROUTER", router))
	return err
}

const hushing = `
table bridge hushed-ROUTER {
	chain forward {
		type filter hook forward priority 0;
		iifname "ROUTER" udp dport 61112 drop
	}
}`

// HearBeats ends HushBeats.
func (h *House) HearBeats(router string) error {
	_, err := h.lan.Run("nft delete table bridge hushed-" + router)
	return err
}

// Undeafen ends Deafen.
func (h *House) Undeafen(router string) error {
	_, err := h.lan.Run("nft delete table bridge deaf-" + router)
	return err
}

// PowerOff takes a router's power: every program and link of it stops at the same moment.
func (h *House) PowerOff(router string) error {
	b, err := h.Box(router)
	if err != nil {
		return err
	}
	if err := b.Freeze(); err != nil {
		return err
	}
	if err := h.CutLAN(router); err != nil {
		return err
	}
	gone := "link del lan0\n"
	for i := range b.lines {
		gone += fmt.Sprintf("link del wan%d\n", i)
	}
	if err := ip(b.space, gone); err != nil {
		return err
	}
	return b.KillAll()
}

// PowerOn gives a router its links back, switched off as after boot. Start or Restart follows.
func (h *House) PowerOn(router string) error {
	b, err := h.Box(router)
	if err != nil {
		return err
	}
	return b.wire()
}

// Raise switches the box's LAN on with fixed addresses besides Router.LAN, usable at once: for a box whose daemon does not
// configure its LAN.
func (b *Box) Raise(addresses ...string) error {
	if err := sysctl(b.space, "net/ipv6/conf/lan0/accept_dad", "0"); err != nil {
		return err
	}
	lines := fmt.Sprintf("addr replace %s dev lan0\nlink set lan0 up\n", b.lan)
	for _, a := range addresses {
		lines += fmt.Sprintf("addr replace %s dev lan0 nodad\n", a)
	}
	return ip(b.space, lines)
}
