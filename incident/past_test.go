package incident

import (
	"testing"
	"time"

	"github.com/twinpath/twinpath/internal/wallclock"
	"github.com/twinpath/twinpath/router"
)

func TestSomebodySetsTheClock(t *testing.T) {
	for _, jump := range []time.Duration{56 * 365 * 24 * time.Hour, -24 * time.Hour} {
		s := newScene(t)
		s.now = time.Now()
		s.start = s.now
		s.newBook()
		s.see()
		s.view.ClockUnset = true
		s.dies("fibre")
		s.pass(time.Minute)
		before := s.the(router.CauseWAN)
		s.now = wallclock.Jump(s.now, jump)
		s.view.ClockUnset = false
		s.told = nil
		s.see()
		after := s.the(router.CauseWAN)
		if len(s.told) < 2 {
			t.Errorf("jump of %s: %d incidents told, want both with their new times", jump, len(s.told))
		}
		if d := after.Start.Sub(before.Start); (d - jump).Abs() > time.Second {
			t.Errorf("the start moved by %s, want %s", d, jump)
		}
		if after.Clock || after.ID != before.ID {
			t.Errorf("got %+v", after)
		}
		s.pass(time.Minute)
		s.works("fibre")
		over := s.the(router.CauseWAN)
		if d := over.End.Sub(over.Start) - time.Duration(over.Lasted); d.Abs() > time.Second || over.Lasted < router.Seconds(2*time.Minute) {
			t.Errorf("from %s to %s, lasted %s", over.Start, over.End, time.Duration(over.Lasted))
		}
		for _, step := range over.Steps {
			if step.Time.Before(over.Start.Add(-time.Second)) || step.Time.After(over.End) {
				t.Errorf("a step at %s, of %s to %s", step.Time, over.Start, over.End)
			}
		}
	}
}

// An outage that is over when the clock is set has its times corrected, too.
func TestTheClockIsSetAfterwards(t *testing.T) {
	s := newScene(t)
	s.now = time.Now()
	s.newBook()
	s.view.ClockUnset = true
	s.see()
	s.dies("fibre")
	s.pass(30 * time.Second)
	s.works("fibre")
	s.pass(20 * time.Minute)
	before := s.the(router.CauseWAN)
	s.now, s.view.ClockUnset = wallclock.Jump(s.now, time.Hour), false
	s.pass(time.Second)
	if after := s.the(router.CauseWAN); (after.End.Sub(before.End) - time.Hour).Abs() > time.Second {
		t.Errorf("the end went from %s to %s", before.End, after.End)
	}
}

// restart ends the run and begins the next one after a while.
func (s *scene) restart(off time.Duration, clean, boot bool) {
	open, last := s.book.Open(s.now), s.now
	s.now = s.now.Add(off)
	s.newBook()
	s.book.Restarted(last, clean, boot)
	s.book.Restore(open, last)
}

func TestARestartInTheMiddle(t *testing.T) {
	s := newScene(t)
	s.dies("fibre")
	s.pass(time.Minute)
	s.told = nil
	s.restart(2*time.Second, true, false)
	s.line("fibre").State, s.line("lte").State, s.view.Verdict = "unknown", "unknown", router.VerdictUnknown
	s.book.See(s.now, &s.view)
	s.want()
	s.now = s.now.Add(time.Second)
	s.works("lte")
	s.dies("fibre")
	s.pass(time.Minute)
	s.works("fibre")
	i := s.the(router.CauseWAN)
	if i.Cut || i.Drops != 0 || i.ID != "main-20261120T195958Z-x1" {
		t.Errorf("got %+v", i)
	}
	if got, want := time.Duration(i.Lasted), 2*time.Minute+1400*time.Millisecond; got != want {
		t.Errorf("lasted %s, want %s: nobody looked meanwhile", got, want)
	}
	var looked bool
	for _, step := range i.Steps {
		looked = looked || step.Sentence == "Nobody looked from Fri 20 Nov 20:01:00 to Fri 20 Nov 20:01:03: Twinpath did not run."
	}
	if !looked {
		t.Errorf("the steps do not say that nobody looked: %+v", i.Steps)
	}
	if len(s.ids) != 2 {
		t.Errorf("incidents %q", s.ids)
	}
}

