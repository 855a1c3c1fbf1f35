package router

import (
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/twinpath/twinpath/health"
	"github.com/twinpath/twinpath/script"
	"github.com/twinpath/twinpath/vrrp"
	"github.com/twinpath/twinpath/wan"
)

// State is every fact the router knows. One goroutine owns it.
type State struct {
	config   Config
	links    []Link
	lines    []*line
	carrying []string // names of the WANs that take new flows
	pending  time.Time
	kernel   KernelView
	sweeps   []sweep
	removed  []*line         // by the last configuration: their flows are to be ended
	alives   map[string]bool // whose flows the plan in force sends to them, by name
	alives6  map[string]bool // the same of IPv6
	numbers  map[string]int  // device → number of its WAN in an earlier run
	hidden   []string        // foreign routes already complained of
	former   former          // the house's address before

	virtuals []*virtual
	named    map[string]*virtual
	drained  bool // the whole router: others are to serve the house
	leave    leave
	status   vrrp.Status
	heard    map[string][]vrrp.Election // by the router's name
	engine   bool                       // status is of the engine, not the zero value
	reported vrrp.Report                // the newest one told
	rivals   rivals
	scripts  []script.Change // to be run
	born     time.Time

	verdict Verdict
	since   time.Time

	evidence evidence
	bond     bond
}

// NewState returns the state before the first fact. An earlier run's default route may still lead to some
// devices: the WANs on them go on carrying the house until there is a reason to move.
func NewState(config Config, links []Link, earlier Earlier, now time.Time) *State {
	s := &State{links: links, numbers: earlier.Numbers, verdict: VerdictUnknown, since: now, born: now}
	s.configure(config, now)
	for _, l := range s.lines {
		if l.link.Index != 0 && slices.Contains(earlier.Carrying, l.earlierDevice()) {
			s.carrying = append(s.carrying, l.config.Name)
		}
	}
	return s
}

// Fold takes one fact in and returns what a person should know of it.
func (s *State) Fold(now time.Time, fact Fact) []Event {
	switch f := fact.(type) {
	case LinksSeen:
		return s.foldLinks(now, f)
	case LeaseSeen:
		return s.foldLease(now, f)
	case HealthSeen:
		s.foldHealth(now, f)
	case Lease6Seen:
		return s.foldLease6(now, f)
	case Health6Seen:
		s.foldHealth6(f)
	case PathSeen:
		return s.foldPath(now, f)
	case Rescued:
		return s.foldRescued(now, f)
	case DiagnosisSeen:
		return s.foldDiagnosis(now, f)
	case Rehearsed:
		s.foldRehearsal(now, f)
	case DrainWished:
		s.endAllRehearsals()
		return s.foldDrain(now, f)
	case StandAside:
		return s.leave.stand(now, f)
	case FlowsCounted:
		return s.foldFlows(now, f)
	case PlanApplied:
		return s.foldApplied(now, f)
	case Reconfigured:
		return s.foldConfig(now, f)
	case VRRPSeen:
		s.foldStatus(f.Status)
		return s.rivals.over(now, f.Status)
	case VRRPTold:
		return s.foldReports(now, f.Reports)
	case CheckSeen:
		return s.foldCheck(now, f)
	case PendingSet:
		s.pending = f.Until
	case PeerSeen:
		s.evidence.peer = f.View
		return s.bond.presence(now, f.View)
	case TogetherSeen:
		return s.foldTogether(now, f.View)
	default:
		return s.evidence.fold(now, f)
	}
	return nil
}

// configure keeps what is known of WANs that stay what they were, wherever the file has them now: with another number a
// WAN would have another mark and table, and its running flows would lose their way.
func (s *State) configure(config Config, now time.Time) {
	old := s.lines
	s.config, s.lines = config, make([]*line, len(config.WANs))
	taken := map[int]bool{}
	for i, c := range config.WANs {
		for _, o := range old {
			if o.config.Name == c.Name && sameAttachment(o.config, c) {
				s.lines[i], o.config, taken[o.number] = o, c, true
				if c.NoIPv6 {
					o.six = six{}
				}
			}
		}
	}
	for i, c := range config.WANs {
		if n, had := s.numberOf(c); s.lines[i] == nil && had && !taken[n] {
			s.lines[i], taken[n] = newLine(c, n, now), true
		}
	}
	for i, c := range config.WANs {
		if s.lines[i] == nil {
			s.lines[i] = newLine(c, free(taken), now)
		}
	}
	for _, o := range old {
		if !slices.Contains(s.lines, o) && !taken[o.number] {
			s.removed = append(s.removed, o)
		}
	}
	s.carrying = slices.DeleteFunc(s.carrying, func(name string) bool { return s.line(name) == nil })
	s.relink(now)
	s.configureVirtual(now)
}

