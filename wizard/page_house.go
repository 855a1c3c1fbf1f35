package wizard

import (
	"net/netip"
	"slices"
)

// addresses are proposed for the house, the first that no line's network overlaps. Chosen for the project: networks that
// no home router is known to come with, the same as in setup mode.
var addresses = [...]netip.Prefix{
	netip.MustParsePrefix("192.168.77.1/24"),
	netip.MustParsePrefix("172.27.77.1/24"),
	netip.MustParsePrefix("10.77.77.1/24"),
}

func (d *Draft) houseFields() []field {
	h := &d.House
	all := []field{{
		Question: Question{ID: "house.name", Ask: "What is this router called?", Kind: Text, Value: h.Name},
		take: func(text string) error {
			h.Nameless = h.Nameless && text == h.Name
			return label(&h.Name, 64)(text)
		},
	}}
	if len(h.Ports) == 0 || d.Pair.Role == second || d.Pair.Role == ownway {
		return all // there is no house, or its addresses are given by others
	}
	all = append(all, field{
		Question: Question{ID: "house.address", Ask: "Which address does it have in the house?", Kind: Text, Value: show(h.Address, h.Address.IsValid()),
			Help: "With the length of the network. Every device of the house is in it; it must not be the network of a line."},
		take: func(text string) error {
			before := h.Address
			if err := own(&h.Address, 8, 30)(text); err != nil {
				return err
			}
			h.Chosen = h.Chosen || h.Address != before
			return nil
		},
		judge: d.judgeAddress,
	})
	if h.Member {
		return all
	}
	all = append(all, h.dhcpField())
	if h.DHCP {
		all = append(all, d.rangeField("house.first", "The first address that it gives", 0, nil), d.rangeField("house.last", "The last one", 1, d.judgeRange))
	}
	return append(all, field{
		Question: Question{ID: "house.domain", Ask: "What do the names of the devices end in?", Kind: Text, Value: h.Domain, Optional: true,
			Help: "nas.home.arpa, for example. Empty: this router answers no names."},
		take: domain(&h.Domain),
	})
}

func (h *House) dhcpField() field {
	return field{
		Question: Question{ID: "house.dhcp", Ask: "Does it give the devices their addresses?", Kind: Flag, Value: flag(h.DHCP),
			Help: "DHCP. Yes, unless another device of the house does it. There must be one, and only one."},
		take: func(text string) error {
			h.Decided = h.Decided || h.DHCP != (text == yes)
			h.DHCP = text == yes
			return nil
		},
	}
}

func (d *Draft) rangeField(id, ask string, n int, judge func() error) field {
	h := &d.House
	return field{
		Question: Question{ID: id, Ask: ask, Kind: Text, Value: show(h.Range[n], h.Range[n].IsValid())},
		take: func(text string) error {
			before := h.Range[n]
			if err := address(&h.Range[n])(text); err != nil {
				return err
			}
			h.Ranged = h.Ranged || h.Range[n] != before
			return nil
		},
		judge: judge,
	}
}

func (d *Draft) judgeAddress() error {
	h := d.House
	for _, l := range d.Lines {
		for _, taken := range l.networks() {
			if taken.Overlaps(h.Address) {
				return refuse("choose another network, for example "+d.freeAddress(netip.Prefix{}).String(),
					"the network %s overlaps %s of the line %s", h.Address.Masked(), taken, l.Name)
			}
		}
	}
	for _, l := range d.Lines {
		if l.Kind == "peer" && l.Interface == "" && l.Gateway.IsValid() && !h.Address.Contains(l.Gateway) {
			return refuse("", "%s, the way of the line %s, would not be in the network %s", l.Gateway, l.Name, h.Address.Masked())
		}
	}
	for text, where := range d.Fixed {
		if a, err := netip.ParseAddr(text); err == nil && !h.Address.Contains(a) {
			return refuse("change it in the file as well", "%s would not be in the network %s any more: it is given by %s", text, h.Address.Masked(), where)
		}
	}
	return nil
}

func (d *Draft) judgeRange() error {
	h := d.House
	if !h.Address.IsValid() || !h.Range[0].IsValid() || !h.Range[1].IsValid() {
		return nil
	}
	for _, a := range h.Range {
		if !h.Address.Contains(a) || edge(h.Address, a) {
			return refuse("", "%s is no device's address in %s", a, h.Address.Masked())
		}
	}
	if h.Range[1].Less(h.Range[0]) {
		return refuse("", "the range runs backwards: %s is before %s", h.Range[1], h.Range[0])
	}
	for _, a := range d.reserved() {
		if a.IsValid() && !a.Less(h.Range[0]) && !h.Range[1].Less(a) {
			return refuse("let it begin behind that, or end before it", "the range contains %s, which is a router's", a)
		}
	}
	return nil
}