func TestWhatWasOverWhenSomebodyLookedAgain(t *testing.T) {
	s := newScene(t)
	s.dies("fibre")
	s.say(router.Event{Kind: router.EventVRRP, VRRP: "lan", Cause: router.CauseTwo, To: "begins", Sentence: "Conflict on lan."})
	s.pass(time.Minute)
	s.told = nil
	s.restart(10*time.Minute, false, true)
	w := s.line("fibre")
	w.State, w.Lost = "up", 0
	s.pass(5 * time.Second)
	s.want(
		"wan: fibre was down from Fri 20 Nov 19:59:58 to some time before Fri 20 Nov 20:11:05, when Twinpath looked again: the ISP's first router did not answer. lte carried the house (6 MB).",
		"metered: The house used lte, a metered line, from Fri 20 Nov 20:00:00 to some time before Fri 20 Nov 20:11:05, when Twinpath looked again (6 MB).",
		"restart: main lost its power or was reset: it ran at Fri 20 Nov 20:01:00 for sure, and again from Fri 20 Nov 20:11:00.")
	if i := s.the(router.CauseWAN); !i.Cut || i.Lasted != router.Seconds(61400*time.Millisecond) {
		t.Errorf("got %+v", i)
	}
	s.pass(time.Minute)
	s.want("two-actives: Conflict on lan. It was over after 1 min.")
}

func TestRestarts(t *testing.T) {
	for _, test := range []struct {
		off         time.Duration
		clean, boot bool
		want        []string
	}{
		{9 * time.Second, true, false, nil},
		{9 * time.Second, true, true, nil},
		{3 * time.Minute, true, true, []string{"restart: main was off from Fri 20 Nov 20:00:00 to Fri 20 Nov 20:03:00 (3 min)."}},
		{time.Minute, true, false, []string{"restart: Twinpath did not run from Fri 20 Nov 20:00:00 to Fri 20 Nov 20:01:00 (1 min); what was connected stayed so."}},
		{time.Second, false, false, []string{"restart: Twinpath ended without being asked to: it ran at Fri 20 Nov 20:00:00 for sure, and again from Fri 20 Nov 20:00:01; what was connected stayed so."}},
	} {
		s := newScene(t)
		s.restart(test.off, test.clean, test.boot)
		s.pass(5 * time.Second)
		s.want(test.want...)
	}
}

// A board without a battery starts with the time at which it ended. How long it was off is known when somebody has set the clock.
func TestARestartWithoutAClock(t *testing.T) {
	s := newScene(t)
	s.now = time.Now()
	last := s.now.Round(0)
	s.newBook()
	s.book.Restarted(last, true, true)
	s.view.ClockUnset = true
	s.pass(30 * time.Second)
	s.want()
	s.now, s.view.ClockUnset = wallclock.Jump(s.now, 2*time.Hour), false
	s.pass(time.Second)
	if i := s.the(router.CauseRestart); i.End.Sub(i.Start).Round(time.Second) != 2*time.Hour || i.Blame != router.BlameOwner {
		t.Errorf("got %+v", i)
	}
}

func TestARehearsalThatFailedStaysOpenOverARestart(t *testing.T) {
	s := newScene(t)
	s.say(router.Event{Kind: router.EventDrill, WAN: "fibre", Cause: router.CauseDrill, To: "begins", Sentence: "The rehearsal of fibre's failure failed: lte resolves no names."})
	s.pass(time.Minute)
	s.restart(time.Second, true, false)
	s.told = nil
	s.pass(10 * time.Minute)
	s.want()
	s.say(router.Event{Kind: router.EventDrill, WAN: "fibre", Cause: router.CauseDrill, To: "ends", Sentence: "The rehearsal passed."})
	s.want("drill: The rehearsal of fibre's failure failed: lte resolves no names. It was over after 11 min.")
}

