package router

import (
	"slices"

	"github.com/twinpath/twinpath/firewall"
	"github.com/twinpath/twinpath/health"
)

// rationed is a condition in the light of what may still be used of the line's data.
func (s *State) rationed(l *line, c condition) condition {
	if !l.metered() || l.config.Kind == Peer {
		return c
	}
	switch c.Limited = s.evidence.budgets[l.config.Name].Limited; c.Limited {
	case Essential:
		c.Reason += "; its data is used up: what is essential goes on, the rest slowly"
	case Never:
		c.Reason += "; its data is used up: nobody may use it but who always may"
	default:
		c.Limited = Unclassed
	}
	return c
}

// use resolves a [[policy]] to the cheapest usable of its WANs. One that names none goes the way of everybody, unless
// that is a line it must not use.
func (s *State) use(d Decision, rule Policy) firewall.Use {
	u := firewall.Use{Devices: rule.Devices, Sources: rule.Sources, Destinations: rule.Destinations, Ports: rule.Ports,
		Block: rule.Block, Class: rule.Metered}
	if len(rule.WANs) == 0 && !slices.ContainsFunc(d.Carrying, func(name string) bool { return s.bars(d, rule, s.index(name)) }) {
		return u
	}
	named := func(i int) bool {
		return (len(rule.WANs) == 0 || slices.Contains(rule.WANs, s.lines[i].config.Name)) && !s.bars(d, rule, i)
	}
	names := s.cheapest(d.Conditions, func(i int) bool {
		return named(i) && d.Conditions[i].usable() && d.Conditions[i].State != health.Unknown && !s.left(i, d.Conditions[i])
	})
	if len(names) == 0 {
		names = s.cheapest(d.Conditions, func(i int) bool { return named(i) && s.alive(d, i) })
	}
	for _, name := range names {
		l := s.line(name)
		u.Via = append(u.Via, firewall.Share{Mark: l.mark(), Weight: l.config.Weight})
	}
	return u
}

// bars reports whether a policy's traffic is kept off a line altogether.
func (s *State) bars(d Decision, rule Policy, i int) bool {
	if !s.lines[i].metered() {
		return false
	}
	if rule.Metered == Unclassed {
		return d.Conditions[i].Limited == Never
	}
	return rule.Metered == Never
}
