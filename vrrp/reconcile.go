package vrrp

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/twinpath/twinpath/vrrp/packet"
)

// reconcile makes the elections those that are wanted. What stays goes on undisturbed, under whatever name; what goes says
// priority 0 and keeps its addresses for its successor.
func (e *Engine) reconcile(now time.Time, w Wanted) {
	e.keep, e.fresh = w.Keep, true
	wanted := map[Place]bool{}
	for _, wish := range w.Routers {
		for _, family := range []Family{IPv4, IPv6} {
			place := Place{wish.Interface, wish.ID, family}
			if prefixes := familyOf(wish.Addresses, family); len(prefixes) > 0 && !wanted[place] {
				wanted[place] = true
				e.adopt(now, place, wish, prefixes)
			}
		}
	}
	for _, in := range e.order {
		in.leaving = !wanted[in.place]
	}
	for _, in := range e.order {
		e.ready(now, in)
	}
	for _, w := range e.wires {
		e.guard(w)
	}
	e.leftover = nil // what comes later was not Active a moment ago
	e.reorder()
	e.hold()
}

func familyOf(prefixes []netip.Prefix, f Family) []netip.Prefix {
	var all []netip.Prefix
	for _, p := range prefixes {
		if FamilyOf(p.Addr()) == f {
			all = append(all, p)
		}
	}
	return all
}

// adopt makes an election what the wish says, a new one if there is none at its place.
func (e *Engine) adopt(now time.Time, place Place, wish Wish, prefixes []netip.Prefix) {
	in := e.instances[place]
	if in == nil {
		in = e.found(place, wish, prefixes)
	}
	if group := groupName(place, wish); e.groups[group] != in.group || in.group == nil {
		e.join(now, in, group, wish)
	}
	if len(in.prefixes) > 0 && (!slices.Equal(in.prefixes, prefixes) || in.wish.VirtualMAC != wish.VirtualMAC) {
		in.pending = true // announced again once the new ones are there
	}
	in.authenticate(wish.Auth, e.stamp)
	in.wish, in.prefixes, in.list = wish, prefixes, advertised(prefixes)
	in.link = packet.Link{
		Version: wish.Version, ID: wish.ID, IPv6: place.Family == IPv6, Interval: wish.Interval,
		Unicast: len(wish.Peers) > 0, Peers: peersOf(wish.Peers, place.Family), Own: in.link.Own, Auth: in.auth,
	}
	if in.form == packet.NoForm || wish.Checksum != ChecksumAuto {
		in.form = packet.Pseudo
		if wish.Checksum == ChecksumMessage {
			in.form = packet.Message
		}
	}
}

// found makes the election of a place that has none.
func (e *Engine) found(place Place, wish Wish, prefixes []netip.Prefix) *instance {
	in := &instance{place: place, key: place.key(), wish: wish, counters: counters{rejected: map[packet.Reject]uint64{}}}
	in.ipid = uint16(place.ID) + 1
	left := e.left(place, prefixes) // what was Active longer ago has expired
	in.resume = left == len(prefixes) || e.past[place].Active && left > 0
	in.authenticate(wish.Auth, e.stamp)
	past, known := e.past[place]
	if known && in.auth != nil {
		past.Memory.Counter += leap
		in.auth.Restore(past.Memory)
	}
	if wish.Auth.Kind == AH && !known {
		in.resume = false // its numbers would start anew: peers drop them until it has heard theirs
	}
	delete(e.past, place)
	e.instances[place], e.members[in.key] = in, in
	e.order = append(e.order, in)
	return in
}

// leap is more adverts than an engine can have sent between the last status that told its AH counter and its death.
const leap = 1000

// left counts the addresses of an election that an earlier run has left: it was Active a moment ago.
func (e *Engine) left(place Place, prefixes []netip.Prefix) (n int) {
	for _, p := range prefixes {
		if slices.ContainsFunc(e.leftover, func(h Holding) bool {
			return h.Index == e.seen[place.Interface].Index && slices.ContainsFunc(h.Addresses, func(a netip.Prefix) bool {
				return a.Addr() == p.Addr().Unmap() // its length depends on what else is on the interface
			})
		}) {
			n++
		}
	}
	return n
}

