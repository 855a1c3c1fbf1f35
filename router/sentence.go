package router

import (
	"cmp"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/twinpath/twinpath/health"
)

// list joins names for a sentence.
func list(names []string) string {
	switch len(names) {
	case 0:
		return "nothing"
	case 1:
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// fault says whose it is and what to do, as the end of a sentence. Of a far target's fault the reason says so itself.
func fault(b Blame) string {
	switch b {
	case BlameCable:
		return " (look at the cable and at the power of the modem)"
	case BlameISP:
		return " (the provider's side; nothing to do here)"
	case BlameDNS:
		return " (name resolution only)"
	case BlamePortal:
		return " (log in, or renew the plan)"
	}
	return ""
}

// sentence says how the house is served, what is broken first and whose it is.
func (s *State) sentence(d Decision) string {
	if len(s.lines) == 0 && len(s.virtuals) > 0 {
		return s.vrrpSentence()
	}
	return strings.TrimSpace(s.internet(d) + " " + s.vrrpComplaints())
}

// internet is the part of the sentence that is about WANs.
func (s *State) internet(d Decision) string {
	switch s.verdict {
	case VerdictOffline:
		return cmp.Or(s.elsewhere("No Internet"), "No Internet.") + " " + s.complaints(d, func(int) bool { return true })
	case VerdictUnknown:
		if len(s.lines) == 0 {
			return "No way to the Internet is configured."
		}
		return cmp.Or(s.reserve(), "Looking for the Internet: first checks are under way.")
	}
	text := fmt.Sprintf("Internet works, on %s.", list(d.Carrying))
	switch s.verdict {
	case VerdictBackup:
		text = fmt.Sprintf("Internet works, on the backup %s since %s.", list(d.Carrying), s.since.Local().Format("15:04"))
	case VerdictDegraded:
		text = fmt.Sprintf("Internet works, on %s, but not as it should.", list(d.Carrying))
	}
	text = cmp.Or(s.elsewhere("Internet works"), text) + s.without6(d)
	broken := func(i int) bool {
		return d.Conditions[i].State != health.Up && d.Conditions[i].State != health.Unknown || !d.Conditions[i].Rehearsed.IsZero() ||
			d.Conditions[i].Limited != Unclassed && d.Carries(s.lines[i].config.Name)
	}
	return strings.TrimSpace(text + " " + s.complaints(d, broken))
}

func (s *State) complaints(d Decision, which func(int) bool) string {
	var all []string
	for i, l := range s.lines {
		if which(i) {
			c := d.Conditions[i]
			all = append(all, fmt.Sprintf("%s: %s%s.", l.config.Name, c.Reason, fault(c.Blame)))
		}
	}
	return strings.Join(all, " ")
}

// Snapshot shows the state and the decision in force.
func (s *State) Snapshot(now time.Time, version string, d Decision) *Snapshot {
	snap := &Snapshot{
		Router: s.config.Name, Version: version, Sentence: s.sentence(d), Verdict: s.verdict, Since: s.since.UTC(),
		WANs: []WANSnapshot{}, Drained: s.drained, Kernel: s.kernel, Time: now.UTC(), Accounts: s.accounts(),
	}
	s.showVirtual(snap)
	snap.Kernel.Applied = snap.Kernel.Applied.UTC()
	if !s.pending.IsZero() {
		snap.Pending = &PendingView{Until: s.pending.UTC()}
	}
	for i, l := range s.lines {
		w := l.snapshot(d.Conditions[i], d.Carries(l.config.Name))
		w.Heirs = s.heirs(d, i)
		if l.speaks(s.config.LAN) && l.way.Index != 0 && (l.six.reported || l.six.lease != nil) {
			l.six.show(&w)
			s.address6(&w, l)
			_, house := l.six.lease.House()
			w.Use6, w.Ending6 = house && s.open(d, l), house && s.ending(now, d, i)
		}
		if s.borrows(l) && l.lease != nil {
			w.DNS, w.Use6 = words(s.resolvers(l)), w.Active && s.alive6(d, i)
		}
		snap.WANs = append(snap.WANs, w)
	}
	s.evidence.show(snap)
	s.bond.show(snap, s.config.Pair.Peer)
	s.leave.show(snap)
	snap.Side = s.side(d)
	s.evidence.showPair(snap.Pair, s.config.Pair.NoHandOver)
	return snap
}

func (l *line) snapshot(c condition, active bool) WANSnapshot {
	w := WANSnapshot{
		Name: l.config.Name, Kind: l.config.Kind.String(), Interface: l.link.Name, State: c.State.String(), Active: active,
		Cost: l.config.Cost, Lost: c.Lost, Weight: l.config.Weight, Metered: l.metered(), Drained: l.drained,
		RTT: Milliseconds(l.verdict.RTT), Loss: l.verdict.Loss, Since: l.since.UTC(), Reason: c.Reason,
		DNS: []string{}, Checks: []CheckSnapshot{}, Tally: l.tally, Blame: c.Blame, Mark: l.mark(), Way: l.way, MTU6: l.mtu6(),
	}
	if l.drained && l.flows >= 0 {
		left := l.flows
		w.Left = &left
	}
	if w.Interface == "" {
		w.Interface = l.config.Interface
	}
	if l.way.Index != 0 && l.way.Index != l.link.Index {
		w.Device = l.way.Name
	}
	if l.path != (PathView{}) {
		path := l.path
		w.Path = &path
	}
	if !c.Held.IsZero() {
		held := c.Held.UTC()
		w.HeldUntil = &held
	}
	if c.Ready {
		w.Silent = l.verdict.Silent
	}
	if !c.Rehearsed.IsZero() {
		until := c.Rehearsed.UTC()
		w.RehearsedUntil = &until
	}
	if l.lease != nil {
		l.showLease(&w)
	}
	for _, check := range l.verdict.Checks {
		w.Checks = append(w.Checks, CheckSnapshot{
			Target: check.Check.String(), OK: check.OK, Weight: check.Check.Weight, Flaky: check.Flaky,
			RTT: Milliseconds(check.RTT), Loss: check.Loss, Reason: check.Reason,
		})
	}
	return w
}

// words are addresses for people, and for JSON, where none is no null.
func words(addresses []netip.Addr) []string {
	all := []string{}
	for _, a := range addresses {
		all = append(all, a.String())
	}
	return all
}

func (l *line) showLease(w *WANSnapshot) {
	if l.lease.Address.IsValid() {
		w.Address = l.lease.Address.Addr().String()
	}
	if l.lease.Gateway.IsValid() {
		w.Gateway = l.lease.Gateway.String()
	}
	w.DNS = words(l.lease.DNS)
	w.MTU = l.mtu4()
}
