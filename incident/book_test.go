package incident

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/internal/wallclock"
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

func TestOneOutage(t *testing.T) {
	s := newScene(t)
	s.pass(10 * time.Minute)
	s.want()
	s.dies("fibre")
	s.want("wan on: fibre is down: the ISP's first router does not answer. lte carries the house.",
		"metered on: The house uses lte, a metered line.")
	s.pass(250 * time.Second)
	s.works("fibre")
	s.want("wan: fibre was down for 4 min 11 s: the ISP's first router did not answer. lte carried the house (25 MB).",
		"metered: The house used lte, a metered line, for 4 min 10 s (25 MB).")
	s.pass(time.Hour)
	s.want()

	i := s.the(router.CauseWAN)
	at := func(d time.Duration) time.Time { return s.start.Add(10*time.Minute + d) }
	if !i.Start.Equal(at(-1400*time.Millisecond)) || !i.End.Equal(at(250*time.Second)) || !i.Clock || i.State != "down" || i.Blame != router.BlameISP {
		t.Errorf("got %+v", i)
	}
	if i.ID != "main-20261120T200958Z-x1" || i.Load != (router.Load{Rx: 1000, Tx: 100}) {
		t.Errorf("got %q, %+v", i.ID, i.Load)
	}
	if len(i.Others) != 1 || i.Others[0].WAN != "lte" || i.Others[0].State != "up" || i.Others[0].RTT != router.Milliseconds(40*time.Millisecond) {
		t.Errorf("the other line saw %+v", i.Others)
	}
	if len(i.Carried) != 1 || i.Carried[0].WAN != "lte" || i.Carried[0].Data != 25_000_000 || i.Data != 25_000_000 || !i.Carried[0].To.Equal(i.End) {
		t.Errorf("carried %+v, %d", i.Carried, i.Data)
	}
	var steps []string
	for _, step := range i.Steps {
		steps = append(steps, step.Sentence)
	}
	if got := strings.Join(steps, "\n"); got != "fibre is down: the ISP's first router does not answer.\nThe house moved from fibre to lte.\nfibre is up: all checks answer.\nThe house moved from lte to fibre." {
		t.Errorf("steps\n%s", got)
	}
}

func TestTheReasonThatWasFoundOutLaterExplainsTheWhole(t *testing.T) {
	s := newScene(t)
	s.is("fibre", "down", "none of 2 checks answers", router.BlameISP)
	s.pass(time.Second)
	s.say(router.Event{Kind: router.EventWAN, WAN: "fibre", Blame: router.BlameISP, Sentence: "fibre: the ISP's first router answers, but nothing beyond it."})
	s.line("fibre").Reason = "the ISP's first router answers, but nothing beyond it"
	s.pass(5 * time.Second)
	s.line("fibre").Reason = "none of 2 checks answers"
	s.pass(10 * time.Second)
	s.line("fibre").Reason = "the ISP's first router answers, but nothing beyond it"
	s.pass(45 * time.Second)
	s.line("fibre").Reason, s.line("fibre").Blame = router.ComingBack, router.BlameNobody
	s.pass(30 * time.Second)
	s.works("fibre")
	s.want("wan: fibre was down for 1 min 31 s: the ISP's first router answered, but nothing beyond it. lte carried the house (9 MB).",
		"metered: The house used lte, a metered line, for 1 min 31 s (9 MB).")
}

func TestWhatALineSaysWhileItComesBackExplainsNothing(t *testing.T) {
	s := newScene(t)
	s.is("fibre", "down", "no cable in wan0, or nothing behind it has power", router.BlameCable)
	s.pass(2 * time.Minute)
	s.is("fibre", "down", "asking for an address", router.BlameISP)
	s.pass(5 * time.Second)
	s.works("fibre")
	if i := s.the(router.CauseWAN); i.Blame != router.BlameCable ||
		!strings.HasPrefix(i.Sentence, "fibre was down for 2 min 5 s: no cable in wan0, or nothing behind it had power.") {
		t.Errorf("got %s: %s", i.Blame, i.Sentence)
	}
}

