package router

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/twinpath/twinpath/firewall"
	"github.com/twinpath/twinpath/health"
	"github.com/twinpath/twinpath/vrrp"
)

// borrows reports whether a line is the way through the other router of the pair, which says how its own lines are.
func (s *State) borrows(l *line) bool {
	return l.config.Kind == Peer && l.config.Peer.IsValid() && l.config.Peer == s.config.Pair.Peer
}

// lent is the line of the other router that our packets go out by: the cheapest that works there, as that one decides itself.
func (s *State) lent() (best PartnerLine, works bool) {
	if !s.bond.Linked {
		return PartnerLine{}, false
	}
	for _, p := range s.bond.Lines {
		if p.Usable && (!works || p.Cost+p.Lost < best.Cost+best.Lost) {
			best, works = p, true
		}
	}
	return best, works
}

// beyond is a peer's condition in the light of what the other router says of its lines: the worse of that and of what our own checks find. Our
// checks need two seconds for what the other one knows at once.
func (s *State) beyond(l *line, c condition) condition {
	if !s.borrows(l) || !c.Ready {
		return c
	}
	down := func(b Blame, reason string) condition {
		c.State, c.Lost, c.Reason, c.Blame = health.Down, lostAll, reason, b
		return c
	}
	switch best, works := s.lent(); {
	case s.bond.Gone != (vrrp.Gone{}):
		return down(BlameNobody, "the other router is gone")
	case !s.bond.Linked || s.bond.Lines == nil || !works && s.beginning(): // it has said nothing
		return c
	case !works:
		blame, why := s.broken()
		return down(blame, "the other router has no line that works"+why)
	case best.Lost > c.Lost && c.State.Usable():
		c.State, c.Lost = health.Degraded, best.Lost
		c.Reason = fmt.Sprintf("the other router's %s: %s", best.Name, best.Reason)
	}
	return c
}

// beginning reports whether the other router does not know yet how one of its lines is, as after it was started.
func (s *State) beginning() bool {
	return slices.ContainsFunc(s.bond.Lines, func(p PartnerLine) bool { return p.State == health.Unknown.String() })
}

// broken says why none of the other router's lines works, in brackets, and whose fault its best line's is.
func (s *State) broken() (Blame, string) {
	var all []string
	for _, p := range s.bond.Lines {
		all = append(all, p.Name+": "+p.Reason)
	}
	if len(all) == 0 {
		return BlameNobody, ""
	}
	best := slices.MinFunc(s.bond.Lines, func(a, b PartnerLine) int { return a.Cost - b.Cost })
	return best.Blame, " (" + strings.Join(all, "; ") + ")"
}

// foldTogether takes in how the two routers work together.
func (s *State) foldTogether(now time.Time, view Together) []Event {
	_, worked := s.lent()
	s.bond.leans = slices.ContainsFunc(s.carrying, func(name string) bool { return s.borrows(s.line(name)) })
	events := append(s.bond.fold(now, view), s.bond.presence(now, s.evidence.peer)...)
	s.learnLent(now, worked)
	return events
}

// learnLent takes in what the other router says of its lines: whether they are paid by volume, and that one works again. From then on the peer's
// hold-down runs, as from a line's own recovery.
func (s *State) learnLent(now time.Time, worked bool) {
	best, works := s.lent()
	for _, l := range s.lines {
		if !s.borrows(l) {
			continue
		}
		l.volume = works && best.Metered
		if works && !worked {
			l.hold.Recover(now)
			if slices.Contains(s.carrying, l.config.Name) { // as in foldHealth
				l.hold.Waive()
			}
		}
	}
}

// resolvers are the servers that names are asked of by a line. The other router of a pair answers names only while it serves the house: by its lines their
// own servers are asked.
func (s *State) resolvers(l *line) []netip.Addr {
	if best, works := s.lent(); works && s.borrows(l) && len(best.DNS) > 0 {
		return best.DNS
	}
	return l.lease.DNS
}

// partnerMAC is the Ethernet address of the other router on the LAN, which its adverts show where the two are not linked; empty: it is not known. A
// virtual one is not what it sends packets of others from.
func (s *State) partnerMAC(peer netip.Addr) string {
	if s.bond.MAC != "" && peer == s.config.Pair.Peer {
		return s.bond.MAC
	}
	for _, sp := range s.status.Speakers {
		if sp.Source == peer && !strings.HasPrefix(strings.ToLower(sp.MAC), "00:00:5e:00:") {
			return sp.MAC
		}
	}
	return ""
}

// sweepCrossed ends what may have gone back to the other router before its Ethernet address was known. A flow that goes there rightly goes on: what
// is known of it here is half of it, and is known again with its next packet.
func (s *State) sweepCrossed(now time.Time) {
	for _, l := range s.lines {
		if l.config.Kind != Peer {
			continue
		}
		if mac := s.partnerMAC(l.config.Peer); mac != l.partner {
			l.partner = mac
			w := sweepAll(now, l)
			w.quiet, w.until = true, now.Add(2*time.Second)
			s.sweeps = append(s.sweeps, w)
		}
	}
}

// keepForward has the firewall send what comes from the other router on by lines of this one's own.
func (s *State) keepForward(p *firewall.Policy, d Decision) {
	i := slices.IndexFunc(s.lines, func(l *line) bool { return l.config.Kind == Peer })
	if p.PartnerAddress = s.config.Pair.Peer; !p.PartnerAddress.IsValid() && i >= 0 {
		p.PartnerAddress = s.lines[i].config.Peer
	}
	if i < 0 {
		return
	}
	p.Partner = s.partnerMAC(s.lines[i].config.Peer)
	for _, name := range s.forward(d) {
		l := s.line(name)
		p.Lent = append(p.Lent, firewall.Share{Mark: l.mark(), Weight: l.config.Weight})
	}
}

// forward names the lines of this router's own that take what comes from the other one; none where the main table's default route leads to one of
// them, or none works.
func (s *State) forward(d Decision) []string {
	own := func(i int) bool { return s.lines[i].config.Kind != Peer }
	leadsBack := slices.ContainsFunc(d.Carrying, func(name string) bool { return !own(s.index(name)) })
	switch {
	case leadsBack:
		return s.cheapest(d.Conditions, func(i int) bool { return own(i) && s.alive(d, i) })
	case len(d.Carrying) > 1:
		return d.Carrying
	}
	return nil
}