// numberOf returns the number that a WAN had in an earlier run, found by its device.
func (s *State) numberOf(c WANConfig) (int, bool) {
	link, there := find(s.links, c.Interface)
	if c.VLAN != 0 {
		link, there = find(s.links, VLANName(link.Name, c.VLAN))
	}
	n, had := s.numbers[(&line{config: c, link: link}).earlierDevice()]
	return n, there && had
}

// free takes the lowest number that nobody has.
func free(taken map[int]bool) int {
	n := 0
	for taken[n] {
		n++
	}
	taken[n] = true
	return n
}

// sameAttachment reports whether a WAN's client can go on under a new configuration. Of a session, whether it has IPv6 is agreed on when
// it is dialled.
func sameAttachment(a, b WANConfig) bool {
	return a.Kind == b.Kind && a.Interface == b.Interface && a.Peer == b.Peer && a.PPPoE == b.PPPoE && a.VLAN == b.VLAN && a.MAC == b.MAC && (a.Kind != PPPoE || a.NoIPv6 == b.NoIPv6) &&
		a.Static.Address == b.Static.Address && a.Static.Gateway == b.Static.Gateway && slices.Equal(a.Static.DNS, b.Static.DNS)
}

func (s *State) foldConfig(now time.Time, f Reconfigured) []Event {
	if reflect.DeepEqual(s.config, f.Config) {
		return nil
	}
	s.endAllRehearsals()
	s.part(f.Config, now)
	s.configure(f.Config, now)
	s.evidence.forget(f.Config.WANs)
	sentence := "The configuration in use has changed."
	if !s.pending.IsZero() {
		sentence = "Nobody confirmed the new configuration: the old one is in use again."
	}
	return []Event{{Time: now, Kind: EventRouter, Blame: BlameOwner, Sentence: sentence}}
}

func (s *State) line(name string) *line {
	for _, l := range s.lines {
		if l.config.Name == name {
			return l
		}
	}
	return nil
}

func (s *State) foldLinks(now time.Time, links LinksSeen) []Event {
	s.links = links
	s.relink(now)
	return nil
}

// relink finds each line's interface again and forgets what belonged to another one.
func (s *State) relink(now time.Time) {
	for _, l := range s.lines {
		link := l.locate(s.links, s.config.LAN, s.taken(l))
		fresh := link.Index != l.link.Index
		lost := l.link.Carrier && !link.Carrier
		l.link = link
		if fresh {
			l.lease, l.leased, l.connected, l.asking, l.seen = nil, false, false, "asking for an address", now
		}
		l.connected = l.connected || link.Carrier
		if l.findWay(now, s.links) || fresh || lost {
			l.unverify(l.suspect || lost || l.told.State == health.Down)
			l.six.unverify(lost)
		}
	}
}

// unverify drops the verdict: it was of a line that is gone.
func (l *line) unverify(suspect bool) {
	l.checked, l.verdict, l.diagnosis = false, health.Verdict{}, nil
	l.suspect = suspect
}

func (s *State) foldLease(now time.Time, f LeaseSeen) []Event {
	l := s.line(f.WAN)
	if l == nil || l.link.Index != f.Index {
		return nil
	}
	before := l.lease
	l.lease, l.asking, l.ours, l.reported = f.Lease, f.Reason, f.Failed && f.Ours, true
	if l.findWay(now, s.links) && before != nil {
		l.unverify(false)
	}
	if f.Lease == nil {
		if before != nil {
			l.unverify(true)
		}
		return l.foldFailure(now, f.Update)
	}
	l.failure = ""
	was := l.address
	l.leased, l.address = true, f.Lease.Address.Addr()
	if before != nil && before.Address != f.Lease.Address {
		l.unverify(false)
	}
	if was.IsValid() && was != l.address {
		return []Event{{Time: now, Kind: EventWAN, WAN: f.WAN, Sentence: fmt.Sprintf("%s has a new address: %s (was %s).", f.WAN, l.address, was)}}
	}
	return nil
}

