package incident

import (
	"cmp"
	"slices"
	"time"

	"github.com/twinpath/twinpath/router"
)

// together is how far apart the two families of one virtual router may say that they have moved.
const together = 5 * time.Second

// Step takes an event in and returns the incidents that it changed.
func (b *Book) Step(now time.Time, event router.Event) []router.Incident {
	at := when(now, event.Time)
	b.events = append(b.events, event)
	if len(b.events) > recent {
		b.events = slices.Delete(b.events, 0, len(b.events)-recent)
	}
	for _, e := range b.open {
		if e.concerns(event) && !e.restored {
			e.step(at, event.Sentence)
			e.diagnosed = !e.located && (e.diagnosed || isDiagnosis(event) && event.WAN == e.WAN)
		}
	}
	switch {
	case event.Cause == router.CauseRestart: // the pulse knows more, see Restarted
	case event.Cause != "":
		b.said(at, event)
	case event.Kind == router.EventVRRP && event.From != event.To && (event.From == "active" || event.To == "active"):
		b.move(at, event)
	}
	return b.changed(now)
}

// isDiagnosis reports whether an event names what was found when somebody looked (router.DiagnosisSeen): it is no change of state.
func isDiagnosis(e router.Event) bool {
	return e.Kind == router.EventWAN && e.From == "" && e.To == "" && e.Blame != router.BlameNobody && e.Blame != router.BlameOwner
}

// said does what an event says of an incident that no look shows.
func (b *Book) said(at time.Time, event router.Event) {
	sub := subject{event.Cause, cmp.Or(event.WAN, event.VRRP)}
	e := b.find(sub)
	switch {
	case event.To == "moment":
		b.moment(at, sub, event)
	case leveled(event.Cause):
		return
	case event.To == "begins" && e == nil:
		e = b.begin(at, at, sub, event.Cause)
		b.describe(e, event)
		e.step(at, event.Sentence)
	case event.To == "begins":
		if e.restored {
			e.restored, e.plain, e.since = false, false, at
		}
		b.describe(e, event)
	case event.To == "ends" && e != nil:
		e.restored, e.plain = false, false
		b.end(at, e)
	}
}

// describe has an event's sentence explain an incident.
func (b *Book) describe(e *entry, event router.Event) {
	e.WAN, e.VRRP, e.reason, e.dirty = event.WAN, event.VRRP, clause(event.Sentence), true
	e.Blame = cmp.Or(event.Blame, e.Blame)
}

// moment files something that is over as soon as it is there.
func (b *Book) moment(at time.Time, sub subject, event router.Event) {
	e := b.begin(at, at, subject{sub.cause, sub.name + " " + event.To}, event.Cause)
	e.WAN, e.VRRP, e.Blame = event.WAN, event.VRRP, event.Blame
	e.Sentence, e.plain, e.Moment = event.Sentence, true, true
	b.end(at, e)
}

// move files that another router serves a virtual address now. Both families say so.
func (b *Book) move(at time.Time, event router.Event) {
	for _, e := range b.past {
		if e.Moment && e.Cause == router.CauseVRRP && e.VRRP == event.VRRP && e.State == event.To && at.Sub(e.began) < together {
			return
		}
	}
	event.Cause = router.CauseVRRP
	if b.look.drained && event.Blame == router.BlameNobody {
		event.Blame = router.BlameOwner
	}
	b.moment(at, subject{router.CauseVRRP, event.VRRP}, event)
	b.past[len(b.past)-1].State = event.To
}
