package setup

import "slices"

// with returns the ports in a role.
func (l Layout) with(role Role) []Place {
	var all []Place
	for _, p := range l.Places {
		if p.Role == role {
			all = append(all, p)
		}
	}
	return all
}

// lines returns the ways to the Internet, the cheapest first.
func (l Layout) lines() []Place {
	all := l.with(Line)
	slices.SortStableFunc(all, func(a, b Place) int { return a.Cost - b.Cost })
	return all
}

// LAN returns the names of the house's ports.
func (l Layout) LAN() []string { return names(l.with(House)) }

func names(places []Place) []string {
	var all []string
	for _, p := range places {
		all = append(all, p.Port.Name)
	}
	return all
}

// Member returns the port that is a member of somebody else's network.
func (l Layout) Member() (Place, bool) {
	if all := l.with(Member); len(all) > 0 {
		return all[0], true
	}
	return Place{}, false
}
