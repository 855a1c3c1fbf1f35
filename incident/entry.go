package incident

import (
	"net/netip"
	"slices"
	"time"

	"github.com/twinpath/twinpath/router"
)

const (
	// keptSteps and keptCarriers are how much an incident tells: the first half and the last half of what happened.
	keptSteps, keptCarriers = 20, 20
	// lasting is how long a new reason must hold until it explains an incident that has one: while a line comes back it says
	// that it asks for an address, which was not what had failed.
	lasting = 15 * time.Second
)

// entry is one incident in the book. Its times keep the monotonic reading they were taken with: the label that a person reads is made
// when it is told, by the clock as it is known then.
type entry struct {
	router.Incident // all but the times, the sentence and what is made from them
	subject         subject
	began, ended    time.Time
	since           time.Time     // of the stretch that goes on; zero: it is over, or nobody has looked yet
	spent           time.Duration // the stretches before
	drops           int
	clock           bool
	restored        bool // by an earlier run; nobody has looked yet
	gone            bool // it ended since nothing of that name is configured any more, or the owner took it out of use
	off             *life

	reason    string // one clause
	candidate string // a newer one, not proven yet
	proposed  time.Time
	diagnosed bool // somebody has looked for the first time, and the reason that comes now is what was found
	located   bool // that reason has come: what is found later may be of a line that comes back
	plain     bool // the sentence is an event's and stays as it is

	alone    bool // there is no other line in reserve
	steps    []step
	carriers []carrier
	data     uint64 // of carriers that are not told any more
	dirty    bool
	toldAt   time.Time
}

type step struct {
	at       time.Time
	sentence string
}

type carrier struct {
	wan      string
	metered  bool
	from, to time.Time
	data     uint64
}

// resume goes on with an incident that had ended.
func (e *entry) resume(began time.Time) {
	e.ended, e.since, e.gone, e.dirty = time.Time{}, began, false, true
	e.drops++
}

// close ends an incident, or the wait for one that an earlier run left.
func (e *entry) close(now time.Time) {
	e.ended, e.dirty = now, true
	if e.restored {
		e.Cut, e.restored, e.plain = true, false, false
	}
	e.spent += e.stretch(now)
	e.since = time.Time{}
	for i := range e.carriers {
		if e.carriers[i].to.IsZero() {
			e.carriers[i].to = now
		}
	}
}

// stretch is how long it has been so since somebody looks.
func (e *entry) stretch(now time.Time) time.Duration {
	if e.since.IsZero() {
		return 0
	}
	return max(now.Sub(e.since), 0)
}

// step notes that something happened meanwhile.
func (e *entry) step(at time.Time, sentence string) {
	if n := len(e.steps); n > 0 && e.steps[n-1].sentence == sentence {
		return
	}
	e.steps = append(e.steps, step{at, sentence})
	if len(e.steps) > keptSteps {
		e.steps = slices.Delete(e.steps, keptSteps/2, keptSteps/2+1)
	}
	e.dirty = true
}

// explain takes in what is said of the trouble now. What is worse, or says more, counts at once; the rest when it has lasted.
func (e *entry) explain(now time.Time, f finding) {
	worse := rank(f.state) > rank(e.State)
	if worse {
		e.State, e.dirty = f.state, true
	}
	if f.cause != e.Cause && stronger(e.Cause, f.cause) == f.cause && f.cause != router.CauseWAN {
		e.Cause, e.dirty = f.cause, true
	}
	switch {
	case f.cause == router.CauseMetered:
		e.dirty = e.dirty || e.Blame != f.blame
		e.Blame = f.blame
	case f.reason == "" || f.reason == e.reason && f.blame == e.Blame:
		e.candidate = ""
	case worse || e.reason == "" || e.diagnosed || e.Blame == router.BlameNobody && f.blame != router.BlameNobody:
		e.accept(f)
	case f.reason != e.candidate:
		e.candidate, e.proposed = f.reason, now
	case now.Sub(e.proposed) >= lasting:
		e.accept(f)
	}
	if e.alone != f.alone {
		e.alone, e.dirty = f.alone, true
	}
}

func (e *entry) accept(f finding) {
	e.located = e.located || e.diagnosed
	e.reason, e.candidate, e.diagnosed, e.dirty = f.reason, "", false, true
	if f.blame != router.BlameNobody {
		e.Blame = f.blame
	}
}

// rank orders the states of a line by how bad they are.
func rank(state string) int {
	return slices.Index([]string{"", "degraded", "captive", "down", "fault"}, state)
}

// tell is the incident as it is known now.
func (e *entry) tell(now time.Time, name string) router.Incident {
	i := e.Incident
	i.Router, i.Clock = name, e.clock
	i.Start, i.End = label(now, e.began), label(now, e.ended)
	i.Lasted = router.Seconds(e.spent + e.stretch(now))
	if !i.End.IsZero() && i.End.Before(i.Start) { // the clock of the run before was ahead
		i.Start, i.Clock = i.End.Add(-time.Duration(i.Lasted)), false
	}
	i.Ladder, i.Others = slices.Clone(e.Ladder), slices.Clone(e.Others)
	i.Carried, i.Steps, i.Drops, i.Data = nil, nil, 0, e.data
	for _, c := range e.carriers {
		i.Carried = append(i.Carried, router.Carrier{WAN: c.wan, Metered: c.metered, From: label(now, c.from), To: label(now, c.to), Data: c.data})
		if c.metered {
			i.Data += c.data
		}
	}
	for _, s := range e.steps {
		i.Steps = append(i.Steps, router.Step{Time: label(now, s.at), Sentence: s.sentence})
	}
	if e.drops > 1 {
		i.Drops = e.drops
	}
	if !e.plain {
		i.Sentence = e.sentence(i)
	}
	return i
}

// label is a time by the wall clock as it is now. One without a monotonic reading is of an earlier run and stays what it was.
func label(now, t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return now.Round(0).Add(-now.Sub(t)).UTC()
}

// climbed takes in how far the way out was sound. A look that finds nothing broken explains nothing while there is one that did.
func (e *entry) climbed(rungs []router.Rung, last netip.Addr) {
	if e.Ladder != nil && !broken(rungs) {
		return
	}
	e.Ladder, e.LastHop, e.dirty = rungs, last, true
}

func broken(rungs []router.Rung) bool {
	return slices.ContainsFunc(rungs, func(r router.Rung) bool { return r.State == "broken" })
}
