package wizard

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
)

// Chosen here: more lines than package config accepts, and more text than any draft has.
const mostLines, mostText = 32, 64 << 10

// Restore reads a draft that was away as JSON, in a browser. A forged one is a wrong draft at most: what comes of it is
// checked like everything that an owner types.
func Restore(text []byte) (*Draft, error) {
	if len(text) > mostText {
		return nil, fmt.Errorf("read the answers so far: they are larger than %d KiB", mostText>>10)
	}
	d := new(Draft)
	if err := json.Unmarshal(text, d); err != nil {
		return nil, fmt.Errorf("read the answers so far: %w", err)
	}
	if what := d.unfit(); what != "" {
		return nil, fmt.Errorf("read the answers so far: %s", what)
	}
	return d, nil
}

// unfit says what no draft of ours has.
func (d *Draft) unfit() string {
	prefixes := []netip.Prefix{d.House.Address, d.Pair.Own}
	for _, l := range d.Lines {
		prefixes = append(prefixes, l.Address, l.Network)
		if !slices.Contains([]string{"dhcp", "static", "pppoe", "peer"}, l.Kind) {
			return fmt.Sprintf("a line of kind %q", l.Kind)
		}
	}
	if j := d.Pair.Joined; j != nil {
		prefixes = append(prefixes, j.LAN, j.Virtual)
	}
	links := []netip.Prefix{d.Pair.Link}
	if j := d.Pair.Joined; j != nil {
		links = append(links, j.Link)
	}
	switch {
	case slices.ContainsFunc(links, func(p netip.Prefix) bool { return p.IsValid() && !isLink(p) }):
		return "a shared address that is not link-local"
	case len(d.Lines) > mostLines:
		return "too many lines"
	case slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.IsValid() && !p.Addr().Is4() }):
		return "an address that is not IPv4"
	case !slices.Contains([]string{single, first, second, ownway}, d.Pair.Role):
		return fmt.Sprintf("a role %q", d.Pair.Role)
	case !slices.Contains([]string{"none", "ntfy", "telegram", "email", "webhook", "other"}, d.Alert.Kind):
		return fmt.Sprintf("messages by %q", d.Alert.Kind)
	}
	return ""
}
