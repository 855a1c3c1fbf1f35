package handover

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// room is a Machine with what happens around it: what it asks for is done at once, unless the test says otherwise.
type room struct {
	t     *testing.T
	m     Machine
	now   time.Time
	f     Facts
	slow  bool // lists take longer
	last  Orders
	deeds []string
}

func newRoom(t *testing.T) *room {
	return &room{t: t, now: noon, f: Facts{
		Standing: Backup, Linked: true, Life: Alive, Listed: true, List: 3, Partner: Partner{Active: true, Usable4: true, Usable6: true},
		Way: Diversion{LAN: []string{"lan0"}, Partner: "02:00:00:00:00:03", Gateway4: netip.MustParseAddr("192.168.1.3"), Gateway6: netip.MustParseAddr("fe80::3")},
	}}
}

// step steps until nothing more comes of it.
func (r *room) step(changes ...func(*Facts)) *room {
	r.t.Helper()
	for _, change := range changes {
		change(&r.f)
	}
	for range 10 {
		r.last = r.m.Step(r.now, r.f)
		for _, a := range r.last.Actions {
			r.deeds = append(r.deeds, r.deed(a))
			if a.Kind == Load && !r.slow {
				r.f.Loaded = a.Ticket
			}
			if a.Kind == LoadOwn && !r.slow {
				r.f.OwnLoaded = a.Ticket
			}
		}
		if len(r.last.Actions) == 0 {
			return r
		}
	}
	r.t.Fatalf("steps go on and on: %v", r.deeds)
	return r
}

func (r *room) deed(a Action) string {
	words := []string{a.Kind.String()}
	if a.Late {
		words = append(words, "late")
	}
	if a.Four {
		words = append(words, "4")
	}
	if a.Six {
		words = append(words, "6")
	}
	return strings.Join(words, " ")
}

// wait lets time pass, and steps whenever the Machine wants it.
func (r *room) wait(d time.Duration) *room {
	r.t.Helper()
	end := r.now.Add(d)
	for range 1000 {
		next := r.last.Next
		if next.IsZero() || next.After(end) {
			r.now = end
			return r.step()
		}
		if !next.After(r.now) {
			r.t.Fatalf("it is %v, and the next step is to be at %v", r.now, next)
		}
		r.now = next
		r.step()
	}
	r.t.Fatal("it steps without end")
	return r
}

// is claims a phase, and all deeds since the last claim.
func (r *room) is(phase Phase, deeds ...string) *room {
	r.t.Helper()
	if r.last.Phase != phase || !slices.Equal(r.deeds, deeds) {
		r.t.Errorf("after %v: %s, %q; want %s, %q", r.now.Sub(noon), r.last.Phase, r.deeds, phase, deeds)
	}
	r.deeds = nil
	return r
}

func standing(s Standing) func(*Facts)   { return func(f *Facts) { f.Standing = s } }
func partnerActive(is bool) func(*Facts) { return func(f *Facts) { f.Partner.Active = is } }
func linked(is bool) func(*Facts)        { return func(f *Facts) { f.Linked = is } }
func life(l Life) func(*Facts)           { return func(f *Facts) { f.Life = l } }
func list(n int) func(*Facts)            { return func(f *Facts) { f.List = n } }
func own(n int) func(*Facts)             { return func(f *Facts) { f.Own = n } }
func listed(is bool) func(*Facts)        { return func(f *Facts) { f.Listed = is } }
func usable(four, six bool) func(*Facts) {
	return func(f *Facts) { f.Partner.Usable4, f.Partner.Usable6 = four, six }
}
func elsewhere(is bool) func(*Facts) { return func(f *Facts) { f.Elsewhere = is } }
func metered(keep time.Duration) func(*Facts) {
	return func(f *Facts) { f.Partner.Metered, f.Keep = true, keep }
}

func TestFailback(t *testing.T) {
	r := newRoom(t).step(own(2)).is(Ready, "load own")
	if d := r.last.Diversion; d.Mode != All || !r.last.Own || r.last.Kept || !r.last.Next.IsZero() {
		t.Errorf("ready: %+v", r.last)
	}
	r.step(standing(Active)).is(Learns, "load")
	r.step(partnerActive(false))
	if d := r.last.Diversion; d.Mode != All || d.Seen || !r.last.Kept {
		t.Errorf("learns: %+v", r.last)
	}
	r.wait(window - 1).is(Learns)
	r.wait(1).is(Keeps)
	if d := r.last.Diversion; d.Mode != Listed || !d.Seen || !r.last.Kept {
		t.Errorf("keeps: %+v", r.last)
	}
	r.wait(after - 1)
	if !r.last.Diversion.Seen {
		t.Error("what was learnt is forgotten too early")
	}
	r.wait(1)
	if r.last.Diversion.Seen {
		t.Error("what was learnt is never forgotten")
	}
	r.wait(time.Hour).is(Keeps)
	r.step(list(0)).wait(linger - 1).is(Keeps)
	r.wait(1).is(Idle)
	if d := r.last.Diversion; !d.Is(Diversion{}) {
		t.Errorf("something is left: %+v", d)
	}
	r.step(list(1)).is(Keeps, "load") // by a port forward of the other router's line
}

