package setup

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/twinpath/twinpath/wan"
)

// Role is what a port is used for.
type Role uint8

const (
	NoRole  Role = iota
	Spare        // nothing plugged in
	Looking      // just plugged in
	House        // the LAN
	Line         // a way to the Internet
	Member       // of a network with a router of its own, as any other device there
	Aside        // leads somewhere, but not to the Internet by itself
)

func (r Role) String() string {
	return [...]string{"none", "free", "looking", "house", "internet", "member", "set aside"}[r]
}

// Place is a port and what it is used for.
type Place struct {
	Port   Port
	Role   Role
	Cost   int    // of a Line
	Mobile bool   // a Line by a phone or a mobile modem
	Why    string // one clause for a person
}

// Layout is what every port is used for.
type Layout struct {
	Places  []Place
	Address netip.Prefix // of the box in the house, or in the network it is a member of; invalid while there is none
	Gateway netip.Addr   // of that network
	Domain  string       // of that network; may be empty
}

// addresses are those of the box in setup mode, the first that no line's network overlaps. Chosen for the project:
// networks that no home router is known to come with.
var addresses = [...]netip.Prefix{
	netip.MustParsePrefix("192.168.77.1/24"),
	netip.MustParsePrefix("172.27.77.1/24"),
	netip.MustParsePrefix("10.77.77.1/24"),
}

// Decide says what each port is used for. A port on which a DHCP server or a PPPoE concentrator answers never becomes
// the house's side: our addresses would be handed out in somebody else's network. For the same reason a port without a
// cable waits. Two ports into one network would be a loop once they are bridged.
//
// A box with one port in a network of private addresses becomes a member of it, like a printer: its page is there for
// everybody in the house. What is plugged in by USB and mobile counts as no port there: such a line can only be a backup of
// the house's. With a public address the page would be there for the whole Internet, so that port becomes a line. A box
// whose ports all lead somewhere, one of them into such a network, is a member there, too: nobody could get to its page else.
// The lease is the member's, nil while there is none.
func Decide(ports []Port, lease *wan.Lease) Layout {
	l := Layout{}
	for _, p := range ports {
		l.Places = append(l.Places, place(p))
	}
	only := l.only()
	if only == nil {
		only = l.cornered()
	}
	if only != nil && only.Role == Line {
		if homely(only.Port.Upstream.Offer) {
			l.join(only, lease)
			l.rank(costStep)
			return l
		}
		only.Why += "; there is no second port to show the page on"
	}
	l.rank(0)
	if len(l.LAN()) > 0 {
		l.Address = l.free()
	}
	return l
}

func place(p Port) Place {
	up := p.Upstream
	switch {
	case up.Offer != nil:
		return Place{Port: p, Role: Line, Mobile: mobile(p.Driver), Why: offered(*up.Offer)}
	case up.PPPoE:
		return Place{Port: p, Role: Aside, Why: "a PPPoE line" + named(up.Concentrator) + ": it wants a user name and a password"}
	case up.Server.IsValid():
		return Place{Port: p, Role: Aside, Why: fmt.Sprintf("the DHCP server %s offers no way to the Internet: %s", up.Server, up.Trouble)}
	case !p.Carrier:
		return Place{Port: p, Role: Spare, Why: "no cable"}
	case !p.Known:
		return Place{Port: p, Role: Looking, Why: "finding out where its cable leads"}
	case p.Twice:
		return Place{Port: p, Role: Aside, Why: "a second cable into a network that this box is in already"}
	}
	return Place{Port: p, Role: House, Why: "nobody answers who leads to the Internet: this is the house's side"}
}

func offered(l wan.Lease) string {
	return fmt.Sprintf("a DHCP server offers the network %s and the gateway %s", l.Address.Masked(), l.Gateway)
}

func named(concentrator string) string {
	if concentrator == "" {
		return ""
	}
	return fmt.Sprintf(" (%q answers)", concentrator)
}

// mobile reports whether a driver is one of phones and mobile modems on USB.
func mobile(driver string) bool {
	return slices.Contains([]string{"cdc_ether", "cdc_ncm", "cdc_mbim", "huawei_cdc_ncm", "ipheth", "qmi_wwan", "rndis_host"}, driver)
}

// homely reports whether an offer is of a network in a house, in which the box can have its page.
func homely(o *wan.Lease) bool {
	n := o.Address
	return n.Addr().IsPrivate() && n.Bits() >= 8 && n.Bits() <= 30 && n.Contains(o.Gateway)
}

// only is the one port of the box, mobile ones aside; nil when there are more.
func (l *Layout) only() *Place {
	if len(l.Places) == 1 {
		return &l.Places[0]
	}
	var one *Place
	for i := range l.Places {
		if mobile(l.Places[i].Port.Driver) {
			continue
		}
		if one != nil {
			return nil
		}
		one = &l.Places[i]
	}
	return one
}

// cornered is the one port in a network of private addresses when no port is left to plug a computer into; nil else.
func (l *Layout) cornered() *Place {
	var one *Place
	for i := range l.Places {
		p := &l.Places[i]
		switch {
		case p.Role != Line && p.Role != Aside:
			return nil
		case p.Role == Aside || p.Mobile || !homely(p.Port.Upstream.Offer):
		case one != nil:
			return nil
		default:
			one = p
		}
	}
	return one
}

func (l *Layout) join(only *Place, lease *wan.Lease) {
	only.Role = Member
	if lease == nil || !homely(lease) {
		return
	}
	l.Address, l.Gateway, l.Domain = lease.Address, lease.Gateway, lease.Domain
	only.Why = fmt.Sprintf("a network that has a router: this box is %s there", lease.Address.Addr())
}

// costStep makes the next line a backup of the one before.
const costStep = 50

// rank orders the lines from a cost on: cables first, then what is paid by the megabyte. A second cable into the same network is
// no second line.
func (l *Layout) rank(cost int) {
	for _, metered := range []bool{false, true} {
		for i := range l.Places {
			p := &l.Places[i]
			if p.Role != Line || p.Mobile != metered {
				continue
			}
			if first, twice := l.before(i); twice {
				p.Role, p.Why = Aside, "leads into the same network as "+first
				continue
			}
			p.Cost = min(cost, 250)
			cost += costStep
		}
	}
}

// before names the line above this one that leads to the same server and network.
func (l *Layout) before(i int) (string, bool) {
	up := l.Places[i].Port.Upstream
	for _, p := range l.Places[:i] {
		other := p.Port.Upstream
		if p.Role == Line && other.Server == up.Server && other.Offer.Address.Masked() == up.Offer.Address.Masked() {
			return p.Port.Name, true
		}
	}
	return "", false
}

// free is the first address whose network no line has.
func (l *Layout) free() netip.Prefix {
	for _, a := range addresses {
		if !slices.ContainsFunc(l.Places, func(p Place) bool { return overlaps(a, p.Port.Upstream) }) {
			return a
		}
	}
	return addresses[0]
}

func overlaps(a netip.Prefix, up wan.Upstream) bool {
	if up.Offer == nil {
		return up.Server.IsValid() && a.Contains(up.Server)
	}
	taken := []netip.Prefix{up.Offer.Address}
	for _, r := range up.Offer.Routes {
		taken = append(taken, r.Destination)
	}
	for _, d := range append([]netip.Addr{up.Offer.Gateway, up.Server}, up.Offer.DNS...) {
		if d.IsValid() {
			taken = append(taken, netip.PrefixFrom(d, d.BitLen()))
		}
	}
	return slices.ContainsFunc(taken, a.Overlaps)
}
