package drill

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twinpath/twinpath/router"
)

func TestARehearsal(t *testing.T) {
	bubble(t, func(t *testing.T, f *fake) {
		d := f.running(houseConfig())
		v, err := d.Start("fibre", false)
		if err != nil || v.Through != "lte" || v.Sentence != "If fibre fails, the house is to use lte." || !v.End.IsZero() {
			t.Errorf("as it begins: %+v, %v", v, err)
		}
		time.Sleep(time.Second)
		if _, err := d.Start("lte", false); !errors.Is(err, ErrBusy) {
			t.Errorf("another one meanwhile: %v", err)
		}
		if all := d.Drills(); len(all) != 1 || !all[0].End.IsZero() {
			t.Errorf("while it goes on: %+v", all)
		}
		v = f.over(d)
		if !v.OK || v.Stopped || v.Sentence != "If fibre fails, lte can carry the house." || len(v.Steps) != 1 || v.End.Sub(v.Start) != 5*time.Second {
			t.Errorf("%+v", v)
		}
		wantFelt(t, v, "Over lte 1.0 MB came at 20 Mbit/s instead of 200 Mbit/s over fibre, and an answer takes 38 ms instead of 9.0 ms over fibre.",
			"1 of 20 pings were lost on lte.", "The rehearsal took about 1.0 MB of the data of lte.",
			"A silent failure of fibre would be noticed within 1.8 s, as it is checked; a pulled cable at once.")
		if got := f.said(); got != "fibre: If fibre fails, lte can carry the house." {
			t.Errorf("said %q", got)
		}
		if last, is := f.facts[len(f.facts)-1].(router.DrillSeen); !is || !last.View.OK || last.View.ID != v.ID {
			t.Errorf("the page has not got it: %+v", f.facts)
		}
	})
}

func wantFelt(t *testing.T, v router.DrillView, sentences ...string) {
	t.Helper()
	for _, s := range sentences {
		if !slices.Contains(v.Felt, s) {
			t.Errorf("what was felt lacks %q: %q", s, v.Felt)
		}
	}
}

func TestAFailureIsAnIncidentUntilOnePasses(t *testing.T) {
	bubble(t, func(t *testing.T, f *fake) {
		d := f.running(houseConfig())
		f.breaks("lte", "its name server 192.0.2.1: no answer")
		const bad = "If fibre fails, lte could not carry the house: its name server 192.0.2.1: no answer."
		for _, want := range []string{"fibre drill begins: " + bad, "fibre: " + bad} {
			v := f.start(d, "fibre", true)
			if got := f.said(); v.OK || got != want {
				t.Errorf("%t %q, want %q", v.OK, got, want)
			}
		}
		f.wantNoMove()
		d.Stop() // of nothing
		f.breaks("lte", "")
		if f.start(d, "fibre", false); f.said() != "fibre drill ends: If fibre fails, lte can carry the house." {
			t.Error("the incident does not end")
		}
	})
}

func (f *fake) wantNoMove() {
	f.t.Helper()
	for _, fact := range f.facts {
		if r, is := fact.(router.Rehearsed); is {
			f.t.Errorf("the house was moved: %+v", r)
		}
	}
}

func TestAStoppedRehearsalSaysNothingOfTheLine(t *testing.T) {
	bubble(t, func(t *testing.T, f *fake) {
		d := f.running(houseConfig())
		good := f.start(d, "fibre", false)
		f.said()
		if _, err := d.Start("fibre", false); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		d.Stop()
		synctest.Wait()
		v := f.over(d)
		if last := f.facts[len(f.facts)-1].(router.DrillSeen).View; last.ID != good.ID || !last.OK {
			t.Errorf("the page has lost the proof before: %+v", last)
		}
		if v.OK || !v.Stopped || v.End.Sub(v.Start) != time.Second || f.said() != "fibre: The rehearsal of fibre was stopped before it had proven anything." {
			t.Errorf("%+v", v)
		}
	})
}

// TestAHostThatIsNotThere is no fault of the line.
func TestAHostThatIsNotThere(t *testing.T) {
	bubble(t, func(t *testing.T, f *fake) {
		d := f.running(houseConfig())
		f.breaks("lte", "fetching from example.org: status 503")
		if v := f.start(d, "fibre", false); v.Stopped || v.OK || v.Sentence != "If fibre fails, lte could not carry the house: fetching from example.org: status 503." {
			t.Errorf("only over the backup: %+v", v)
		}
		f.said()
		f.breaks("fibre", "fetching from example.org: status 503")
		v := f.start(d, "fibre", true)
		if v.OK || !v.Stopped || f.said() != "fibre: Nothing is proven, for it is no better over fibre, which works: fetching from example.org: status 503." {
			t.Errorf("over both: %+v", v)
		}
		f.wantNoMove()
		f.breaks("lte", "its name server 192.0.2.1: no answer")
		if v := f.start(d, "fibre", false); v.Stopped || v.OK {
			t.Errorf("and the backup is bad anyway: %+v", v)
		}
	})
}

