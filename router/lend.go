package router

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"reflect"
	"slices"
	"unicode"
	"unicode/utf8"
)

// What one router tells the other of its lines is bounded. Chosen here: far more than a house has.
const (
	mostLines   = 16
	mostText    = 300 // bytes of a name or a reason
	mostCost    = 253
	mostSources = 64 // IPv6 networks of a line
	mostServers = 16
)

// lending is what the other router of the pair may use of this one: its own lines. Never nil: none is an answer, too.
func (s *State) lending(d Decision) []PartnerLine {
	all := []PartnerLine{}
	for i, l := range s.lines {
		if l.config.Kind == Peer || len(all) == mostLines {
			continue
		}
		c := d.Conditions[i]
		p := PartnerLine{Name: short(l.config.Name), State: c.State.String(), Usable: c.usable(), Cost: l.config.Cost, Lost: c.Lost,
			Metered: l.metered(), Reason: short(c.Reason), Blame: c.Blame}
		// What runs on it goes on; something new is to take it only where there is nothing else.
		switch {
		case l.drained || s.drained:
			p.Lost, p.Reason = lostAll, "it is being drained"
		case !c.Rehearsed.IsZero() || c.Limited == Never:
			p.Lost = lostAll
		}
		if l.lease != nil {
			p.DNS = only4(l.lease.DNS)
		}
		if l.speaks(s.config.LAN) {
			p.Usable6 = p.Usable && l.works()
			for _, network := range s.sources6(l, s.lanDevice()) {
				if isPublic(network) && len(p.Sources6) < mostSources {
					p.Sources6 = append(p.Sources6, network)
				}
			}
		}
		all = append(all, p)
	}
	return all
}

// only4 are the IPv4 addresses among some, as many as are told.
func only4(all []netip.Addr) []netip.Addr {
	var found []netip.Addr
	for _, a := range all {
		if isServer(a) && len(found) < mostServers {
			found = append(found, a)
		}
	}
	return found
}

// isServer reports whether an address is told as that of a server.
func isServer(a netip.Addr) bool { return a.Is4() && a.IsGlobalUnicast() }

// isPublic reports whether a network is told: one of the Internet's, and no longer than what a provider gives a company.
func isPublic(network netip.Prefix) bool {
	a := network.Addr()
	return a.Is6() && !a.Is4In6() && a.IsGlobalUnicast() && !a.IsPrivate() && network.Bits() >= 20
}

// short is a text as the other router takes it.
func short(text string) string {
	for len(text) > mostText {
		_, size := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-size]
	}
	return text
}

// offer tells how this router's own lines are when that has changed, before anything is done about it: the other router is to know that a line is dead before it
// hears of a lower priority.
func (r *Router) offer(d Decision) {
	if r.ports.Offer == nil || !r.state.config.Pair.Peer.IsValid() || r.state.config.Pair.Secret == "" {
		r.offered = nil
		return
	}
	if lines := r.state.lending(d); r.offered == nil || !reflect.DeepEqual(lines, r.offered) {
		r.offered = lines
		r.ports.Offer(lines)
	}
}

// FormatLines is a router's own lines as the other one of the pair reads them: JSON.
func FormatLines(lines []PartnerLine) ([]byte, error) {
	if lines == nil {
		lines = []PartnerLine{}
	}
	return json.Marshal(lines)
}

// ParseLines reads what FormatLines wrote. The result is never nil; a newer router may say more of a line than this one knows.
func ParseLines(text []byte) ([]PartnerLine, error) {
	lines := []PartnerLine{}
	d := json.NewDecoder(bytes.NewReader(text))
	if err := d.Decode(&lines); err != nil {
		return nil, fmt.Errorf("read the other router's lines: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("read the other router's lines: more than one list")
	}
	if lines == nil || len(lines) > mostLines {
		return nil, fmt.Errorf("read the other router's lines: %d of them, want a list of %d at most", len(lines), mostLines)
	}
	for i, p := range lines {
		if err := p.check(); err != nil {
			return nil, fmt.Errorf("read the other router's line %d: %w", i+1, err)
		}
	}
	return lines, nil
}

// check says what cannot be.
func (p PartnerLine) check() error {
	for _, text := range []string{p.Name, p.State, p.Reason} {
		if len(text) > mostText || !utf8.ValidString(text) || slices.ContainsFunc([]rune(text), unicode.IsControl) {
			return fmt.Errorf("text %.40q: want %d printable bytes at most", text, mostText)
		}
	}
	known := [...]Blame{BlameNobody, BlameCable, BlameISP, BlameTarget, BlameDNS, BlamePortal, BlameOwner, BlameOther}
	switch {
	case p.Name == "":
		return errors.New("it has no name")
	case p.Cost < 0 || p.Cost > mostCost || p.Lost < 0 || p.Lost > lostAll:
		return fmt.Errorf("cost %d, lost %d: want up to %d and %d", p.Cost, p.Lost, mostCost, lostAll)
	case !slices.Contains(known[:], p.Blame):
		return fmt.Errorf("blame %.40q is unknown", p.Blame)
	case len(p.Sources6) > mostSources || len(p.DNS) > mostServers:
		return fmt.Errorf("%d networks and %d servers: want up to %d and %d", len(p.Sources6), len(p.DNS), mostSources, mostServers)
	case slices.ContainsFunc(p.DNS, func(a netip.Addr) bool { return !isServer(a) }):
		return fmt.Errorf("servers %v: want addresses of IPv4", p.DNS)
	}
	for _, network := range p.Sources6 {
		if !isPublic(network) {
			return fmt.Errorf("network %s: want one of IPv6 of a provider", network)
		}
	}
	return nil
}
