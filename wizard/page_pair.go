package wizard

import (
	"fmt"
	"net/netip"
	"slices"
)

// Chosen here. Of two routers with one line each, the second's 50 is more than what is left of the first's 100 when three
// of four checks fail (design: one rule). The delay lets the lines of a router that comes back settle.
const (
	virtualID      = 51
	firstPriority  = 100
	secondPriority = 50
	preemptDelay   = "10s"
	virtualName    = "lan"
)

func (d *Draft) pairFields(f Facts) []field {
	p := &d.Pair
	all := []field{{
		Question: Question{ID: "pair.role", Ask: "Does a second router stand in for this one?", Kind: Choice, Value: p.Role, Options: d.roles()},
		take: func(text string) error {
			if text == p.Role && (text != second || f.Joined == nil) {
				return nil
			}
			if text == second && f.Joined != nil {
				d.join(*f.Joined, f)
				return nil
			}
			d.become(text, f)
			return nil
		},
	}}
	switch {
	case p.Role == second && p.Joined == nil && !p.Was:
		all = append(all, field{
			Question: Question{ID: "pair.code", Ask: "Which code does the first router show?", Kind: Text, Help: "Its page shows it at Settings, Second router."},
			take:     func(string) error { return nil }, // whoever asks takes it to the daemon, and then has Facts.Joined
		})
	case p.Role == first:
		all = append(all,
			field{Question: Question{ID: "pair.own", Ask: "This router's own address", Kind: Text, Value: show(p.Own.Addr(), p.Own.IsValid()),
				Help: "The house goes on with " + d.House.Address.Addr().String() + ", whichever of the two is at work."},
				take: d.takeOwn, judge: func() error { return d.judgeRouter(p.Own.Addr(), p.Peer) }},
			field{Question: Question{ID: "pair.peer", Ask: "The other router's own address", Kind: Text, Value: show(p.Peer, p.Peer.IsValid())},
				take: address(&p.Peer), judge: func() error { return d.judgeRouter(p.Peer, p.Own.Addr()) }})
	}
	return all
}

// roles are what the router can be in a pair.
func (d *Draft) roles() []Option {
	options := []Option{
		{Value: single, Label: "no, it is the only one"},
		{Value: first, Label: "yes, and this is the first of the two", Note: "the house keeps its gateway address; both routers share it"},
		{Value: second, Label: "yes, and the other one is set up already", Note: "it shows a code"},
	}
	if d.House.Member && d.Pair.Role != first { // the gateway there is another's
		options = slices.Delete(options, 1, 2)
	}
	if d.Pair.Role == ownway {
		options = append(options, Option{Value: ownway, Label: "as the file says", Note: "it has virtual routers of its own making"})
	}
	return options
}

func (d *Draft) takeOwn(text string) error {
	var a netip.Addr
	if err := address(&a)(text); err != nil {
		return err
	}
	d.Pair.Own = netip.PrefixFrom(a, d.House.Address.Bits())
	return nil
}

func (d *Draft) judgeRouter(a, other netip.Addr) error {
	h := d.House
	switch {
	case !a.IsValid():
		return nil
	case !h.Address.Contains(a) || edge(h.Address, a):
		return refuse("", "%s is no device's address in %s", a, h.Address.Masked())
	case a == h.Address.Addr():
		return refuse("each router has one of its own beside it", "%s is the address that both share", a)
	case a == other:
		return refuse("", "both routers cannot have %s", a)
	case h.DHCP && h.Range[0].IsValid() && !a.Less(h.Range[0]) && !h.Range[1].Less(a):
		return refuse("", "%s may be given to a device: it is in the range %s to %s", a, h.Range[0], h.Range[1])
	case d.Fixed[a.String()] != "":
		return refuse("", "%s is given by %s", a, d.Fixed[a.String()])
	}
	return nil
}

// become gives the router another role, and what goes with it.
func (d *Draft) become(role string, f Facts) {
	was := d.Pair.Was
	d.Pair = Pair{Role: role, Was: was}
	switch role {
	case first:
		d.Pair.ID, d.Pair.Priority, d.Pair.Version, d.Pair.Secret = virtualID, firstPriority, 3, f.random()
		if !d.House.Only4 {
			d.Pair.Link = sharedLink(virtualID)
		}
		d.House.Chosen = true // the house's devices know the address
	case second:
		d.Pair.ID, d.Pair.Priority, d.Pair.Version = virtualID, secondPriority, 3
	}
}

// sharedLink is the link-local address of a virtual router, the one that the house sends IPv6 to: fe80::51 for VRID 51. No interface
// makes itself such an address (RFC 4291 appendix A).
func sharedLink(id int) netip.Prefix { return netip.MustParsePrefix(fmt.Sprintf("fe80::%d/64", id)) }

// join takes over what the first router says of the house.
func (d *Draft) join(p Pairing, f Facts) {
	was := d.Pair.Was
	d.Pair = Pair{Role: second, Was: was, Own: p.LAN, Peer: p.Peer, Link: p.Link, ID: p.ID, Priority: p.Priority, Version: p.Version, Secret: p.Secret, Joined: &p}
	if d.Pair.Priority == 0 {
		d.Pair.Priority = secondPriority
	}
	if d.Pair.Version == 0 {
		d.Pair.Version = 3
	}
	f.Joined = &p
	roles := map[string]string{}
	for _, port := range d.ports(f) {
		roles[port.Name] = d.role(port)
		if proposal := d.proposal(port, f); proposal == forHouse || roles[port.Name] == forMember {
			roles[port.Name] = proposal
		}
	}
	d.assign(roles, f)
	h := &d.House
	h.Address, h.Chosen = p.Virtual, true
	h.DHCP, h.Decided = p.DHCP[0].IsValid() && p.DHCP[1].IsValid(), true
	h.Range, h.Ranged = p.DHCP, true
	h.Domain = p.Domain
	if h.Name == p.Router {
		h.Name += "2"
	}
}

// settlePair keeps the routers' own addresses in the house's network.
func (d *Draft) settlePair() {
	p, h := &d.Pair, d.House
	if p.Role != first || !h.Address.IsValid() {
		return
	}
	taken := []netip.Addr{h.Address.Addr()}
	for text := range d.Fixed {
		if a, err := netip.ParseAddr(text); err == nil {
			taken = append(taken, a)
		}
	}
	after := number(h.Address.Addr()) - number(h.Address.Masked().Addr())
	held := h.Range
	if !h.DHCP {
		held = [2]netip.Addr{}
	}
	if !p.Own.IsValid() || !h.Address.Contains(p.Own.Addr()) {
		own := next(h.Address, after+1, append(taken, p.Peer), held)
		p.Own = netip.PrefixFrom(own, h.Address.Bits())
	}
	if !p.Peer.IsValid() || !h.Address.Contains(p.Peer) {
		p.Peer = next(h.Address, after+2, append(taken, p.Own.Addr()), held)
	}
	p.Own = netip.PrefixFrom(p.Own.Addr(), h.Address.Bits())
}