func TestAFullRehearsal(t *testing.T) {
	bubble(t, func(t *testing.T, f *fake) {
		cfg := houseConfig()
		cfg.WANs[1].Failback = router.Move
		d := f.running(cfg)
		v := f.start(d, "fibre", true)
		if !v.OK || v.Sentence != "lte has carried the house while fibre counted as failed." || v.End.Sub(v.Start) != 66*time.Second {
			t.Errorf("%+v, in %s", v, v.End.Sub(v.Start))
		}
		wantFelt(t, v, "3 of 611 pings by the house's own way were lost, 300 ms at a stretch.",
			`What began on lte meanwhile was ended with it, as its failback = "move" says.`,
			"What was running stayed on fibre; only new connections moved. A real failure ends the old ones, and programs connect anew.")
		var moves []string
		for _, fact := range f.facts {
			switch m := fact.(type) {
			case router.DrillSeen:
				if m.View.End.IsZero() && len(moves) == 0 && !m.View.Full {
					t.Error("nobody was told that the house is about to be moved")
				}
			case router.Rehearsed:
				moves = append(moves, fmt.Sprint(m.WAN, " ", m.Until.IsZero()))
			}
		}
		if !slices.Equal(moves, []string{"fibre false", "fibre true"}) {
			t.Errorf("told the router %q", moves)
		}
	})
}

func TestAFullRehearsalEndsEarly(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(*fake, *Driller)
		ok   bool
		says string
	}{
		"stopped": {func(_ *fake, d *Driller) { d.Stop() }, true, "lte has carried the house while fibre counted as failed."},
		"the backup fails": {func(f *fake, _ *Driller) {
			f.set(func(s *router.Snapshot) { // as the router does by itself
				s.WANs[1].State, s.WANs[1].Reason, s.WANs[1].Active = "down", "no cable in wan1", false
				s.WANs[0].Active, s.WANs[0].RehearsedUntil = true, nil
			})
		}, false, "If fibre fails, lte failed while it carried the house: no cable in wan1."},
		"a wish": {func(f *fake, _ *Driller) {
			f.set(func(s *router.Snapshot) {
				s.WANs[0].Active, s.WANs[1].Active, s.WANs[0].RehearsedUntil = true, false, nil
			})
		}, true, "lte has carried the house while fibre counted as failed."},
		"taken out": {func(f *fake, _ *Driller) { f.set(func(s *router.Snapshot) { s.WANs = s.WANs[1:] }) }, true, "lte has carried the house while fibre counted as failed."},
	} {
		bubble(t, func(t *testing.T, f *fake) {
			d := f.running(houseConfig())
			if _, err := d.Start("fibre", true); err != nil {
				t.Fatal(err)
			}
			time.Sleep(20 * time.Second)
			if s, _ := f.Snapshot(); !s.WANs[1].Active {
				t.Fatal("the house has not moved")
			}
			c.end(f, d)
			time.Sleep(2 * time.Second)
			if s, _ := f.Snapshot(); len(s.WANs) == 2 && !s.WANs[0].Active {
				t.Errorf("%s: the house is not back", name)
			}
			v := f.over(d)
			if v.OK != c.ok || v.Sentence != c.says || v.Stopped {
				t.Errorf("%s: %+v", name, v)
			}
		})
	}
}

func TestARouterThatDoesNotMoveTheHouse(t *testing.T) {
	bubble(t, func(t *testing.T, f *fake) {
		f.deaf = true
		d := f.running(houseConfig())
		if v := f.start(d, "fibre", true); v.OK || v.Sentence != "If fibre fails, the house did not move." {
			t.Errorf("%+v", v)
		}
	})
}

