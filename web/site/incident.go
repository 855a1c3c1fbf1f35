package site

import (
	"slices"
	"strings"
	"time"

	"github.com/twinpath/twinpath/router"
)

// shown bounds the timeline.
const shown = 50

// incident is one stretch of trouble, from its first symptom to its end, or a moment worth knowing.
type incident struct {
	What     string // the line, or whatever it is about
	Kind     string // line, vrrp, router
	State    string // the worst it was
	Start    time.Time
	End      time.Time // zero: it goes on
	Moment   bool      // it has no length
	Cut      bool      // nobody looked when it ended: End is when somebody looked again
	Sentence string
	Steps    []happening // what the house did meanwhile
}

// timeline turns the events, oldest first, into incidents, newest first.
func timeline(events []router.Event) []incident {
	t := &teller{open: map[string]*incident{}}
	for _, e := range events {
		t.tell(e)
	}
	all := make([]incident, 0, len(t.all))
	for _, i := range t.all {
		all = append(all, *i)
	}
	slices.SortStableFunc(all, func(a, b incident) int { return b.Start.Compare(a.Start) })
	return all[:min(len(all), shown)]
}

// teller reads events one by one.
type teller struct {
	all  []*incident
	open map[string]*incident
	off  time.Time // since when the daemon has been off; zero: it runs, or nobody knows
}

func (t *teller) tell(e router.Event) {
	switch e.Kind {
	case router.EventWAN:
		t.line(e)
	case router.EventSwitch:
		for _, i := range t.open {
			if i.Kind == "line" {
				i.Steps = append(i.Steps, happening{e.Time, e.Sentence})
			}
		}
	case router.EventVRRP:
		t.virtual(e)
	case router.EventRouter:
		t.router(e)
	}
}

func (t *teller) begin(key string, i incident) *incident {
	t.all = append(t.all, &i)
	if !i.Moment {
		t.open[key] = &i
	}
	return &i
}

func (t *teller) end(key string, at time.Time) {
	if i := t.open[key]; i != nil {
		i.End = at
		delete(t.open, key)
	}
}

// line follows one line. The last thing that is found out about it explains the whole.
func (t *teller) line(e router.Event) {
	key := "line " + e.WAN
	i := t.open[key]
	switch {
	case e.To == "up":
		t.end(key, e.Time)
	case e.To == "" && i != nil && e.Blame != router.BlameOwner:
		i.Sentence = e.Sentence
	case e.To == "", e.To == "unknown":
	case i == nil:
		t.begin(key, incident{What: e.WAN, Kind: "line", State: e.To, Start: e.Time, Sentence: e.Sentence})
	case badness(e.To) > badness(i.State):
		i.State, i.Sentence = e.To, e.Sentence
	}
}

// virtual follows one election: a fault has a length, a move is a moment.
func (t *teller) virtual(e router.Event) {
	key := "vrrp " + e.VRRP + " " + e.Family
	if e.To == "" && e.Blame == router.BlameNobody && e.From == "" {
		return
	}
	if e.To == "fault" {
		if t.open[key] == nil {
			t.begin(key, incident{What: e.VRRP, Kind: "vrrp", State: "fault", Start: e.Time, Sentence: e.Sentence})
		}
		return
	}
	t.end(key, e.Time)
	if e.From == "active" || e.To == "active" {
		t.begin(key, incident{What: e.VRRP, Kind: "vrrp", State: e.To, Start: e.Time, Moment: true, Sentence: e.Sentence})
	}
}

// router follows the daemon itself: what happened while it was off nobody knows.
func (t *teller) router(e router.Event) {
	switch {
	case e.To == "ended" || strings.HasSuffix(e.Sentence, " has ended."):
		t.cut(e.Time)
		t.off = e.Time
	case e.To == "started" || strings.HasSuffix(e.Sentence, " has started."):
		t.cut(e.Time)
		i := incident{What: "Twinpath", Kind: "router", State: "off", Start: e.Time, Moment: true, Sentence: e.Sentence}
		if !t.off.IsZero() {
			i.Start, i.End, i.Moment = t.off, e.Time, false
			i.Sentence = "Twinpath was off: no data."
		}
		t.all, t.off = append(t.all, &i), time.Time{}
	case e.Blame == router.BlameOther:
		t.begin("", incident{What: "Router", Kind: "router", State: "other", Start: e.Time, Moment: true, Sentence: e.Sentence})
	}
}

// cut ends what is open: from here on nobody looked.
func (t *teller) cut(at time.Time) {
	for key, i := range t.open {
		i.End, i.Cut = at, true
		delete(t.open, key)
	}
}

// happening is something that happened during an incident.
type happening struct {
	At       time.Time
	Sentence string
}

// Open reports whether it goes on.
func (i incident) Open() bool { return !i.Moment && i.End.IsZero() }

// Lasted is how long it took.
func (i incident) Lasted() time.Duration { return i.End.Sub(i.Start) }

// Mood is the colour of its worst state.
func (i incident) Mood() string {
	switch {
	case i.Kind == "router", i.Moment:
		return "calm"
	case i.State == "fault":
		return "bad"
	}
	return class(i.State)
}