func TestARehearsalThatPassesEndsIt(t *testing.T) {
	s := newScene(t)
	s.say(router.Event{Kind: router.EventDrill, WAN: "fibre", Cause: router.CauseDrill, To: "begins", Sentence: "The rehearsal failed."})
	s.told = nil
	s.pass(time.Minute)
	s.line("fibre").Drill = &router.DrillView{WAN: "fibre", End: s.now}
	s.pass(time.Minute)
	s.want()
	s.line("fibre").Drill = &router.DrillView{WAN: "fibre", End: s.now, OK: true}
	s.pass(5 * time.Second)
	s.want("drill: The rehearsal failed. It was over after 2 min 5 s.")
}

// The clock was not trustworthy for a part of it.
func TestAClockThatIsLostMeanwhile(t *testing.T) {
	s := newScene(t)
	s.dies("fibre")
	s.view.ClockUnset = true
	s.pass(5 * time.Second)
	s.view.ClockUnset = false
	s.pass(5 * time.Second)
	s.works("fibre")
	if i := s.the(router.CauseWAN); i.Clock {
		t.Errorf("got %+v", i)
	}
}

// What ended while nobody looked does not go on: that would be a new one.
func TestWhatWasCutDoesNotGoOn(t *testing.T) {
	s := newScene(t)
	s.dies("fibre")
	s.pass(time.Minute)
	s.restart(30*time.Second, true, false)
	w := s.line("fibre")
	w.State, w.Lost = "up", 0
	s.pass(5 * time.Second)
	s.book.tag = "y"
	s.dies("fibre")
	var found []router.Incident
	for _, id := range s.ids {
		if i := s.last[id]; i.Cause == router.CauseWAN {
			found = append(found, i)
		}
	}
	if len(found) != 2 || !found[0].Cut || !found[1].Open() {
		t.Errorf("got %+v", found)
	}
}

// At the start of a run nobody knows of the peer or of the disk yet.
func TestWhatTakesAMomentToShowItselfAgain(t *testing.T) {
	s := newScene(t)
	s.view.Pair = &router.PairView{Peer: "192.168.1.3"}
	s.view.Disk = "read-only file system"
	s.pass(time.Minute)
	peer, disk := s.the(router.CausePeer), s.the(router.CauseDisk)
	s.view.Pair, s.view.Disk = nil, ""
	s.restart(5*time.Second, true, false)
	s.told = nil
	s.pass(10 * time.Second)
	s.want()
	s.view.Pair = &router.PairView{Peer: "192.168.1.3"}
	s.pass(5 * time.Second)
	s.view.Pair.Connected = true
	s.pass(20 * time.Second)
	if i := s.the(router.CausePeer); i.ID != peer.ID || i.Cut || i.Open() {
		t.Errorf("got %+v", i)
	}
	if i := s.the(router.CauseDisk); i.ID != disk.ID || !i.Cut || i.Open() {
		t.Errorf("got %+v", i)
	}
}

// The last word on an incident is newer than the pulse, which is rarer.
func TestUntilWhenSomebodyLooked(t *testing.T) {
	s := newScene(t)
	s.pass(time.Minute)
	s.dies("fibre")
	s.pass(4 * time.Minute)
	open, pulse := s.book.Open(s.now), s.now.Add(-3*time.Minute)
	s.now = s.now.Add(time.Minute)
	s.newBook()
	s.book.Restore(open, pulse)
	s.pass(5 * time.Second)
	steps := s.the(router.CauseWAN).Steps
	if got, want := steps[len(steps)-1].Sentence, "Nobody looked from Fri 20 Nov 20:05:00 to Fri 20 Nov 20:06:05: Twinpath did not run."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
