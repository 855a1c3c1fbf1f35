package wizard

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/twinpath/twinpath/config/outline"
)

// file is what the wizard knows of a configuration.
type file struct {
	Router struct{ Name string }
	LAN    *struct {
		Interface string
		Ports     words
		Address   string
		IPv6      any
		DHCP      *struct {
			Range words
			Lease string
		}
		DNS  struct{ Domain string }
		Host []struct{ Address string }
	}
	WAN      []fileWAN
	VRRP     []fileVRRP
	Policy   []struct{ WAN words }
	Firewall struct {
		Forward []struct {
			To  string
			WAN words
		}
	}
	Pair *struct{ Peer, Secret string }
	Web  struct {
		Password    string
		Listen, TLS words
	}
	Alert struct{ To []struct{ URL string } }
	DDNS  []struct{ WAN words }
}

type fileWAN struct {
	Name, Interface, Kind string
	Cost, VLAN            int
	Metered               *bool
	Failback              string
	Static                *struct {
		Address, Gateway string
		DNS              words
	}
	PPPoE *struct{ User, Password string }
	Peer  *struct{ Gateway string }
}

type fileVRRP struct {
	Name, Interface string
	ID              int
	Version         int
	Priority        *int
	Addresses       words
	Track           words
}

// words is a list of texts, or a single one.
type words []string

// UnmarshalTOML implements toml.Unmarshaler. What is no text is left out: package config has words for it.
func (w *words) UnmarshalTOML(raw any) error {
	list, several := raw.([]any)
	if !several {
		list = []any{raw}
	}
	for _, one := range list {
		if text, ok := one.(string); ok {
			*w = append(*w, text)
		}
	}
	return nil
}

func (w words) at(n int) string {
	if n < len(w) {
		return w[n]
	}
	return ""
}

// From returns the answers that a configuration gives. Its text is expected to be one that package config accepts; of
// others the wizard takes what it understands.
func From(text []byte, f Facts) (*Draft, error) {
	body := strings.TrimPrefix(string(text), "\ufeff")
	if _, err := toml.Decode(body, &map[string]any{}); err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	var have file
	if _, err := toml.Decode(body, &have); err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	d := &Draft{House: House{Name: have.Router.Name}, Pair: Pair{Role: single}, Alert: Alert{Kind: "none"}, Password: have.Web.Password, Given: true}
	if d.House.Name == "" {
		d.House.Name = hostLabel(f.Hostname)
		d.House.Nameless = true
	}
	for _, w := range have.WAN {
		d.Lines = append(d.Lines, w.line())
	}
	if have.LAN != nil {
		d.house(have)
	}
	d.virtual(have)
	if len(have.Alert.To) > 0 {
		d.Alert = alertOf(have.Alert.To[0].URL)
	}
	d.Alert.fill(f)
	d.others(have, outline.Of(body))
	if len(f.Ports) > 0 {
		d.look(f)
	}
	return d, nil
}

// prefix is an IPv4 address with its network's length; invalid for anything else, which package config has words for.
func prefix(text string) netip.Prefix {
	p, err := netip.ParsePrefix(text)
	if err != nil || !p.Addr().Is4() {
		return netip.Prefix{}
	}
	return p
}

func addr(text string) netip.Addr {
	a, _ := netip.ParseAddr(text)
	return a
}

func (w fileWAN) line() Line {
	l := Line{Was: w.Name, Name: w.Name, Kind: w.Kind, Interface: w.Interface, Cost: w.Cost, VLAN: w.VLAN, Failback: w.Failback}
	if w.Metered != nil {
		l.Priced, l.Metered = true, *w.Metered
	}
	switch {
	case w.Static != nil && (l.Kind == "" || l.Kind == "static"):
		l.Kind, l.Address, l.Gateway = "static", prefix(w.Static.Address), addr(w.Static.Gateway)
		for _, s := range w.Static.DNS {
			l.DNS = append(l.DNS, addr(s))
		}
	case w.PPPoE != nil && (l.Kind == "" || l.Kind == "pppoe"):
		l.Kind, l.User, l.Password = "pppoe", w.PPPoE.User, w.PPPoE.Password
	case w.Peer != nil && (l.Kind == "" || l.Kind == "peer"):
		l.Kind, l.Gateway = "peer", addr(w.Peer.Gateway)
	case l.Kind == "":
		l.Kind = "dhcp"
	}
	return l
}

