package migration

import (
	"net/netip"
	"strings"
	"unicode"
)

// What a configuration of Twinpath takes: its own parser says the same, but nothing here may depend on it.

// isHost reports whether one machine can have the address.
func isHost(a netip.Addr) bool {
	return a.IsValid() && a.Zone() == "" && !a.Is4In6() && !a.IsUnspecified() && !a.IsMulticast() && !a.IsLoopback() &&
		a != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// isEdge reports whether the address is the first or the last of its IPv4 network, which no machine can have.
func isEdge(p netip.Prefix) bool {
	a := p.Addr()
	return a.Is4() && p.Bits() < 31 && (a == p.Masked().Addr() || !p.Contains(a.Next()))
}

// isTarget reports whether text is an address or a name that a check can reach.
func isTarget(text string) bool {
	if a, err := netip.ParseAddr(text); err == nil {
		return a.Zone() == "" && !a.Is4In6() && !a.IsUnspecified() && !a.IsMulticast()
	}
	last := text[strings.LastIndexByte(text, '.')+1:]
	for label := range strings.SplitSeq(text, ".") {
		if label == "" || len(label) > 63 || label != word(label) || label[0] == '_' || strings.HasSuffix(label, "-") {
			return false
		}
	}
	return len(text) <= 253 && strings.Trim(last, "0123456789") != ""
}

// isDevice reports whether the kernel could have an interface of that name (15 bytes, dev_valid_name) that leads
// somewhere.
func isDevice(name string) bool {
	return name != "" && len(name) <= 15 && name != "." && name != ".." && name != "lo" &&
		!strings.ContainsFunc(name, func(r rune) bool {
			return r == '/' || r == ':' || r == unicode.ReplacementChar || unicode.IsSpace(r) || unicode.IsControl(r) ||
				strings.ContainsRune(`*?[\"'`, r)
		})
}
