package incident

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/twinpath/twinpath/router"
)

const (
	// rejoin is how long after its end the same trouble is still the same incident: what comes back within three minutes has
	// not been away for the owner (research: what providers and other reports take for one outage).
	rejoin = 3 * time.Minute
	// keptPast is how many ended incidents are held at most, for their times to be corrected when somebody sets the clock.
	keptPast = 32
	// retell is how often an incident is told of which only the amount of data changes.
	retell = 5 * time.Minute
	// recent is how many events are held for an incident that the next look finds.
	recent = 32
	// earlier is how long before an incident was noticed its first symptom may have been.
	earlier = time.Minute
)

// Book is the list of what goes on. It is pure; one goroutine owns it. Make it with NewBook.
type Book struct {
	// Load is what a line carried over the last ten seconds; nil: nobody knows.
	Load func(wan string) router.Load

	name  string // of the router
	tag   string // of this run: IDs stay unique even where each start has the same time
	count int
	born  time.Time

	open    []*entry // in the order of their beginning
	past    []*entry // ended, as far as they may still change; bounded
	noticed map[subject]time.Time
	events  []router.Event // the newest, bounded
	look    look           // the one before
	last    time.Time
	was     *life // how the run before ended, until it has been told
}

// look is what a Book remembers of the newest snapshot.
type look struct {
	seen     bool
	carrying []router.WANSnapshot // the lines that carried the house
	wans     []router.WANSnapshot
	bytes    map[string]uint64 // by line
	unset    bool              // the clock
	drained  bool
}

// subject is what can be in one trouble at a time.
type subject struct {
	cause router.Cause // CauseWAN for every trouble of one line
	name  string       // of the line or of the virtual router
}

// NewBook returns an empty book. The tag, a few random letters, goes into the IDs.
func NewBook(now time.Time, name, tag string) *Book {
	return &Book{
		name: name, tag: tag, born: now, last: now, noticed: map[subject]time.Time{},
		look: look{bytes: map[string]uint64{}},
	}
}

// Open returns what goes on, oldest first.
func (b *Book) Open(now time.Time) []router.Incident {
	all := make([]router.Incident, 0, len(b.open))
	for _, e := range b.open {
		all = append(all, e.tell(now, b.name))
	}
	return all
}

// Troubled returns the lines to be looked along, each with the ID of its incident.
func (b *Book) Troubled() map[string]string {
	all := map[string]string{}
	for _, e := range b.open {
		if e.subject.cause == router.CauseWAN && !e.restored {
			all[e.WAN] = e.ID
		}
	}
	return all
}

// Restless reports whether a look may change something although nothing has happened.
func (b *Book) Restless() bool { return len(b.open)+len(b.past)+len(b.noticed) > 0 || b.was != nil }

// Climbed takes in how far the way out along a line was sound.
func (b *Book) Climbed(now time.Time, wan string, rungs []router.Rung, last netip.Addr) []router.Incident {
	if e := b.find(subject{router.CauseWAN, wan}); e != nil {
		e.climbed(rungs, last)
	}
	return b.changed(now)
}

// See takes a snapshot in and returns the incidents that it changed.
func (b *Book) See(now time.Time, s *router.Snapshot) []router.Incident {
	b.name = s.Router
	b.notice(now, s)
	b.measure(s)
	var found []finding
	for _, find := range [...]func(time.Time, *router.Snapshot) []finding{b.lines, b.house} { // the house goes by what its lines are
		news := find(now, s)
		for _, f := range news {
			b.settle(now, f)
		}
		found = append(found, news...)
	}
	b.part(now, found)
	b.comeBack(now, s)
	b.carry(now, s)
	b.remember(now, s)
	return b.changed(now)
}

// part ends what is of a line or of a virtual router that there is no more.
func (b *Book) part(now time.Time, found []finding) {
	there := func(s subject) bool {
		return slices.ContainsFunc(found, func(f finding) bool { return f.subject == s })
	}
	for _, e := range slices.Clone(b.open) {
		if soon := e.restored && now.Sub(b.born) < settled; leveled(e.subject.cause) && !there(e.subject) && !soon {
			e.gone = true
			b.end(now, e)
		}
	}
	maps.DeleteFunc(b.noticed, func(s subject, _ time.Time) bool { return !there(s) })
}