func TestSlowLists(t *testing.T) {
	r := newRoom(t).step()
	r.slow = true
	r.step(standing(Active)).wait(most-1).is(Learns, "load")
	r.wait(1).is(Keeps)
	r = newRoom(t)
	r.slow = true
	r.step(own(1)).wait(time.Minute).is(Prepares, "load own")
	r.step(standing(Active)).is(Lists, "load late") // all would go there, and with it what is this router's
	if r.last.Diversion.Mode != Prepared {
		t.Errorf("half a list counts: %+v", r.last.Diversion)
	}
}

// The house goes back: devices that have not heard of it yet go on sending here for a moment.
func TestTheListHoldsUntilEverythingCanGoBack(t *testing.T) {
	r := newRoom(t).step(standing(Active), partnerActive(false)).is(Keeps, "load late")
	r.slow = true
	r.step(standing(Backup), partnerActive(true), own(2)).is(Prepares, "load own")
	if d := r.last.Diversion; d.Mode != Listed || !r.last.Kept || !r.last.Own {
		t.Errorf("while this router's own list is being loaded: %+v", r.last)
	}
	r.step(func(f *Facts) { f.OwnLoaded = r.m.loadOwn }).wait(behind - 1).is(Prepares) // what began here a moment ago is not on it yet
	r.wait(1).is(Ready)
	if d := r.last.Diversion; d.Mode != All || r.last.Kept {
		t.Errorf("ready: %+v", r.last)
	}
}

// The house goes back and returns at once, as when a line fails that has just recovered: the list was never out of use, and must not be now.
func TestTheListHoldsThroughAVisit(t *testing.T) {
	r := newRoom(t).step(standing(Active), partnerActive(false)).is(Keeps, "load late")
	r.step(standing(Backup), partnerActive(true)).is(Prepares, "load own")
	r.step(standing(Active)).is(Keeps)
	if d := r.last.Diversion; d.Mode != Listed || !r.last.Kept {
		t.Errorf("the other router's connections come to this one: %+v", r.last)
	}
	r.step(list(0)).wait(linger).is(Idle)
}

func TestNothingToLearn(t *testing.T) {
	r := newRoom(t).step(list(0)).is(Ready)
	r.slow = true
	r.step(standing(Active)).wait(window).is(Keeps, "load") // new flows have begun at the other router meanwhile, perhaps
	r.wait(after + linger).is(Idle)
}

func TestWhoServesIsUnclear(t *testing.T) {
	r := newRoom(t).step().is(Ready)
	r.step(partnerActive(false)).wait(settle - 1).is(Ready)
	r.wait(1).is(Idle)
	r = newRoom(t).step(partnerActive(false)).is(Idle)
	r.step(standing(Active)).is(Keeps, "load late") // it served before the link was there
	r.step(standing(Backup)).wait(settle - 1).is(Keeps)
	r.step(partnerActive(true)).is(Ready)
	r.step(standing(Active)).wait(window).is(Keeps, "load")
	r.step(own(4), standing(Backup), partnerActive(true)).wait(behind).is(Ready, "load own")
	r.step(standing(UnknownStanding)).wait(settle).is(Idle)
}

func TestPreemptedWhileLearning(t *testing.T) {
	r := newRoom(t).step().step(standing(Active)).is(Learns, "load")
	r.wait(window / 2).step(standing(Backup)).is(Ready)
	r.wait(time.Hour).step(standing(Active)).is(Learns, "load")
	r.step(standing(UnknownStanding)).wait(window).is(Keeps)
}

func TestOwnerDies(t *testing.T) {
	for _, active := range []bool{false, true} {
		r := newRoom(t).step()
		if active {
			r.step(standing(Active)).wait(5 * time.Second)
		}
		r.deeds = nil
		r.step(life(Gone))
		if active {
			r.is(Idle, "tell 4 6")
		} else {
			r.is(Idle).wait(time.Second).step(standing(Active)).is(Idle, "tell 4 6") // answers to it would go elsewhere before
		}
		r.step(linked(false), listed(false), list(0)).wait(time.Hour).is(Idle)
	}
	r := newRoom(t).step(life(Gone)).is(Idle)
	r.wait(hold).step(standing(Active)).is(Idle) // long ago
}

func TestLinesOfTheOwnerDie(t *testing.T) {
	r := newRoom(t).step().step(standing(Active)).wait(time.Minute).is(Keeps, "load")
	r.step(usable(true, false)).is(Keeps, "tell 6")
	if d := r.last.Diversion; d.Gateway6.IsValid() || !d.Gateway4.IsValid() {
		t.Errorf("one family: %+v", d)
	}
	r.step(usable(false, false)).is(Idle, "tell 4")
	r.step(usable(true, false)).is(Keeps, "load late")
	r = newRoom(t).step(usable(false, false)).is(Idle)
	r.step(standing(Active)).is(Idle)
	r = newRoom(t).step()
	r.deeds = nil
	r.step(usable(false, false)).is(Idle).wait(time.Second)
	r.step(standing(Active)).is(Idle, "tell 4 6") // the line died, and the house came here for that
	r = newRoom(t).step()
	r.deeds = nil
	r.step(usable(false, false)).wait(time.Second).step(usable(true, false)).step(standing(Active)).is(Learns, "load", "tell 6") // its IPv4 is back
}

