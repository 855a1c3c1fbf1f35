package pair

import (
	"encoding/json"
	"reflect"
	"slices"
	"time"

	"github.com/twinpath/twinpath/router"
)

const (
	// mostShown is how large a view may be, in bytes; a house with two lines and one address has two thousand.
	mostShown = 64 << 10
	// mostLines and mostElections are how many are shown: more than a house has.
	mostLines, mostElections = 16, 32
	// newsAt is how soon after a view the next one may follow, and again when it does though nothing but figures has changed.
	newsAt, again = time.Second, 5 * time.Second
)

// Viewer says when there is something new for the other router to see of this one: what the page shows everybody, and no more. The zero
// value has shown nothing.
type Viewer struct {
	last *status // without what changes by itself
	at   time.Time
}

// Anew has the next view be news whatever it shows.
func (v *Viewer) Anew() { v.last = nil }

// View returns what the other router is to see, as JSON of 64 KiB at most; nil: nothing now, and look again at next.
func (v *Viewer) View(now time.Time, s *router.Snapshot) (text []byte, next time.Time) {
	if soonest := v.at.Add(newsAt); v.last != nil && now.Before(soonest) {
		return nil, soonest
	}
	shown := shownOf(s)
	lasting := shown.lasting()
	if due := v.at.Add(again); v.last != nil && now.Before(due) && reflect.DeepEqual(*v.last, lasting) {
		return nil, due
	}
	text, err := json.Marshal(shown)
	if err == nil && len(text) > mostShown {
		shown.VRRP, shown.Speakers = nil, nil
		text, err = json.Marshal(shown)
	}
	if err != nil || len(text) > mostShown {
		return nil, now.Add(again)
	}
	v.last, v.at = &lasting, now
	return text, now.Add(again)
}

// shownOf is what of a snapshot the other router reads. Of other speakers it looks for itself only.
func shownOf(s *router.Snapshot) status {
	shown := status{
		Router: s.Router, Version: s.Version, Sentence: s.Sentence, Verdict: s.Verdict, VRRPTime: s.VRRPTime, Time: s.Time,
		Accounts: s.Accounts, Drained: s.Drained,
	}
	for _, w := range s.WANs[:min(len(s.WANs), mostLines)] {
		shown.WANs = append(shown.WANs, router.PartnerWAN{
			Name: w.Name, Kind: w.Kind, State: w.State, Active: w.Active, Cost: w.Cost, Lost: w.Lost, Metered: w.Metered, Drained: w.Drained,
			Address: w.Address, Since: w.Since, Reason: brief(w.Reason), Budget: w.Budget, IPv6: inet6Of(w.IPv6),
		})
	}
	for _, e := range s.VRRP[:min(len(s.VRRP), mostElections)] {
		e.Checks, e.Rejected, e.Reason = nil, nil, brief(e.Reason)
		e.Sent, e.Received, e.Restored = 0, 0, 0
		shown.VRRP = append(shown.VRRP, e)
	}
	for _, sp := range s.Speakers {
		if s.Pair != nil && sp.Source == s.Pair.Peer {
			shown.Speakers = append(shown.Speakers, sp)
		}
	}
	return shown
}

// lasting is a status without what changes by itself.
func (s status) lasting() status {
	s.Time, s.VRRPTime, s.Speakers = time.Time{}, nil, nil
	s.WANs = slices.Clone(s.WANs)
	for i := range s.WANs {
		s.WANs[i].Budget = nil
	}
	return s
}

// linesOf are the lines that another router shows, cut to what is shown here.
func linesOf(all []router.PartnerWAN) []router.PartnerWAN {
	var lines []router.PartnerWAN
	for _, w := range all[:min(len(all), mostLines)] {
		w.Name, w.Kind, w.State = brief(w.Name), brief(w.Kind), brief(w.State)
		w.Address, w.Reason = brief(w.Address), brief(w.Reason)
		if b := w.Budget; b != nil {
			kept := *b
			kept.Class = brief(b.Class)
			w.Budget = &kept
		}
		w.IPv6 = inet6Of(w.IPv6)
		lines = append(lines, w)
	}
	return lines
}

// inet6Of is what of a line's IPv6 the other router shows.
func inet6Of(v *router.IPv6View) *router.IPv6View {
	if v == nil {
		return nil
	}
	return &router.IPv6View{State: brief(v.State), Address: brief(v.Address), Prefix: brief(v.Prefix), Reason: brief(v.Reason)}
}