func TestADegradedLine(t *testing.T) {
	s := newScene(t)
	s.line("fibre").Reason = "3 of 4 answer; 1.1.1.1 does not"
	w := s.line("fibre")
	w.State, w.Lost = "degraded", 20
	s.see()
	s.want("wan on: fibre is degraded: 3 of 4 answer; 1.1.1.1 does not.")
	s.pass(time.Minute)
	s.dies("fibre")
	s.want("wan on: fibre is down: the ISP's first router does not answer. lte carries the house.",
		"metered on: The house uses lte, a metered line.")
	s.pass(time.Minute)
	s.works("fibre")
	if i := s.the(router.CauseWAN); i.State != "down" || len(i.Carried) != 2 {
		t.Errorf("got %+v", i)
	}
	s.told = nil
	// On a line in reserve it is none.
	s.line("lte").State = "degraded"
	s.pass(time.Minute)
	s.want()
}

func TestBlipsAreOneIncidentWhenTheyComeSoonAfterEachOther(t *testing.T) {
	s := newScene(t)
	for range 3 {
		s.dies("fibre")
		s.pass(5 * time.Second)
		s.works("fibre")
		s.pass(time.Minute)
	}
	i := s.the(router.CauseWAN)
	if i.Drops != 3 || i.Open() || i.Lasted != router.Seconds(3*6400*time.Millisecond) {
		t.Errorf("got %d drops, %v, open %v", i.Drops, time.Duration(i.Lasted), i.Open())
	}
	if want := "fibre was down 3 times in 2 min 16 s, for 19 s in all: the ISP's first router did not answer. lte carried the house (2 MB)."; i.Sentence != want {
		t.Errorf("got %q, want %q", i.Sentence, want)
	}
	s.pass(3 * time.Minute)
	s.dies("fibre")
	if len(s.ids) != 4 { // and one each for the metered line
		t.Errorf("%d incidents: %q", len(s.ids), s.ids)
	}
}

func TestBothDown(t *testing.T) {
	s := newScene(t)
	s.is("lte", "down", "no cable in usb0, or nothing behind it has power", router.BlameCable)
	s.want("idle on: lte, which carries nothing now, is down: no cable in usb0, or nothing behind it has power. There is no backup.")
	s.pass(time.Minute)
	s.dies("fibre")
	s.want("idle on: lte, which carries nothing now, is down: no cable in usb0, or nothing behind it has power. There is no backup.",
		"wan on: fibre is down: the ISP's first router does not answer. Nothing carries the house.",
		"offline on: No line works: fibre: the ISP's first router does not answer; lte: no cable in usb0, or nothing behind it has power.")
	s.pass(10 * time.Minute)
	s.works("fibre")
	s.want("idle on: lte, which carries nothing now, is down: no cable in usb0, or nothing behind it has power. There is no backup.",
		"wan: fibre was down for 10 min 1 s: the ISP's first router did not answer. Nothing carried the house.",
		"offline: No line worked for 10 min 1 s: fibre: the ISP's first router did not answer; lte: no cable in usb0, or nothing behind it had power.")
	if i := s.the(router.CauseOffline); i.Blame != router.BlameISP || !i.Start.Equal(s.the(router.CauseWAN).Start) {
		t.Errorf("got %+v", i)
	}
	s.works("lte")
	s.want("idle: lte, which carried nothing, was down for 11 min: no cable in usb0, or nothing behind it had power.")
}

func TestAPortal(t *testing.T) {
	s := newScene(t)
	s.is("fibre", "captive", "a login page answers instead of http://a.example/204 (captive portal)", router.BlamePortal)
	s.want("portal on: fibre is down: a login page answers instead of http://a.example/204 (captive portal). lte carries the house.",
		"metered on: The house uses lte, a metered line.")
	s.pass(time.Minute)
	s.works("fibre")
	s.want("portal: fibre was down for 1 min: a login page answered instead of http://a.example/204 (captive portal). lte carried the house (6 MB).",
		"metered: The house used lte, a metered line, for 1 min (6 MB).")
}

