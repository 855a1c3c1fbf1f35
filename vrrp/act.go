package vrrp

import (
	"net/netip"
	"slices"
	"time"

	"github.com/twinpath/twinpath/vrrp/packet"
)

// act does what machines ask for, in their order.
func (e *Engine) act(now time.Time, actions []Action) {
	moved := false
	for i, a := range actions {
		in := e.members[a.Member]
		if in == nil {
			continue
		}
		switch a.Kind {
		case Send:
			switch {
			case in.wish.VirtualMAC && has(actions[i:], a.Member, Hold):
				in.first = a
			case in.wish.VirtualMAC && a.Priority > 0 && has(actions[i:], a.Member, Release): // the last word of one who concedes
			default:
				e.send(now, in, a)
			}
		case Hold, Release:
			moved = true
			in.announcing = announcing{pending: a.Kind == Hold, last: in.last, first: in.first}
			if a.Kind == Release {
				in.first = Action{}
			}
		case Announce:
			e.announceAgain(now, in)
		case Tell:
			e.tell(now, in, a)
		}
	}
	if moved {
		e.hold()
	}
}

// has reports whether actions of a kind are wanted of a member, too. Where the virtual MAC is used, an advert leads the house's switch here: the first
// one waits until the interface with that address is there, and of one who leaves for a better Active none follows.
func has(actions []Action, member Key, kind ActionKind) bool {
	return slices.ContainsFunc(actions, func(a Action) bool { return a.Kind == kind && a.Member == member })
}

// send puts one advert on the wire, or one for each peer.
func (e *Engine) send(now time.Time, in *instance, a Action) {
	if in.wire == nil || !in.source.IsValid() {
		return
	}
	in.sent++
	in.ipid = max(1, in.ipid+1) // AH covers the IP identification, and the kernel would fill in a zero
	advert := packet.Advert{
		Version: in.wish.Version, ID: in.place.ID, Priority: a.Priority, Interval: a.Interval,
		Addresses: in.list, Source: in.source, Form: in.form, IPID: in.ipid,
	}
	sequence := in.auth.Next()
	if !in.link.Unicast {
		group, mac := packet.Group(in.place.Family == IPv6)
		advert.Destination = group
		in.frame = packet.AppendEthernet(in.frame[:0], in.address(), mac, packet.EtherType(in.place.Family == IPv6))
		in.frame = advert.Append(in.frame, in.auth, sequence)
		e.complain(now, in, in.wire.Transmit(in.frame))
		return
	}
	for _, peer := range in.link.Peers {
		advert.Destination = peer
		in.packet = advert.Append(in.packet[:0], in.auth, sequence)
		e.complain(now, in, in.wire.Unicast(in.packet, peer))
	}
}

// address is the Ethernet address that the election speaks from.
func (in *instance) address() [6]byte {
	if in.wish.VirtualMAC {
		return packet.VirtualMAC(in.place.ID, in.place.Family == IPv6)
	}
	return in.mac
}

// complain says once a minute that adverts cannot be sent.
func (e *Engine) complain(now time.Time, in *instance, err error) {
	if err != nil && e.reports.may(now, in.place, "send") {
		e.log.Warn("send advert", "vrid", in.place.ID, "interface", in.place.Interface, "family", in.place.Family, "err", err)
	}
}

// hold tells the hands what is to be on the interfaces now.
func (e *Engine) hold() {
	var all []Holding
	e.orders++
	for _, in := range e.order {
		if !in.group.View(in.key).Holding {
			continue
		}
		if in.pending {
			in.pending, in.awaited = false, e.orders
		}
		all = append(all, Holding{
			Index: in.index, ID: in.place.ID, Family: in.place.Family, VirtualMAC: in.wish.VirtualMAC, Addresses: in.prefixes,
			Lifetime: lifetime(in.wish.Interval),
		})
	}
	e.fresh, e.moved = true, false
	e.hands.want(order{e.orders, all})
}

// lifetime is a Backup's longest down-interval and what may pass between the last refresh and the last advert.
func lifetime(interval time.Duration) time.Duration {
	return max(Lifetime, (4*interval + Refresh + time.Second - 1).Truncate(time.Second))
}

// installed starts the announcements of addresses that are there now, and says which ones had been taken away.
func (e *Engine) installed(now time.Time, h held) {
	for _, r := range h.restored {
		for _, in := range e.order {
			if in.index == r.Index && in.place.ID == r.ID && in.place.Family == r.Family {
				in.restored += uint64(len(r.Addresses))
				e.alarm(now, in, "restored", "somebody removed %s from %s; it is back", texts(r.Addresses), in.place.Interface)
				e.announceAgain(now, in)
			}
		}
	}
	// Even after an error: it may be about another address, and hosts have to send their frames here in any case.
	for _, in := range e.order {
		if in.awaited != 0 && in.awaited <= h.number {
			in.awaited, in.step, in.next = 0, 0, now
			if in.first.Kind == Send && in.group.View(in.key).State == Active {
				e.send(now, in, in.first)
			}
			in.first = Action{}
			e.announce(now, in)
		}
	}
}

func texts(prefixes []netip.Prefix) string {
	text := ""
	for i, p := range prefixes {
		if i > 0 {
			text += ", "
		}
		text += p.String()
	}
	return text
}
