package incident

import (
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/router"
)

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

// Somebody looks again while the line comes back, as after a restart: that is not what had failed.
func TestTheFirstLookCounts(t *testing.T) {
	s := newScene(t)
	found := func(clause string, blame router.Blame) {
		s.say(router.Event{Kind: router.EventWAN, WAN: "fibre", Blame: blame, Sentence: "fibre: " + clause + "."})
		s.line("fibre").Reason, s.line("fibre").Blame = clause, blame
		s.pass(time.Second)
	}
	s.is("fibre", "down", "none of 2 checks answers", router.BlameISP)
	found("the ISP's first router does not answer", router.BlameISP)
	s.pass(time.Minute)
	found("the Internet answers, but the name server does not", router.BlameDNS)
	s.works("fibre")
	if i := s.the(router.CauseWAN); i.Blame != router.BlameISP || !strings.Contains(i.Sentence, "the ISP's first router did not answer") {
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

// After a start the first line to answer carries the house until the better one has.
func TestTheMeteredLineAnswersFirst(t *testing.T) {
	s := newScene(t)
	s.line("fibre").State, s.line("fibre").Active = "unknown", false
	s.see()
	s.pass(3 * time.Second)
	s.works("fibre")
	s.want()
}

// A line that is taken out of the configuration before it counts leaves nothing to wait for.
func TestNothingIsWaitedForInVain(t *testing.T) {
	s := newScene(t)
	s.view.Pair = &router.PairView{Peer: "192.168.1.3"}
	s.see()
	if !s.book.Restless() {
		t.Error("the peer is not waited for")
	}
	s.view.Pair = nil
	s.see()
	if s.book.Restless() {
		t.Error("something is waited for")
	}
}

func TestALineThatIsDrainedWhileItIsDown(t *testing.T) {
	s := newScene(t)
	s.dies("fibre")
	s.pass(time.Minute)
	s.told = nil
	s.line("fibre").Drained = true
	s.see()
	s.want("wan: fibre was down for 1 min 1 s: the ISP's first router did not answer. It was taken out of use then. lte carried the house (6 MB).",
		"metered on: The house uses lte, a metered line.")
}

// The amount of data is kept now and then, in case the power goes.
func TestALongOutageIsToldAgain(t *testing.T) {
	s := newScene(t)
	s.dies("fibre")
	s.told = nil
	s.pass(4 * time.Minute)
	if len(s.told) > 0 {
		t.Errorf("told although nothing has changed: %+v", s.told)
	}
	s.pass(70 * time.Second)
	if i := s.the(router.CauseWAN); len(s.told) != 2 || i.Data < 30_000_000 {
		t.Errorf("told %d times, %d bytes", len(s.told), i.Data)
	}
}

func TestAStormStaysSmall(t *testing.T) {
	s := newScene(t)
	for range 100 {
		s.dies("fibre")
		s.pass(10 * time.Second)
		s.works("fibre")
		s.pass(10 * time.Second)
	}
	i := s.the(router.CauseWAN)
	if i.Drops != 100 || len(i.Steps) != 20 || len(i.Carried) != 20 || i.Data != 100*1_000_000 || len(i.Others) != 1 {
		t.Errorf("%d drops, %d steps, %d carriers, %d bytes, others %+v", i.Drops, len(i.Steps), len(i.Carried), i.Data, i.Others)
	}
	if first, last := i.Steps[0].Time, i.Steps[19].Time; last.Sub(first) < 30*time.Minute {
		t.Errorf("the steps are of %s to %s", first, last)
	}
}