func TestAPortalThatIsFoundOutLater(t *testing.T) {
	s := newScene(t)
	s.is("fibre", "down", "none of 2 checks answers", router.BlameNobody)
	s.pass(time.Second)
	s.line("fibre").Reason, s.line("fibre").Blame = "a login page answers instead of the Internet", router.BlamePortal
	s.see()
	if i := s.the(router.CausePortal); i.Blame != router.BlamePortal || !strings.Contains(i.Sentence, "login page") {
		t.Errorf("got %+v", i)
	}
}

func TestAnUnsteadyLine(t *testing.T) {
	s := newScene(t)
	s.dies("fibre")
	s.pass(time.Minute)
	until := s.now.Add(10 * time.Minute)
	w := s.line("fibre")
	w.State, w.HeldUntil, w.Lost, w.Reason = "degraded", &until, 100, "works again; held back until 20:11:00 because it keeps failing"
	s.see()
	s.want("wan: fibre was down for 1 min 1 s: the ISP's first router did not answer. lte carried the house (6 MB).",
		"metered on: The house uses lte, a metered line.",
		"unstable on: fibre works, but is held back until 20:11: it keeps failing.")
	s.pass(10 * time.Minute)
	s.works("fibre")
	s.want("metered: The house used lte, a metered line, for 11 min (66 MB).",
		"unstable: fibre kept failing and was held back for 10 min. lte carried the house (60 MB).")
}

func TestWhatTheOwnerDoesIsNoIncident(t *testing.T) {
	s := newScene(t)
	s.line("fibre").Drained = true
	s.see()
	s.is("fibre", "down", "it is drained, and its address given back", router.BlameOwner)
	s.pass(time.Minute)
	s.want("metered on: The house uses lte, a metered line.") // one forgets
	if i := s.the(router.CauseMetered); i.Blame != router.BlameOwner {
		t.Errorf("the metered line is blamed on %q", i.Blame)
	}
	s.line("fibre").Drained = false
	s.works("fibre")
	s.pass(5 * time.Minute)
	s.told = nil

	until := s.now.Add(time.Minute)
	s.line("fibre").RehearsedUntil = &until
	s.see()
	if s.line("lte").Active != true {
		t.Fatal("the rehearsal moves nobody")
	}
	s.pass(30 * time.Second)
	s.line("fibre").RehearsedUntil = nil
	s.pass(time.Minute)
	s.want()

	s.say(router.Event{Kind: router.EventRouter, Blame: router.BlameOwner, Sentence: "The configuration in use has changed."})
	s.dies("fibre")
	s.pass(time.Minute)
	s.told = nil
	s.view.WANs = s.view.WANs[1:]
	s.view.WANs[0].Cost = 0
	s.see()
	s.want("wan: fibre was down for 1 min 1 s: the ISP's first router did not answer. It was taken out of use then. lte carried the house (6 MB).",
		"metered: The house used lte, a metered line, for 1 min (6 MB).")
}

func TestTheBestLineIsMetered(t *testing.T) {
	s := newScene(t)
	s.view.WANs[0].Metered, s.view.WANs[1].Metered = true, false
	s.pass(time.Hour)
	s.want()
}

func TestMoments(t *testing.T) {
	s := newScene(t)
	move := router.Event{Kind: router.EventVRRP, VRRP: "lan", Family: "ipv4", From: "active", To: "backup", Sentence: "main is Backup for 192.168.1.1 (lan): 192.168.1.3 has priority 150."}
	s.say(move)
	move.Family = "ipv6"
	s.say(move)
	s.want("vrrp: main is Backup for 192.168.1.1 (lan): 192.168.1.3 has priority 150.")
	if i := s.the(router.CauseVRRP); !i.Moment || i.Open() || i.State != "backup" || i.VRRP != "lan" || !i.Start.Equal(i.End) || i.Lasted != 0 {
		t.Errorf("got %+v", i)
	}
	s.pass(time.Minute)
	s.say(router.Event{Kind: router.EventVRRP, VRRP: "lan", From: "waiting", To: "backup", Sentence: "main is Backup."})
	s.say(router.Event{Kind: router.EventRouter, Cause: router.CauseUpdate, To: "moment", Sentence: "This router works by version 2."})
	s.say(router.Event{Kind: router.EventBudget, Cause: router.CauseBudget, WAN: "lte", To: "moment", Sentence: "lte has used 80 % of its data."})
	s.want("update: This router works by version 2.", "budget: lte has used 80 % of its data.")
}

