package firewall

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
)

// devices makes elements of kernel interface names, each once.
func devices(names []string) []Element {
	sorted := slices.Compact(slices.Sorted(slices.Values(names)))
	var elements []Element
	for _, name := range sorted {
		v := device(name)
		elements = append(elements, Element{Text: v.Text, First: v.Bytes, Last: v.Bytes})
	}
	return elements
}

// stations makes elements of Ethernet addresses, each once; what is none matches nothing.
func stations(addresses []string) []Element {
	var sorted []string
	for _, text := range addresses {
		if a, err := net.ParseMAC(text); err == nil && len(a) == 6 {
			sorted = append(sorted, a.String())
		}
	}
	slices.Sort(sorted)
	var elements []Element
	for _, text := range slices.Compact(sorted) {
		a, _ := net.ParseMAC(text) // it was printed by the same package
		elements = append(elements, Element{Text: text, First: a, Last: a})
	}
	return elements
}

func number(text string, n byte) Element {
	return Element{Text: text, First: []byte{n}, Last: []byte{n}}
}

// ports makes interval elements that neither overlap nor touch.
func ports(ranges []PortRange) []Element {
	sorted := slices.Clone(ranges)
	slices.SortFunc(sorted, func(a, b PortRange) int { return int(a.First) - int(b.First) })
	var merged []PortRange
	for _, r := range sorted {
		r.Last = max(r.First, r.Last)
		if n := len(merged); n > 0 && int(r.First) <= int(merged[n-1].Last)+1 {
			merged[n-1].Last = max(merged[n-1].Last, r.Last)
			continue
		}
		merged = append(merged, r)
	}
	var elements []Element
	for _, r := range merged {
		v := portRange(r)
		elements = append(elements, Element{Text: v.Text, First: v.First, Last: v.Last})
	}
	return elements
}

func portRange(r PortRange) Element {
	text := strconv.Itoa(int(r.First))
	if r.Last > r.First {
		text = fmt.Sprintf("%d-%d", r.First, r.Last)
	}
	return Element{Text: text, First: binary.BigEndian.AppendUint16(nil, r.First), Last: binary.BigEndian.AppendUint16(nil, max(r.First, r.Last))}
}

// span is a range of addresses of one family.
type span struct{ first, last netip.Addr }

// prefixes makes interval elements per family that neither overlap nor touch.
func prefixes(list []netip.Prefix) (four, six []Element) {
	var spans4, spans6 []span
	for _, p := range list {
		switch {
		case !p.IsValid():
		case p.Addr().Is4():
			spans4 = append(spans4, spanOf(p))
		default:
			spans6 = append(spans6, spanOf(p))
		}
	}
	return elements(spans4), elements(spans6)
}

func spanOf(p netip.Prefix) span {
	p = p.Masked()
	last := p.Addr().AsSlice()
	for bit := p.Bits(); bit < len(last)*8; bit++ {
		last[bit/8] |= 0x80 >> (bit % 8)
	}
	end, _ := netip.AddrFromSlice(last) // as long as the first, so it is an address
	return span{p.Addr(), end}
}

func elements(spans []span) []Element {
	slices.SortFunc(spans, func(a, b span) int { return a.first.Compare(b.first) })
	var merged []span
	for _, s := range spans {
		if n := len(merged); n > 0 && (s.first.Compare(merged[n-1].last) <= 0 || s.first == merged[n-1].last.Next()) {
			if merged[n-1].last.Less(s.last) {
				merged[n-1].last = s.last
			}
			continue
		}
		merged = append(merged, s)
	}
	var list []Element
	for _, s := range merged {
		list = append(list, Element{Text: s.String(), First: s.first.AsSlice(), Last: s.last.AsSlice()})
	}
	return list
}

// String is the span as nft prints it: an address, a network, or else a range.
func (s span) String() string {
	if s.first == s.last {
		return s.first.String()
	}
	for bits := s.first.BitLen(); bits >= 0; bits-- {
		p := netip.PrefixFrom(s.first, bits)
		if p.Masked() == p && spanOf(p) == s {
			return p.String()
		}
	}
	return fmt.Sprintf("%s-%s", s.first, s.last)
}
