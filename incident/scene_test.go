package incident

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/router"
)

func TestMain(m *testing.M) {
	time.Local = time.UTC // sentences have the time of the house
	m.Run()
}

// scene is a house of one router, as its snapshots show it, and the book that is kept of it. Each verb is something that happens; want
// says what the book has told since the last want.
type scene struct {
	t     *testing.T
	start time.Time
	now   time.Time
	view  router.Snapshot
	book  *Book
	told  []router.Incident
	last  map[string]router.Incident // by ID, the newest
	ids   []string
}

// newScene is a house with a good fibre that carries it and a metered line in reserve.
func newScene(t *testing.T) *scene {
	start := time.Date(2026, 11, 20, 20, 0, 0, 0, time.UTC)
	s := &scene{t: t, start: start, now: start, last: map[string]router.Incident{}}
	s.view = router.Snapshot{Router: "main", Verdict: router.VerdictOK, Since: s.now, WANs: []router.WANSnapshot{
		{Name: "fibre", State: "up", Active: true, Since: s.now, Reason: "2 of 2 checks answer", RTT: router.Milliseconds(8 * time.Millisecond)},
		{Name: "lte", State: "up", Cost: 50, Metered: true, Since: s.now, Reason: "1 check answers", RTT: router.Milliseconds(40 * time.Millisecond)},
	}}
	s.newBook()
	s.see()
	return s
}

func (s *scene) newBook() {
	s.book = NewBook(s.now, "main", "x")
	s.book.Load = func(string) router.Load { return router.Load{Rx: 1000, Tx: 100} }
}

func (s *scene) line(name string) *router.WANSnapshot {
	for i := range s.view.WANs {
		if s.view.WANs[i].Name == name {
			return &s.view.WANs[i]
		}
	}
	s.t.Fatalf("no line %s", name)
	return nil
}

func (s *scene) hear(all []router.Incident) {
	for _, i := range all {
		s.told = append(s.told, i)
		if _, known := s.last[i.ID]; !known {
			s.ids = append(s.ids, i.ID)
		}
		s.last[i.ID] = i
	}
}

// see has the book take a snapshot in, with the verdict that the router would give.
func (s *scene) see() {
	s.decide()
	view := s.view
	view.Time, view.WANs = s.now, append([]router.WANSnapshot(nil), s.view.WANs...)
	s.hear(s.book.See(s.now, &view))
}

// decide applies the one rule, and says who moved.
func (s *scene) decide() {
	best, was := -1, ""
	for i, w := range s.view.WANs {
		if w.Active {
			was = w.Name
		}
		cost := func(i int) int { return s.view.WANs[i].Cost + s.view.WANs[i].Lost }
		if (w.State == "up" || w.State == "degraded") && !w.Drained && w.RehearsedUntil == nil && (best < 0 || cost(i) < cost(best)) {
			best = i
		}
	}
	verdict := router.VerdictOffline
	if best >= 0 {
		verdict = router.VerdictOK
		if best > 0 {
			verdict = router.VerdictBackup
		}
		for i := range s.view.WANs {
			s.view.WANs[i].Active = i == best
		}
		if to := s.view.WANs[best].Name; to != was {
			s.say(router.Event{Kind: router.EventSwitch, WAN: to, From: was, To: to, Sentence: fmt.Sprintf("The house moved from %s to %s.", was, to)})
		}
	}
	if verdict != s.view.Verdict {
		s.view.Verdict, s.view.Since = verdict, s.now
	}
}

func (s *scene) say(e router.Event) {
	e.Time = s.now
	s.hear(s.book.Step(s.now, e))
}

// is puts a line in a state, as the router tells and shows it.
func (s *scene) is(name, state, reason string, blame router.Blame) {
	w := s.line(name)
	was := w.State
	lost := map[string]int{"down": 100, "captive": 100, "degraded": 60}[state]
	w.State, w.Reason, w.Blame, w.Lost, w.Since, w.HeldUntil = state, reason, blame, lost, s.now, nil
	s.say(router.Event{Kind: router.EventWAN, WAN: name, From: was, To: state, Blame: blame, Sentence: fmt.Sprintf("%s is %s: %s.", name, state, reason)})
	s.see()
	w.Silent = time.Time{}
}

// dies has a line be found dead 1.4 s after the first probe that was missed.
func (s *scene) dies(name string) {
	s.line(name).Silent = s.now.Add(-1400 * time.Millisecond)
	s.is(name, "down", "the ISP's first router does not answer", router.BlameISP)
}

func (s *scene) works(name string) { s.is(name, "up", "all checks answer", router.BlameNobody) }

// pass lets time go by, with a look every five seconds and 100 kB a second on what carries the house.
func (s *scene) pass(d time.Duration) {
	for end := s.now.Add(d); s.now.Before(end); {
		step := min(beat, end.Sub(s.now))
		s.now = s.now.Add(step)
		for i := range s.view.WANs {
			if w := &s.view.WANs[i]; w.Active && (w.State == "up" || w.State == "degraded") {
				w.RxBytes += uint64(step/time.Millisecond) * 100
			}
		}
		s.see()
	}
}

// want compares what the incidents are by now of which something was told since the last want, in the order in which they began: cause,
// "on" while it goes on, and the sentence.
func (s *scene) want(lines ...string) {
	s.t.Helper()
	var got []string
	fresh := map[string]bool{}
	for _, i := range s.told {
		fresh[i.ID] = true
	}
	for _, id := range s.ids {
		if i := s.last[id]; fresh[id] {
			how := ""
			if i.Open() {
				how = " on"
			}
			got = append(got, fmt.Sprintf("%s%s: %s", i.Cause, how, i.Sentence))
		}
	}
	s.told = nil
	if g, w := strings.Join(got, "\n"), strings.Join(lines, "\n"); g != w {
		s.t.Errorf("after %s got\n%s\nwant\n%s", s.now.Sub(s.start), g, w)
	}
}

// the returns the newest state of the only incident of a cause.
func (s *scene) the(cause router.Cause) router.Incident {
	s.t.Helper()
	var found []router.Incident
	for _, id := range s.ids {
		if s.last[id].Cause == cause {
			found = append(found, s.last[id])
		}
	}
	if len(found) != 1 {
		s.t.Fatalf("%d incidents of %s: %+v", len(found), cause, found)
	}
	return found[0]
}