func TestADoubtfulLineGetsNothingNew(t *testing.T) {
	r := newRoom(t).step(func(f *Facts) { f.Partner.Doubtful = true })
	r.slow = true
	r.step(standing(Active)).is(Learns, "load").wait(window / 10).is(Learns)
	r.step(func(f *Facts) { f.Loaded = r.m.load }).is(Keeps)
	if !r.last.Diversion.Seen {
		t.Error("what was learnt in that moment is forgotten")
	}
}

func TestLinkBreaks(t *testing.T) {
	for _, c := range []struct {
		life Life
		for_ time.Duration
	}{{Alive, hold}, {Mute, hold}, {UnknownLife, doubt}} {
		for _, active := range []bool{false, true} {
			r := newRoom(t).step()
			want := []string(nil)
			if active {
				r.step(standing(Active)).wait(time.Minute)
				want = []string{"tell 4 6"}
			}
			phase := r.last.Phase
			r.deeds = nil
			r.step(linked(false), listed(false), life(c.life)).wait(c.for_ - 1).is(phase)
			r.wait(1).is(Idle, want...)
			r.step(linked(true)).wait(time.Minute) // the list has not come yet
			if r.last.Diversion.Mode == Listed {
				t.Errorf("%s: a list that nobody has counts", c.life)
			}
		}
	}
}

func TestLinkComesBack(t *testing.T) {
	r := newRoom(t).step().step(standing(Active)).wait(time.Minute).is(Keeps, "load")
	r.step(linked(false), life(Mute), listed(false)).wait(5 * time.Second)
	r.step(linked(true), life(Alive)).wait(time.Minute).is(Keeps)
	r.step(listed(true), list(7)).wait(time.Minute).is(Keeps, "load")
}

func TestMetered(t *testing.T) {
	r := newRoom(t).step(metered(time.Minute)).step(standing(Active)).wait(window).is(Keeps, "load")
	r.wait(time.Minute - 1).is(Keeps)
	r.wait(1).is(Idle, "release 4 6", "tell 4 6")
	r.wait(time.Hour).is(Idle)
	r.step(list(0)).step(list(1)).is(Keeps, "load")
	newRoom(t).step(metered(0)).step(standing(Active)).wait(time.Hour).is(Keeps, "load")
	newRoom(t).step(metered(time.Minute), elsewhere(true), standing(Active)).wait(time.Hour).is(Keeps, "load late") // they are served there
}

func TestElsewhere(t *testing.T) {
	r := newRoom(t).step(elsewhere(true)).is(Keeps, "load late")
	r.step(standing(Active)).is(Keeps)
	r = newRoom(t).step().is(Ready)
	r.step(elsewhere(true)).is(Keeps, "load late")
	r.step(elsewhere(false)).is(Ready)
	r = newRoom(t).step(elsewhere(true), list(0)).is(Idle)
	r.step(list(1)).is(Keeps, "load")
}

func TestOff(t *testing.T) {
	r := newRoom(t).step(func(f *Facts) { f.Off = true }).is(Idle)
	r.step(standing(Active)).is(Idle)
	r.step(func(f *Facts) { f.Off = false }).is(Keeps, "load late")
	r.step(func(f *Facts) { f.Off = true }).is(Idle)
}

func TestSomebodyFlushes(t *testing.T) {
	flush := func(f *Facts) { f.Made++ }
	r := newRoom(t).step(own(1)).step(flush).is(Ready, "load own", "load own")
	r.step(standing(Active)).step(flush).is(Learns, "load", "load")
	r.wait(window).step(flush).is(Keeps, "load")
	r.step(list(0)).wait(time.Minute).step(flush).is(Idle)
}

func TestAdopt(t *testing.T) {
	left := newRoom(t).f.Way
	for mode, phase := range map[Mode]Phase{All: Ready, Listed: Keeps, Prepared: Idle, None: Idle} {
		r := newRoom(t)
		left.Mode = mode
		r.m.Adopt(r.now, left)
		r.f = Facts{}
		r.step().is(phase)
		if phase != Idle && !r.last.Diversion.Is(left) {
			t.Errorf("%s: %+v, want what was left", mode, r.last.Diversion)
		}
		r.wait(time.Second).is(phase)
		r.wait(time.Hour).is(Idle)
	}
	r := newRoom(t)
	left.Mode = Listed
	r.m.Adopt(r.now, left)
	full := r.f
	full.Standing = Active
	r.f = Facts{Standing: Active}
	r.step().wait(time.Second).is(Keeps)
	r.f = full
	r.step().wait(time.Hour).is(Keeps, "load")
}

func ExamplePhase() {
	fmt.Println(Idle, Prepares, Ready, Learns, Lists, Keeps)
	// Output: idle prepares ready learns lists keeps
}