// authenticate keeps what is known of peers over a change of keys.
func (in *instance) authenticate(a Auth, stamp func() packet.Stamp) {
	old := in.wish.Auth
	if in.auth != nil && old.Kind == a.Kind {
		in.auth.Rekey(a.Keys, a.Active)
		return
	}
	switch a.Kind {
	case Password:
		in.auth = packet.NewPassword(a.Keys[0])
	case AH:
		in.auth = packet.NewAH(a.Keys[0])
	case HMAC:
		in.auth = packet.NewHMAC(a.Keys, a.Active, stamp)
	default:
		in.auth = nil
	}
}

// groupName is a router's own name for its two families, unless it is a member of a group.
func groupName(place Place, wish Wish) string {
	if wish.Group != "" {
		return "group " + wish.Group
	}
	return place.key().Router
}

// join moves an election to its group; an Active one stays so.
func (e *Engine) join(now time.Time, in *instance, name string, wish Wish) {
	old, g := in.group, e.groups[name]
	if g == nil {
		g = NewGroup()
		e.groups[name] = g
	}
	in.group = g
	if old != nil {
		e.act(now, g.Move(now, in.key, old))
		e.act(now, old.Tick(now))
		return
	}
	g.Add(now, in.key, Settings{
		Version: wish.Version, Priority: uint8(wish.Priority), Interval: wish.Interval, Preempt: wish.Preempt,
		FastPreempt: wish.FastPreempt, PreemptDelay: wish.PreemptDelay, Grace: wish.Grace,
	})
}

// advertised is the order of addresses on the wire: an IPv6 list begins with a link-local (RFC 9568 §5.2.9).
func advertised(prefixes []netip.Prefix) []netip.Addr {
	list := make([]netip.Addr, len(prefixes))
	for i, p := range prefixes {
		list[i] = p.Addr()
	}
	slices.SortStableFunc(list, func(a, b netip.Addr) int {
		return cmp.Compare(btoi(b.Is6() && b.IsLinkLocalUnicast()), btoi(a.Is6() && a.IsLinkLocalUnicast()))
	})
	return list
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func peersOf(peers []netip.Addr, f Family) []netip.Addr {
	return slices.DeleteFunc(slices.Clone(peers), func(a netip.Addr) bool { return FamilyOf(a) != f })
}

// reorder keeps the elections in a fixed order, for people.
func (e *Engine) reorder() {
	slices.SortFunc(e.order, func(a, b *instance) int {
		return cmp.Or(cmp.Compare(a.wish.Name, b.wish.Name), cmp.Compare(a.place.Interface, b.place.Interface),
			cmp.Compare(a.place.ID, b.place.ID), cmp.Compare(a.place.Family, b.place.Family))
	})
}

// forget drops elections that are no longer wanted and hold nothing any more, and wires that nobody listens on.
func (e *Engine) forget(now time.Time) {
	gone := func(in *instance) bool { return in.leaving && !in.group.View(in.key).Holding }
	if !slices.ContainsFunc(e.order, gone) {
		return
	}
	for _, in := range e.order {
		if !gone(in) {
			continue
		}
		in.group.Remove(in.key)
		delete(e.instances, in.place)
		delete(e.members, in.key)
		if in.wire != nil {
			delete(in.wire.members, memberKey{in.place.ID, in.place.Family})
			if len(in.wire.members) == 0 {
				e.closeWire(in.wire)
			}
		}
	}
	e.order = slices.DeleteFunc(e.order, gone)
	used := map[*Group]bool{}
	for _, in := range e.order {
		used[in.group] = true
	}
	maps.DeleteFunc(e.groups, func(_ string, g *Group) bool { return !used[g] })
	e.fresh = true
	e.publish(now)
}

// unique says what a wish is called in a report.
func (in *instance) String() string {
	return fmt.Sprintf("%s (VRID %d, %s, %s)", in.wish.Name, in.place.ID, in.place.Family, in.place.Interface)
}