// reserved are the routers' addresses in the house.
func (d *Draft) reserved() []netip.Addr {
	all := []netip.Addr{d.House.Address.Addr()}
	if d.Pair.Role != single {
		all = append(all, d.Pair.Own.Addr(), d.Pair.Peer)
	}
	for _, l := range d.Lines {
		if l.Kind == "peer" {
			all = append(all, l.Gateway)
		}
	}
	return all
}

// settle makes everything that the owner has not chosen fit what was chosen.
func (d *Draft) settle(f Facts) {
	d.takeTurns()
	if len(f.Ports) > 0 {
		d.look(f)
	}
	h := &d.House
	if len(h.Ports) == 0 {
		return
	}
	if !h.Chosen && !h.Member {
		h.Address = d.freeAddress(f.House)
	}
	d.settlePair()
	if !h.Decided {
		h.DHCP = !h.Member && d.Pair.Role != ownway && !d.served(f)
	}
	if h.DHCP && !h.Ranged && h.Address.IsValid() {
		if d.judgeRange() != nil || !h.Range[0].IsValid() || !h.Range[1].IsValid() {
			h.Range = span(h.Address, d.reserved())
		}
		h.DHCP = h.Range[0].IsValid() // a network can be too small for any
	}
}

// served reports whether somebody else's DHCP server answers in the house.
func (d *Draft) served(f Facts) bool {
	for _, p := range f.Ports {
		if d.role(p) == forHouse && (p.Leads == ToDHCP || p.Leads == ToSomebody && p.Gateway.IsValid()) && d.Pair.Role != second {
			return true
		}
	}
	return false
}

// freeAddress is the wish, unless a line's network overlaps it.
func (d *Draft) freeAddress(wish netip.Prefix) netip.Prefix {
	for _, a := range append([]netip.Prefix{wish}, addresses[:]...) {
		if a.IsValid() && !slices.ContainsFunc(d.Lines, func(l Line) bool { return slices.ContainsFunc(l.networks(), a.Overlaps) }) {
			return a
		}
	}
	return addresses[0]
}

// span is the DHCP range of a network, from .100 to .199 of whatever length it has, but without the addresses of routers.
func span(house netip.Prefix, reserved []netip.Addr) [2]netip.Addr {
	bits := max(house.Bits(), 24)
	base := number(netip.PrefixFrom(house.Addr(), bits).Masked().Addr())
	size := uint32(1) << (32 - bits)
	low, high := base+size*100/256, base+size*199/256
	low, high = max(low, base+1), min(high, base+size-2)
	taken := []uint32{low - 1, high + 1}
	for _, a := range reserved {
		if n := number(a); a.IsValid() && n >= low && n <= high {
			taken = append(taken, n)
		}
	}
	slices.Sort(taken)
	best := [2]uint32{1, 0}
	for i := range len(taken) - 1 {
		if from, to := taken[i]+1, taken[i+1]-1; to >= from && to-from+1 > best[1]-best[0]+1 {
			best = [2]uint32{from, to}
		}
	}
	if best[1] == 0 {
		return [2]netip.Addr{}
	}
	return [2]netip.Addr{numbered(best[0]), numbered(best[1])}
}

// number is an IPv4 address as a number; 0 for no address.
func number(a netip.Addr) uint32 {
	if !a.Is4() {
		return 0
	}
	b := a.As4()
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
}

func numbered(n uint32) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
}

// next returns the first address of a network, from a wished one on, that is none of the taken ones nor in the range.
func next(house netip.Prefix, wish uint32, taken []netip.Addr, held [2]netip.Addr) netip.Addr {
	base := number(house.Masked().Addr())
	size := uint32(1) << (32 - house.Bits())
	for i := range min(size, 1<<16) {
		a := numbered(base + (wish+i)%size)
		inRange := held[0].IsValid() && held[1].IsValid() && !a.Less(held[0]) && !held[1].Less(a)
		if !edge(house, a) && !slices.Contains(taken, a) && !inRange {
			return a
		}
	}
	return netip.Addr{}
}