func TestTwoActives(t *testing.T) {
	s := newScene(t)
	s.say(router.Event{Kind: router.EventVRRP, VRRP: "lan", Cause: router.CauseTwo, To: "begins", Sentence: "Conflict on lan: 192.168.1.9 is Active, too, with priority 50."})
	s.want("two-actives on: Conflict on lan: 192.168.1.9 is Active, too, with priority 50.")
	s.pass(time.Minute)
	s.say(router.Event{Kind: router.EventVRRP, VRRP: "lan", Sentence: "Conflict on lan: 192.168.1.9 is Active, too, with priority 60."})
	s.want("two-actives on: Conflict on lan: 192.168.1.9 is Active, too, with priority 50.")
	s.pass(15 * time.Second)
	s.say(router.Event{Kind: router.EventVRRP, VRRP: "lan", Cause: router.CauseTwo, To: "ends", Sentence: "Nobody else serves the addresses of lan any more."})
	s.want("two-actives: Conflict on lan: 192.168.1.9 is Active, too, with priority 50. It was over after 1 min 15 s.")
}

func TestAVirtualRouterThatCannotBeServed(t *testing.T) {
	s := newScene(t)
	s.view.VRRP = []router.VRRPSnapshot{{Name: "lan", State: "fault", Reason: "check tcp 127.0.0.1:80 fails", Since: s.now}}
	s.pass(4 * time.Second)
	s.want()
	s.pass(time.Minute)
	s.want("vrrp on: main must not serve lan: check tcp 127.0.0.1:80 fails.")
	s.view.VRRP[0].State = "backup"
	s.pass(time.Second)
	s.want("vrrp: main could not serve lan for 1 min 5 s: check tcp 127.0.0.1:80 failed.")
}

func TestThePeerTheDiskAndTheClock(t *testing.T) {
	s := newScene(t)
	s.view.Pair = &router.PairView{Peer: "192.168.1.3"}
	s.view.Disk, s.view.ClockUnset = "no space left on device", true
	s.pass(10 * time.Second)
	s.want("disk on: Nothing can be kept on disk: no space left on device.")
	s.pass(10 * time.Second)
	s.want("peer on: The other router (192.168.1.3) does not answer.")
	s.pass(time.Minute)
	s.want("clock on: Nobody has set the clock: times may be wrong.")
	for _, i := range s.last {
		if i.Clock {
			t.Errorf("the clock of %s is trusted", i.ID)
		}
	}
	s.view.Pair.Connected, s.view.Disk, s.view.ClockUnset = true, "", false
	s.pass(time.Second)
	s.want("disk: Nothing could be kept on disk for 1 min 16 s: no space left on device.",
		"peer: The other router (192.168.1.3) did not answer for 1 min 16 s.",
		"clock: Nobody had set the clock for 1 min 16 s.")
	s.pass(10 * time.Minute)
	s.view.Pair.Connected = false
	s.pass(10 * time.Second)
	s.view.Pair.Connected = true
	s.pass(time.Minute)
	s.want()
}

func TestACounterThatBeginsAnew(t *testing.T) {
	s := newScene(t)
	s.line("lte").RxBytes = 5_000_000_000
	s.see()
	s.dies("fibre")
	s.pass(10 * time.Second)
	s.line("lte").RxBytes = 7
	s.pass(10 * time.Second)
	s.works("fibre")
	if i := s.the(router.CauseWAN); i.Data != 1_000_000+1_000_007-0 {
		t.Errorf("got %d bytes, want 2000007", i.Data)
	}
}

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

// After a start the first line to answer carries the house until the better one has.
func TestTheMeteredLineAnswersFirst(t *testing.T) {
	s := newScene(t)
	s.line("fibre").State, s.line("fibre").Active = "unknown", false
	s.see()
	s.pass(3 * time.Second)
	s.works("fibre")
	s.want()
}