func TestTheOtherRouter(t *testing.T) {
	for _, c := range []struct {
		change func(*router.PairView)
		says   string
		steps  int
	}{
		{func(*router.PairView) {}, "If fibre fails, the other router could take over, as far as can be told from here.", 3},
		{func(p *router.PairView) { p.Connected = false }, "If fibre fails, the other router could not take over: second does not answer.", 1},
		{func(p *router.PairView) { p.HearsUs = false }, "If fibre fails, the other router could not take over: it does not hear this router.", 2},
		{func(p *router.PairView) { p.Verdict, p.Sentence = router.VerdictOffline, "No Internet." }, "If fibre fails, the other router could not take over: it has no Internet itself.", 3},
	} {
		bubble(t, func(t *testing.T, f *fake) {
			f.snapshot.WANs[0].Heirs, f.snapshot.VRRP = nil, make([]router.VRRPSnapshot, 1)
			f.snapshot.Pair = &router.PairView{Peer: "192.168.1.3", Router: "second", Connected: true, HearsUs: true, Heard: true, Verdict: router.VerdictOK, Sentence: "Internet works, on dsl."}
			c.change(f.snapshot.Pair)
			v := f.start(f.running(houseConfig()), "fibre", false)
			if v.Sentence != c.says || v.Through != "the other router" || len(v.Steps) != c.steps || f.done() > 0 {
				t.Errorf("%+v", v)
			}
		})
	}
}

func TestOnceAWeek(t *testing.T) {
	bubble(t, func(t *testing.T, f *fake) {
		f.running(houseConfig())
		time.Sleep(9 * time.Minute)
		if f.done() > 0 {
			t.Error("a new router rehearses at once")
		}
		time.Sleep(2 * time.Minute)
		if f.done() != 1 {
			t.Errorf("the first one was not made up for: %d", f.done())
		}
		time.Sleep(70 * 24 * time.Hour)
		if n := f.done(); n != 11 {
			t.Errorf("%d rehearsals in ten weeks, want 11", n)
		}
		f.breaks("lte", "nothing answers on it")
		time.Sleep(7 * 24 * time.Hour)
		if n := f.done(); n < 12 || n > 18 {
			t.Errorf("%d rehearsals, one of which failed: it is to be repeated each day", n)
		}
	})
}

func TestPutOffWhileTheHouseIsOnTheBackup(t *testing.T) {
	bubble(t, func(t *testing.T, f *fake) {
		f.snapshot.Verdict = router.VerdictBackup
		f.running(houseConfig())
		time.Sleep(48 * time.Hour)
		if f.done() > 0 {
			t.Error("it was not put off")
		}
		f.set(func(s *router.Snapshot) { s.Verdict = router.VerdictOK })
		time.Sleep(11 * time.Minute)
		if f.done() != 1 {
			t.Errorf("afterwards: %d", f.done())
		}
	})
}

func TestOffMeansOff(t *testing.T) {
	bubble(t, func(t *testing.T, f *fake) {
		cfg := houseConfig()
		cfg.Drill.On = false
		d := f.running(cfg)
		time.Sleep(30 * 24 * time.Hour)
		if f.done() > 0 {
			t.Errorf("%d", f.done())
		}
		d.Use(houseConfig())
		time.Sleep(time.Second)
		if f.done() != 1 {
			t.Errorf("switched on: %d", f.done())
		}
	})
}

func TestOldOnesAreKept(t *testing.T) {
	bubble(t, func(t *testing.T, f *fake) {
		d := f.running(houseConfig())
		for range kept + 3 {
			f.start(d, "fibre", false)
			time.Sleep(time.Second)
		}
		if len(d.Drills()) != kept || len(f.shelf) != kept {
			t.Errorf("%d rehearsals, %d on the shelf, want %d", len(d.Drills()), len(f.shelf), kept)
		}
	})
}

func TestAfterARestart(t *testing.T) {
	bubble(t, func(t *testing.T, f *fake) {
		begun := time.Now().UTC()
		for _, v := range []router.DrillView{
			{ID: "1", WAN: "fibre", Start: begun.Add(-3 * time.Hour), End: begun, Sentence: "bad"},
			{ID: "2", WAN: "fibre", Start: begun.Add(-2 * time.Hour)},
			{ID: "3", WAN: "dsl", Start: begun.Add(-time.Hour), End: begun},
		} {
			text, _ := json.Marshal(v)
			_ = f.Put(v.ID, text)
		}
		_ = f.Put("4", []byte("{"))
		d := f.running(houseConfig())
		all := d.Drills()
		if len(all) != 2 || all[0].ID != "2" || !all[0].Stopped || all[0].End.IsZero() {
			t.Errorf("%+v", all)
		}
		if got := f.said(); got != "dsl drill ends: dsl is not there any more: its failure need not be rehearsed." {
			t.Errorf("said %q", got)
		}
		if f.start(d, "fibre", false); f.said() != "fibre drill ends: If fibre fails, lte can carry the house." {
			t.Error("the interrupted one ended the incident, or it never ends")
		}
	})
}