// notice looks at the clock: when somebody has set it, all times are told anew.
func (b *Book) notice(now time.Time, s *router.Snapshot) {
	if jump := now.Round(0).Sub(b.last.Round(0)) - now.Sub(b.last); jump.Abs() > time.Second {
		for _, e := range b.open {
			e.dirty = true
		}
		for _, e := range b.past {
			e.dirty = e.dirty || !e.clock
		}
	}
	b.last = now
	for _, e := range b.open {
		e.clock = e.clock && !s.ClockUnset
		e.dirty = e.dirty || e.carries() && now.Sub(e.toldAt) >= retell
	}
	b.look.unset = s.ClockUnset
	b.past = slices.DeleteFunc(b.past, func(e *entry) bool {
		return !e.dirty && now.Sub(e.ended) >= rejoin && (e.clock || !s.ClockUnset)
	})
}

// remember keeps of a snapshot what the next one is compared with.
func (b *Book) remember(now time.Time, s *router.Snapshot) {
	b.look.seen, b.look.wans, b.look.carrying, b.look.drained = true, s.WANs, carrying(s), s.Drained
	b.events = slices.DeleteFunc(b.events, func(e router.Event) bool { return now.Sub(e.Time) > earlier })
}

// changed returns what has changed since the last call, oldest first.
func (b *Book) changed(now time.Time) []router.Incident {
	var all []router.Incident
	for _, e := range slices.Concat(b.past, b.open) {
		if e.dirty {
			e.dirty, e.toldAt = false, now
			all = append(all, e.tell(now, b.name))
		}
	}
	slices.SortStableFunc(all, func(a, c router.Incident) int { return a.Start.Compare(c.Start) })
	return all
}

// begin opens an incident, or goes on with the one that ended a moment ago.
func (b *Book) begin(now, began time.Time, sub subject, cause router.Cause) *entry {
	if e := b.rejoins(now, sub); e != nil {
		e.resume(began)
		e.Cause = cmp.Or(stronger(e.Cause, cause), cause)
		b.open = append(b.open, e)
		return e
	}
	b.count++
	e := &entry{subject: sub, began: began, since: began, clock: !b.look.unset, dirty: true, drops: 1}
	e.ID = fmt.Sprintf("%s-%s-%s%d", b.name, began.UTC().Format("20060102T150405Z"), b.tag, b.count)
	e.Cause = cause
	b.open = append(b.open, e)
	return e
}

// rejoins takes the incident out of the past that goes on now.
func (b *Book) rejoins(now time.Time, sub subject) *entry {
	for i, e := range b.past {
		if e.subject == sub && !e.Moment && !e.Cut && now.Sub(e.ended) < rejoin {
			b.past = slices.Delete(b.past, i, i+1)
			return e
		}
	}
	return nil
}

// stronger is what two drops of one line in one incident are about: that the house felt one.
func stronger(a, c router.Cause) router.Cause {
	for _, cause := range [...]router.Cause{router.CausePortal, router.CauseWAN} {
		if a == cause || c == cause {
			return cause
		}
	}
	return ""
}

// end closes an incident.
func (b *Book) end(now time.Time, e *entry) {
	e.close(now)
	b.open = slices.DeleteFunc(b.open, func(o *entry) bool { return o == e })
	b.file(e)
}

// file keeps an ended incident for a while.
func (b *Book) file(e *entry) {
	b.past = append(b.past, e)
	if len(b.past) > keptPast {
		b.past = slices.Delete(b.past, 0, len(b.past)-keptPast)
	}
}

func (b *Book) find(sub subject) *entry {
	for _, e := range b.open {
		if e.subject == sub {
			return e
		}
	}
	return nil
}

// when is the time of something that was noticed now: what it says of itself, as long as that can be.
func when(now, said time.Time) time.Time {
	if ago := now.Sub(said); !said.IsZero() && ago > 0 && ago <= earlier {
		return now.Add(-ago)
	}
	return now
}
