package setup

import "github.com/twinpath/twinpath/wizard"

// Describe says for an owner what a port leads to.
func Describe(p Port) wizard.Port {
	at := place(p)
	d := wizard.Port{
		Name: p.Name, MAC: p.MAC, Driver: p.Driver, Mobile: mobile(p.Driver), Carrier: p.Carrier, Why: at.Why,
		Concentrator: p.Upstream.Concentrator,
		Leads: map[Role]wizard.Leads{
			Spare: wizard.NoCable, Looking: wizard.NotLooked, House: wizard.ToHouse, Line: wizard.ToDHCP, Aside: wizard.ToSomebody,
		}[at.Role],
	}
	if p.Upstream.PPPoE && p.Upstream.Offer == nil {
		d.Leads = wizard.ToPPPoE
	}
	if offer := p.Upstream.Offer; offer != nil {
		d.Network, d.Gateway, d.DNS = offer.Address, offer.Gateway, offer.DNS
	}
	return d
}

// Ports describes every port of the layout for an owner.
func (l Layout) Ports() []wizard.Port {
	all := []wizard.Port{}
	for _, p := range l.Places {
		d := Describe(p.Port)
		d.Why = p.Why
		switch p.Role {
		case House, Member:
			d.Use = "lan"
		case Line:
			d.Use = "wan " + p.Port.Name
		case Aside:
			if d.Leads == wizard.ToDHCP { // the same network as another line's
				d.Leads = wizard.ToSomebody
			}
		}
		all = append(all, d)
	}
	return all
}
