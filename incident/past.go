package incident

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twinpath/twinpath/router"
)

const (
	// quick is how long a restart may take that nobody need know of.
	quick = 10 * time.Second
	// patience is how long is waited for somebody to set the clock until a restart is told with the time that there is: a board without a
	// battery starts with the time at which it ended.
	patience = 10 * time.Minute
)

// life is the run before this one.
type life struct {
	last  time.Time // when it was last known to run
	clean bool      // it ended in order, at that moment
	boot  bool      // the machine has started since
}

// Restore takes over the incidents that the run before left open. They go on if they still are so when it can be said, and end as cut
// otherwise. Last is when that run was last known to run.
func (b *Book) Restore(left []router.Incident, last time.Time) {
	for _, i := range left {
		if !i.Open() {
			continue
		}
		e := &entry{Incident: i, subject: subjectOf(i), began: i.Start, spent: time.Duration(i.Lasted), drops: max(i.Drops, 1), clock: i.Clock,
			restored: true, data: i.Data}
		last := last
		if told := i.Start.Add(time.Duration(i.Lasted)); last.Before(told) { // the pulse is rarer than what is told
			last = told
		}
		for _, c := range i.Carried {
			if c.To.IsZero() {
				c.To = last
			}
			if c.Metered {
				e.data -= min(c.Data, e.data)
			}
			e.carriers = append(e.carriers, carrier{wan: c.WAN, metered: c.Metered, from: c.From, to: c.To, data: c.Data})
		}
		for _, s := range i.Steps {
			e.steps = append(e.steps, step{s.Time, s.Sentence})
		}
		e.reason, e.plain = explained(i.Sentence), true
		e.located = e.reason != ""
		if !leveled(e.subject.cause) {
			e.reason = clause(i.Sentence)
		}
		if i.Cause == router.CauseDrill { // it is not over before one passes, whoever looks
			e.restored, e.plain, e.since = false, false, b.born
		}
		e.off = &life{last: last}
		if b.find(e.subject) != nil { // it was read late, and the trouble has another entry already
			e.close(b.born)
			b.file(e)
			continue
		}
		b.open = append(b.open, e)
	}
}

// explained is the reason in the sentence of an incident that went on: "fibre is down: none of 2 checks answers. lte carries the house."
func explained(sentence string) string {
	_, reason, _ := strings.Cut(strings.TrimSuffix(sentence, "."), ": ")
	reason, _, _ = strings.Cut(reason, ". ")
	return reason
}

// subjectOf is what an incident is about, as the book has it.
func subjectOf(i router.Incident) subject {
	switch i.Cause {
	case router.CausePortal, router.CauseIdle:
		return subject{router.CauseWAN, i.WAN}
	}
	return subject{i.Cause, cmp.Or(i.WAN, i.VRRP)}
}

// comeBack tells what the run before left: that it ended, and its incidents that nothing can be said of any more.
func (b *Book) comeBack(now time.Time, s *router.Snapshot) {
	if b.was != nil && (!s.ClockUnset || now.Sub(b.born) >= patience) {
		b.restarted(now, *b.was)
		b.was = nil
	}
	for _, e := range slices.Clone(b.open) {
		switch {
		case e.Cause == router.CauseDrill:
			b.drilled(now, s, e)
		case e.off != nil && !e.restored:
			e.resumed(now)
		case e.restored && !leveled(e.subject.cause) && now.Sub(b.born) >= settled:
			b.end(now, e)
		}
	}
}

// resumed notes that nobody looked for a while.
func (e *entry) resumed(now time.Time) {
	e.plain = false
	e.step(now, fmt.Sprintf("Nobody looked from %s to %s: Twinpath did not run.", clock(e.off.last), clock(label(now, now))))
	e.off = nil
}

// drilled ends a rehearsal's failure when one has passed, or its line is no more.
func (b *Book) drilled(now time.Time, s *router.Snapshot, e *entry) {
	at := slices.IndexFunc(s.WANs, func(w router.WANSnapshot) bool { return w.Name == e.WAN })
	if at < 0 {
		e.gone = true
		b.end(now, e)
	} else if d := s.WANs[at].Drill; d != nil && d.OK && d.End.After(label(now, e.began)) {
		b.end(now, e)
	}
}

// Restarted says how the run before ended, as far as it is known: when it last ran, whether it ended in order then, and whether the
// machine itself has started since. It is told when the clock can be trusted.
func (b *Book) Restarted(last time.Time, clean, boot bool) {
	b.was = &life{last: last, clean: clean, boot: boot}
}

func (b *Book) restarted(now time.Time, was life) {
	born := label(now, b.born)
	if off := born.Sub(was.last); was.clean && off < quick {
		return
	}
	b.count++
	e := &entry{subject: subject{cause: router.CauseRestart}, began: was.last, clock: !b.look.unset, drops: 1, off: &was}
	if was.last.After(born) { // the clock has gone back since
		e.began = b.born
	}
	e.ID = fmt.Sprintf("%s-%s-%s%d", b.name, born.UTC().Format("20060102T150405Z"), b.tag, b.count)
	e.Cause = router.CauseRestart
	if was.clean {
		e.Blame = router.BlameOwner
	}
	e.close(b.born)
	e.spent = max(born.Sub(was.last), 0)
	b.file(e)
}
