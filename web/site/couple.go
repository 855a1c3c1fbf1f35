package site

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"github.com/twinpath/twinpath/router"
)

// couple is the two routers of the house.
type couple struct {
	*router.PairView
	Us, Them         string // names
	OurState         string
	OurMood          string
	OurRank          *router.VRRPSnapshot // nil: there is no election for the house
	TheirState       string
	TheirMood        string
	Mood, Icon, Word string   // of the two together
	Hearing          string   // who hears whom
	Moving           []string // how a move of the house would be, or is
	Link             string   // the other's page
	Odd              []string // what between them should not be
	OurDrained       bool
	Ways             []theirLine
}

// theirLine is a line of the other router.
type theirLine struct {
	router.PartnerWAN
	Mood, Icon, Word string
	Role, RoleMood   string
	Gauges           []gauge
	Old              bool // it was so when the other router was last heard
}

func pairOf(s *router.Snapshot) *couple {
	p := s.Pair
	c := &couple{PairView: p, Us: s.Router, Them: cmp.Or(p.Router, p.Peer), Link: pageOf(p.Peer), OurDrained: s.Drained}
	ours := ""
	if elections := houseOf(s); len(elections) > 0 {
		ours, c.OurRank = elections[0].State, &elections[0]
	}
	c.OurMood, c.OurState = standing(ours)
	c.TheirMood, c.TheirState = standing(p.State)
	c.Mood, c.Icon, c.Word, c.Hearing = together(c, ours, p.State)
	c.Moving, c.Odd = c.moving(ours), c.odd(s)
	for _, w := range p.WANs {
		c.Ways = append(c.Ways, c.way(w))
	}
	return c
}

// way is a line of the other router as it says itself.
func (c *couple) way(w router.PartnerWAN) theirLine {
	l := theirLine{PartnerWAN: w, Gauges: gaugesOf(w.Budget), Old: !c.Connected}
	l.Mood, l.Icon, l.Word = condition(w.State)
	switch {
	case w.Kind == router.Peer.String():
		l.Role, l.RoleMood = "Through this router", "calm"
	case w.Drained:
		l.Role, l.RoleMood = "Drained", "calm"
	case w.State == "down" || w.State == "captive":
		l.Role, l.RoleMood = "Out of use", "calm"
	case c.Connected && c.State == "active" && w.Active:
		l.Role, l.RoleMood = "In use", "good"
	default:
		l.Role, l.RoleMood = "Standby", "calm"
	}
	return l
}

// together says how the two stand to each other. Only an Active router sends adverts, so that it hears nobody itself.
func together(c *couple, ours, theirs string) (mood, icon, word, hearing string) {
	p := c.PairView
	switch {
	case p.Second != nil && p.Second.Split:
		return "bad", "down", "Both are Active", p.Second.Sentence
	case ours == "active" && theirs == "active" && p.Connected:
		return "bad", "down", "Both are Active", "They do not hear each other: " + c.Us + " and " + c.Them + " serve the house at the same time. Look at the cables and switches between them."
	case p.Second != nil:
		return "warn", "degraded", "The LAN is cut", p.Second.Sentence
	case p.Deaf != "":
		return "warn", "degraded", "Half connected", "The two hear each other in one direction only: " + p.Deaf + "."
	case p.Gone:
		return "warn", "degraded", "Alone", c.Them + " gives no sign of life and answers nothing. Nobody would take over from " + c.Us + "."
	case !p.Connected && p.Heard:
		return "warn", "degraded", "Half connected", c.Us + " hears " + c.Them + ", whose page does not answer."
	case !p.Connected:
		return "warn", "degraded", "Alone", c.Them + " does not answer. Nobody would take over from " + c.Us + "."
	case ours == "active" && p.HearsUs:
		return "good", "up", "Together", c.Them + " hears " + c.Us + ", and would take over."
	case ours == "active":
		return "warn", "degraded", "Half connected", c.Them + " does not hear " + c.Us + "."
	case theirs == "active" && p.Heard:
		return "good", "up", "Together", c.Us + " hears " + c.Them + ", and would take over."
	case theirs == "active":
		return "warn", "degraded", "Half connected", c.Us + " does not hear " + c.Them + "."
	}
	return "calm", "unknown", "Not known yet", "Neither of them serves the house yet."
}

// moving says what becomes of connections when the house moves.
func (c *couple) moving(ours string) []string {
	var all []string
	switch p := c.PairView; {
	case p.Phase == "learns":
		all = append(all, "The house moves here: what runs over "+c.Them+" goes on.")
	case p.Phase == "keeps" && p.FlowsHandedOver == 1:
		all = append(all, "1 connection still uses "+c.Them+"; it moves by ending.")
	case p.Phase == "keeps" && p.FlowsHandedOver > 1:
		all = append(all, fmt.Sprintf("%d connections still use %s; they move by ending.", p.FlowsHandedOver, c.Them))
	case p.Phase == "ready":
		all = append(all, "Ready: should the house move here, what runs over "+c.Them+" goes on.")
	case p.Breaks:
		all = append(all, "Connections break when the house moves: the configuration wants it so.")
	case p.Linked && ours == "active":
		all = append(all, "Should the house move to "+c.Them+", what runs over "+c.Us+" goes on.")
	}
	switch left := c.Left; {
	case ours == "active" || left == 0:
	case left == 1:
		all = append(all, "1 connection still uses "+c.Us+"; it moves by ending.")
	default:
		all = append(all, fmt.Sprintf("%d connections still use %s; they move by ending.", left, c.Us))
	}
	return all
}

// odd is what between the two should not be.
func (c *couple) odd(s *router.Snapshot) []string {
	p := c.PairView
	all := slices.Clone(p.Differences)
	if !p.Linked && p.LinkReason != "" && p.Connected && !p.Breaks {
		all = append([]string{"The two do not work together: " + p.LinkReason + ". Connections break when the house moves."}, all...)
	}
	if p.Connected && len(p.Differences) == 0 && p.Version != s.Version && p.Version != "" {
		all = append(all, "The two run different versions: "+s.Version+" here, "+p.Version+" there.")
	}
	return all
}

// houseOf are our elections for the network that both routers are in.
func houseOf(s *router.Snapshot) []router.VRRPSnapshot {
	peer, err := netip.ParseAddr(s.Pair.Peer)
	if err != nil {
		return nil
	}
	var all []router.VRRPSnapshot
	for _, v := range s.VRRP {
		if slices.ContainsFunc(v.Addresses, func(text string) bool {
			p, err := netip.ParsePrefix(text)
			return err == nil && p.Masked().Contains(peer)
		}) {
			all = append(all, v)
		}
	}
	return all
}

// pageOf is the other router's page.
func pageOf(peer string) string {
	a, err := netip.ParseAddr(peer)
	if err != nil {
		return ""
	}
	return "http://" + urlHost(a) + "/"
}
