package router

import (
	"fmt"
	"slices"
	"time"

	"github.com/twinpath/twinpath/check"
	"github.com/twinpath/twinpath/health"
	"github.com/twinpath/twinpath/script"
	"github.com/twinpath/twinpath/vrrp"
)

const (
	// hold is how long a WAN or a check that has not spoken yet leaves a priority where it was: a restarted daemon must
	// not drop the house, and has its first verdicts in a second or two.
	hold = 10 * time.Second
	// lostAll is what a line that cannot be used adds to its cost (design §1).
	lostAll = 100
	// The priorities of a router that does not own its addresses (RFC 9568 §5.2.4).
	leastPriority, mostPriority = 1, vrrp.Owner - 1
)

// virtual is all that is known of one [[vrrp]].
type virtual struct {
	config VirtualRouter
	tests  []test
	held   standing   // what the engine was told last, or did before we came; zero: neither
	shown  vrrp.State // what its scripts know
}

// test is a check of a virtual router and its verdict.
type test struct {
	check     check.Check
	known, ok bool
	reason    string
	since     time.Time // of the check, when it was new
}

// standing is what a virtual router may say of itself: the priority in force, and why it must not be Active, if so.
type standing struct {
	Priority int
	Fault    string
}

// configureVirtual keeps what is known of virtual routers and checks that stay in the file.
func (s *State) configureVirtual(now time.Time) {
	old := s.virtuals
	s.virtuals, s.named = make([]*virtual, len(s.config.VRRP)), map[string]*virtual{}
	for i, c := range s.config.VRRP {
		v := &virtual{}
		if n := slices.IndexFunc(old, func(o *virtual) bool { return o.config.Name == c.Name }); n >= 0 {
			v = old[n]
		}
		tests := v.tests
		v.config, v.tests = c, make([]test, len(c.Checks))
		for n, look := range c.Checks {
			v.tests[n] = test{check: look, since: now}
			if at := slices.IndexFunc(tests, func(t test) bool { return t.check == look }); at >= 0 {
				v.tests[n] = tests[at]
			}
		}
		s.virtuals[i], s.named[c.Name] = v, v
	}
	for _, o := range old {
		if !slices.Contains(s.virtuals, o) && o.shown > vrrp.Waiting {
			s.scripts = append(s.scripts, s.stopped(o))
		}
	}
}

// foldCheck takes in the verdict of a check. That it passes is news only of one that failed.
func (s *State) foldCheck(now time.Time, f CheckSeen) []Event {
	v := s.named[f.Router]
	if v == nil {
		return nil
	}
	at := slices.IndexFunc(v.tests, func(t test) bool { return t.check == f.Check })
	if at < 0 {
		return nil
	}
	t := &v.tests[at]
	was := *t
	t.known, t.ok, t.reason = true, f.OK, f.Reason
	if was.ok == t.ok && was.known || !was.known && t.ok {
		return nil
	}
	return []Event{{Time: now, Kind: EventVRRP, VRRP: f.Router, VRID: v.config.ID, Sentence: v.config.Name + ": " + t.clause() + "."}}
}

// standing computes a virtual router's priority from the facts, from scratch each time. While a WAN or a check has not
// spoken, the answer is only known to lie between two bounds: within them it stays what it was.
func (s *State) standing(now time.Time, d Decision, v *virtual) standing {
	worst, best := s.assume(now, d, v, false), s.assume(now, d, v, true)
	was := v.held
	if was.Priority == 0 {
		was = worst
	}
	out := standing{Priority: min(max(was.Priority, worst.Priority), best.Priority), Fault: worst.Fault}
	if was.Fault == "" || best.Fault != "" {
		out.Fault = best.Fault
	}
	if s.drained || s.leave.away(now) {
		out.Priority = leastPriority
	}
	return out
}

// assume is a standing with everything unknown taken for good, or for bad.
func (s *State) assume(now time.Time, d Decision, v *virtual, good bool) standing {
	cost, tracked := 0, false
	for i, l := range s.lines {
		if !v.config.Tracks(l.config) {
			continue
		}
		c := l.config.Cost + l.lost(now, d.Conditions[i], good)
		if !tracked || c < cost {
			cost, tracked = c, true
		}
	}
	out := standing{Priority: v.config.Base - cost}
	for _, t := range v.tests {
		switch {
		case t.passes(now, good):
		case t.check.Weight > 0:
			out.Priority -= t.check.Weight
		case out.Fault == "":
			out.Fault = t.why()
		}
	}
	out.Priority = min(max(out.Priority, leastPriority), mostPriority)
	if v.config.Base == vrrp.Owner {
		out.Priority = vrrp.Owner // whoever owns an address answers to it, however well (RFC 9568 §5.2.4)
	}
	return out
}

// lost is what a line has lost for the election. A drained one is as good as dead: its owner wants the traffic elsewhere.
func (l *line) lost(now time.Time, c condition, good bool) int {
	switch {
	case l.drained:
		return lostAll
	case l.parked != "":
		return 0
	case c.State != health.Unknown:
		return c.Lost
	case good && now.Before(l.since.Add(hold)):
		return 0
	}
	return lostAll
}

// passes reports whether a check passes. One that never has fails: a server must not take the address before its
// service works.
func (t test) passes(now time.Time, good bool) bool {
	return t.ok || !t.known && good && now.Before(t.since.Add(hold))
}

func (t test) why() string {
	switch {
	case !t.known:
		return fmt.Sprintf("check %s has not passed yet", t.check)
	case t.reason == "":
		return fmt.Sprintf("check %s fails", t.check)
	}
	return fmt.Sprintf("check %s fails: %s", t.check, t.reason)
}

// clause says how a check is and what that costs.
func (t test) clause() string {
	switch {
	case t.ok:
		return fmt.Sprintf("check %s passes again", t.check)
	case t.check.Weight > 0:
		return fmt.Sprintf("%s (priority -%d)", t.why(), t.check.Weight)
	}
	return t.why()
}

// DueScripts returns the scripts to be run now.
func (s *State) DueScripts() []script.Change {
	due := s.scripts
	s.scripts = nil
	return due
}