func (d *Draft) house(have file) {
	h, lan := &d.House, have.LAN
	h.Ports, h.Address, h.Domain = []string(lan.Ports), prefix(lan.Address), lan.DNS.Domain
	if lan.Interface != "" {
		h.Ports, h.Single = []string{lan.Interface}, true
	}
	h.Chosen, h.Decided, h.Ranged = true, true, lan.DHCP != nil
	h.Only4 = lan.IPv6 == "off"
	if lan.DHCP != nil {
		h.DHCP, h.Range = true, [2]netip.Addr{addr(lan.DHCP.Range.at(0)), addr(lan.DHCP.Range.at(1))}
	}
	inside := func(l Line) bool { return l.Kind == "peer" && l.Interface == "" && h.Address.Contains(l.Gateway) }
	h.Member = h.Single && !h.DHCP && have.Pair == nil && len(have.VRRP) == 0 && slices.ContainsFunc(d.Lines, inside)
	for _, l := range d.Lines {
		h.Member = h.Member && (inside(l) || l.Metered)
	}
}

// virtual reads whether the router is one of two. What the wizard did not make it leaves alone.
func (d *Draft) virtual(have file) {
	p := &d.Pair
	if len(have.VRRP) == 0 && have.Pair == nil {
		return
	}
	p.Role = ownway
	if len(have.VRRP) != 1 || have.LAN == nil {
		return
	}
	v := have.VRRP[0]
	if v.Interface != "" && v.Interface != have.LAN.Interface || len(v.Addresses) == 0 || len(v.Addresses) > 2 || v.Name == "" {
		return
	}
	var link netip.Prefix
	if len(v.Addresses) == 2 {
		if link, _ = netip.ParsePrefix(v.Addresses[1]); !isLink(link) {
			return
		}
	}
	shared, err := netip.ParsePrefix(v.Addresses[0])
	own := d.House.Address
	if err != nil || !own.IsValid() || shared.Masked() != own.Masked() || shared.Addr() == own.Addr() {
		return
	}
	*p = Pair{Role: first, Was: true, Own: own, Link: link, ID: v.ID, Priority: firstPriority, Version: v.Version}
	if v.Priority != nil {
		p.Priority = *v.Priority
	}
	if p.Version == 0 {
		p.Version = 3
	}
	if p.Priority < firstPriority {
		p.Role = second
	}
	if have.Pair != nil {
		p.Peer, p.Secret = addr(have.Pair.Peer), have.Pair.Secret
	}
	d.House.Address = shared
}

// isLink reports whether it is a link-local IPv6 address with its length.
func isLink(p netip.Prefix) bool {
	return p.IsValid() && p.Addr().Is6() && p.Addr().IsLinkLocalUnicast()
}

// others notes what the rest of the file says of lines and of addresses in the house.
func (d *Draft) others(have file, at outline.Outline) {
	d.Named, d.Fixed = map[string]string{}, map[string]string{}
	name := func(names words, what, path string, n int) {
		for _, w := range names {
			d.Named[w] = fmt.Sprintf("%s in line %d", what, at.Spans[outline.Element(path, n)].Line)
		}
	}
	fix := func(text, what, path string, n int) {
		if a := addr(text); a.Is4() {
			d.Fixed[a.String()] = fmt.Sprintf("%s in line %d", what, at.Spans[outline.Element(path, n)].Line)
		}
	}
	for i, p := range have.Policy {
		name(p.WAN, "the [[policy]]", "policy", i)
	}
	for i, n := range have.DDNS {
		name(n.WAN, "the [[ddns]]", "ddns", i)
	}
	for i, v := range have.VRRP {
		name(v.Track, "the [[vrrp]]", "vrrp", i)
	}
	for i, r := range have.Firewall.Forward {
		name(r.WAN, "the [[firewall.forward]]", "firewall.forward", i)
		host, _, _ := strings.Cut(r.To, ":")
		fix(host, "the [[firewall.forward]]", "firewall.forward", i)
	}
	if have.LAN != nil {
		for i, h := range have.LAN.Host {
			fix(h.Address, "the [[lan.host]]", "lan.host", i)
		}
	}
}
