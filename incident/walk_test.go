package incident

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/internal/wallclock"
	"github.com/twinpath/twinpath/router"
)

// walk is a scene in which anything happens.
type walk struct {
	*scene
	random *rand.Rand
	spell  string // the steps so far, for whoever has to find out
}

func newWalk(t *testing.T, seed uint64) *walk {
	s := newScene(t)
	s.now = time.Now()
	s.start = s.now
	s.newBook()
	s.see()
	return &walk{scene: s, random: rand.New(rand.NewPCG(seed, 7))}
}

// stroll makes one thing happen.
func (w *walk) stroll() {
	line := w.view.WANs[w.random.IntN(len(w.view.WANs))].Name
	verbs := []struct {
		name string
		do   func()
	}{
		{"dies " + line, func() { w.dies(line) }},
		{"works " + line, func() { w.works(line) }},
		{"unknown " + line, func() { w.is(line, "unknown", "first checks under way", router.BlameNobody) }},
		{"degraded " + line, func() { w.is(line, "degraded", "1 of 2 checks answers", router.BlameTarget) }},
		{"captive " + line, func() { w.is(line, "captive", "a login page answers", router.BlamePortal) }},
		{"held " + line, func() {
			until := w.now.Add(time.Minute)
			w.is(line, "degraded", "works again", router.BlameNobody)
			w.line(line).HeldUntil = &until
			w.see()
		}},
		{"drained " + line, func() { w.line(line).Drained = !w.line(line).Drained; w.see() }},
		{"disk", func() { w.view.Disk = map[bool]string{true: "", false: "full"}[w.view.Disk != ""]; w.see() }},
		{"clock", func() { w.view.ClockUnset = !w.view.ClockUnset; w.see() }},
		{"jump", func() {
			w.now = wallclock.Jump(w.now, time.Duration(w.random.IntN(48)-24)*time.Hour)
			w.see()
		}},
		{"peer", func() { w.view.Pair = &router.PairView{Connected: w.random.IntN(2) == 0}; w.see() }},
		{"vrrp", func() {
			w.say(router.Event{Kind: router.EventVRRP, VRRP: "lan", From: "active", To: "backup", Sentence: "main is Backup."})
		}},
		{"two", func() {
			w.say(router.Event{Kind: router.EventVRRP, VRRP: "lan", Cause: router.CauseTwo, To: []string{"begins", "ends"}[w.random.IntN(2)], Sentence: "Conflict."})
		}},
		{"restart", func() {
			w.restart(time.Duration(w.random.IntN(100))*time.Second, w.random.IntN(2) == 0, w.random.IntN(2) == 0)
		}},
		{"pass", func() { w.pass(time.Duration(w.random.IntN(600)) * time.Second) }},
		{"pass", func() { w.pass(time.Duration(w.random.IntN(10)) * time.Second) }},
	}
	v := verbs[w.random.IntN(len(verbs))]
	w.spell += v.name + "; "
	v.do()
}

// sane checks what was told of one incident.
func (w *walk) sane(i router.Incident) {
	w.t.Helper()
	complain := func(what string) { w.t.Errorf("%s\n%+v\nafter %s", what, i, w.spell) }
	switch {
	case i.ID == "" || i.Router == "" || i.Cause == "":
		complain("it has no name")
	case !i.End.IsZero() && i.End.Before(i.Start) && !i.Cut && i.Cause != router.CauseRestart:
		complain("it ended before it began")
	case i.Moment && (i.Open() || i.Lasted != 0):
		complain("a moment has a length")
	case i.Lasted < 0 || !i.Cut && i.Clock && !i.End.IsZero() && i.Cause != router.CauseRestart &&
		time.Duration(i.Lasted) > i.End.Sub(i.Start)+25*time.Hour: // a clock may have been set back meanwhile
		complain("it lasted for longer than there was time")
	case len(i.Steps) > keptSteps || len(i.Carried) > keptCarriers || len(i.Others) > len(w.view.WANs):
		complain("it has no end")
	case !strings.HasSuffix(i.Sentence, ".") || strings.Contains(i.Sentence, "  ") || strings.Contains(i.Sentence, ": ."):
		complain("the sentence is none")
	}
}

// Whatever happens, the book stays one: nothing goes on twice, everything ends, and nothing grows.
func TestARandomWalk(t *testing.T) {
	for seed := range uint64(100) {
		w := newWalk(t, seed)
		for range 60 {
			w.stroll()
			for _, i := range w.told {
				w.sane(i)
			}
			w.told = nil
			var subjects []subject
			for _, e := range w.book.open {
				if slices.Contains(subjects, e.subject) {
					t.Errorf("%v goes on twice after %s", e.subject, w.spell)
				}
				subjects = append(subjects, e.subject)
			}
			if len(w.book.past) > keptPast || len(w.book.events) > recent {
				t.Errorf("the book has %d ended ones and %d events after %s", len(w.book.past), len(w.book.events), w.spell)
			}
		}
		w.heals()
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// heals has everything be well again: then nothing goes on, and what was told says so.
func (w *walk) heals() {
	w.t.Helper()
	w.view.Disk, w.view.ClockUnset, w.view.Pair = "", false, nil
	for i := range w.view.WANs {
		w.view.WANs[i].Drained = false
		w.works(w.view.WANs[i].Name)
	}
	w.say(router.Event{Kind: router.EventVRRP, VRRP: "lan", Cause: router.CauseTwo, To: "ends", Sentence: "It is over."})
	w.pass(time.Minute)
	for _, i := range w.last {
		if i.Open() {
			w.t.Errorf("it goes on although all is well: %+v\nafter %s", i, w.spell)
		}
	}
	if open := w.book.Open(w.now); len(open) > 0 {
		w.t.Errorf("the book says that it goes on: %+v", open)
	}
}

// A month with an outage every hour: what the book holds does not grow.
func TestAMonthStaysSmall(t *testing.T) {
	s := newScene(t)
	hold := func() uint64 {
		s.told, s.last, s.ids = nil, map[string]router.Incident{}, nil
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	var after uint64
	for hour := range 30 * 24 {
		s.dies("fibre")
		s.pass(time.Minute)
		s.works("fibre")
		s.say(router.Event{Kind: router.EventVRRP, VRRP: "lan", From: "active", To: "backup", Sentence: "main is Backup."})
		s.pass(5 * time.Minute)
		s.now = s.now.Add(54 * time.Minute)
		if s.ids = nil; hour == 24 {
			after = hold()
		}
	}
	if end := hold(); end > after+200_000 {
		t.Errorf("the heap grew from %d to %d bytes in a month", after, end)
	}
}

func BenchmarkSee(b *testing.B) {
	s := newScene(&testing.T{})
	view := s.view
	b.ReportAllocs()
	for b.Loop() {
		s.now = s.now.Add(time.Second)
		view.Time = s.now
		s.book.See(s.now, &view)
	}
}