// foldFailure says why a line that is down does not come back, each time that it is another reason.
func (l *line) foldFailure(now time.Time, u wan.Update) []Event {
	if !u.Failed || u.Reason == l.failure {
		return nil
	}
	l.failure = u.Reason
	if l.told.State != health.Down || l.told.Reason == u.Reason {
		return nil
	}
	blame := BlameISP
	if u.Ours {
		blame = BlameOwner
	}
	return []Event{{Time: now, Kind: EventWAN, WAN: u.WAN, Blame: blame, Sentence: fmt.Sprintf("%s: %s%s.", u.WAN, u.Reason, fault(blame))}}
}

func (s *State) foldHealth(now time.Time, f HealthSeen) {
	l := s.line(f.WAN)
	if l == nil || l.way.Index != f.Index || l.lease == nil || !l.link.Carrier {
		return
	}
	if f.Verdict.State != health.Down {
		l.diagnosis = nil
	}
	v := f.Verdict.State
	if v == health.Up || v == health.Degraded && (!l.checked || !l.verdict.State.Usable()) {
		l.hold.Recover(now)
		if slices.Contains(s.carrying, f.WAN) { // the house is back on it already: that it is well now is no reason to leave it
			l.hold.Waive()
		}
	}
	l.verdict, l.checked = f.Verdict, true
	if v == health.Up || v == health.Degraded {
		l.suspect = false
	}
}

func (s *State) foldDiagnosis(now time.Time, f DiagnosisSeen) []Event {
	l := s.line(f.WAN)
	if l == nil || !l.checked || l.verdict.State != health.Down {
		return nil
	}
	l.diagnosis = &f
	return []Event{{Time: now, Kind: EventWAN, WAN: f.WAN, Blame: f.Blame, Sentence: fmt.Sprintf("%s: %s%s.", f.WAN, f.Clause, fault(f.Blame))}}
}

func (s *State) foldDrain(now time.Time, f DrainWished) []Event {
	if f.WAN == "" && !f.Off {
		return s.drainAll(now, true)
	}
	var events []Event
	if f.WAN == "" {
		events = s.drainAll(now, false)
	}
	for _, l := range s.lines {
		if (f.WAN == l.config.Name || f.WAN == "") && l.drained == f.Off {
			l.drained, l.flows = !f.Off, -1
			sentence := fmt.Sprintf("%s is being drained: new connections leave it, running ones may end.", l.config.Name)
			if f.Off {
				sentence = fmt.Sprintf("%s may be used again.", l.config.Name)
			}
			events = append(events, Event{Time: now, Kind: EventWAN, WAN: l.config.Name, Blame: BlameOwner, Sentence: sentence})
		}
	}
	return events
}

// drainAll takes this router out of the elections, as far as there is another one, or back in.
func (s *State) drainAll(now time.Time, drained bool) []Event {
	if s.drained == drained {
		return nil
	}
	s.drained = drained
	s.leave.drain(now, drained)
	sentence := fmt.Sprintf("%s is being drained: another router is to serve the house.", s.config.Name)
	if !drained {
		sentence = fmt.Sprintf("%s may serve the house again.", s.config.Name)
	}
	return []Event{{Time: now, Kind: EventVRRP, Blame: BlameOwner, Sentence: sentence}}
}

func (s *State) foldFlows(now time.Time, f FlowsCounted) []Event {
	l := s.line(f.WAN)
	if l == nil || !l.drained || l.flows == f.Flows {
		return nil
	}
	l.flows = f.Flows
	if f.Flows > 0 || slices.Contains(s.carrying, f.WAN) {
		return nil
	}
	return []Event{{Time: now, Kind: EventWAN, WAN: f.WAN, Blame: BlameOwner, Sentence: fmt.Sprintf("%s is drained: nothing uses it any more, it may be unplugged.", f.WAN)}}
}
