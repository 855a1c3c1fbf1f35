package budget

import (
	"context"
	"maps"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twinpath/twinpath/router"
)

const (
	mega = 1_000_000
	giga = 1000 * mega
)

func TestLevelsAreSaidOnceInTheirPeriod(t *testing.T) {
	b := newBox(t, router.Budget{Month: 5 * giga, Then: router.Essential})
	b.carry(2499 * mega)
	b.pass(0)
	b.wantSaid()
	b.carry(mega)
	b.pass(0)
	b.wantSaid("lte has used 50 % of its 5 GB for this month (2.5 GB); it begins anew on 1 December.")
	b.pass(time.Hour)
	b.killed()
	b.pass(time.Hour)
	b.wantSaid()
	b.carry(2 * giga)
	b.pass(0)
	b.wantSaid("lte has used 80 % of its 5 GB for this month (4.5 GB); it begins anew on 1 December.")
	if v := b.view(); v.Limited != router.Unclassed || v.Percent != 90 {
		t.Errorf("at 90 %%: %+v", v)
	}
	b.carry(600 * mega)
	b.pass(0)
	b.wantSaid("lte has used up its 5 GB for this month: what is essential goes on over it, the rest slowly; it begins anew on 1 December.")
	if v := b.view(); v.Limited != router.Essential || v.Class != "essential" || v.Percent != 102 {
		t.Errorf("at 102 %%: %+v", v)
	}
	b.rebooted()
	b.pass(time.Hour)
	b.wantSaid()

	b.now = time.Date(2026, 11, 30, 23, 59, 55, 0, time.UTC)
	b.carry(100)
	b.pass(0) // the first reading of December
	b.wantSaid()
	b.wantUsed("in December", 100, 0)
	if v := b.view(); v.Limited != router.Unclassed || v.Percent != 0 || !v.Resets.Equal(time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("in December: %+v", v)
	}
	b.carry(5 * giga)
	b.pass(0)
	b.wantSaid("lte has used up its 5 GB for this month: what is essential goes on over it, the rest slowly; it begins anew on 1 January.")
}

func TestAnIncidentHasItsOwnLimit(t *testing.T) {
	b := newBox(t, router.Budget{Incident: giga, Then: router.Never})
	b.carry(700 * mega) // of checks and such: the house does not use it
	b.pass(0)
	b.wantUsed("unused", 700*mega, 0)
	b.active = "lte"
	b.carry(500 * mega)
	b.pass(0)
	b.wantUsed("carrying", 1200*mega, 500*mega)
	b.wantSaid("lte has used 50 % of its 1 GB for one outage (500 MB).")
	b.killed()
	b.wantUsed("after a restart", 1200*mega, 500*mega)
	b.carry(100 * mega)
	b.pass(time.Minute)
	b.rebooted()
	b.wantUsed("after a power cut that took the batch", 1200*mega, 500*mega)
	b.carry(500 * mega)
	b.pass(0)
	b.wantSaid("lte has used up its 1 GB for one outage: nobody may use it any more but who always may.")

	// The line is left because of that: a degraded one carries the house. New data is not earned by it.
	b.active, b.state = "fibre", "degraded"
	b.pass(time.Hour)
	if v := b.view(); v.Limited != router.Never {
		t.Errorf("an hour on a degraded line: %+v", v)
	}
	b.state = "up"
	b.pass(calm - 2*often)
	b.active = "lte" // a relapse
	b.pass(0)
	b.active = "fibre"
	b.pass(calm)
	if v := b.view(); v.Limited != router.Never {
		t.Errorf("just before the end: %+v", v)
	}
	b.pass(0)
	if v := b.view(); v.Limited != router.Unclassed || v.Used.Incident != 0 {
		t.Errorf("after the end: %+v", v)
	}
	b.active = "lte"
	b.carry(500 * mega)
	b.pass(0)
	b.wantSaid("lte has used 50 % of its 1 GB for one outage (500 MB).")
}

func TestPrepaidDataIsCountedSinceItWasBought(t *testing.T) {
	b := newBox(t, router.Budget{Prepaid: 10 * giga, From: time.Date(2026, 10, 5, 0, 0, 0, 0, time.UTC)})
	b.disk = map[string]router.Traffic{"2026-10-04": {Rx: 9 * giga}, "2026-10-05": {Rx: 3 * giga}, "2026-11-02": {Tx: 3 * giga}}
	b.pass(again)
	if got := b.view().Used; got.Prepaid != 6*giga || got.Month != 3*giga {
		t.Errorf("used: %+v, want 6 GB of what is prepaid and 3 GB of the month", got)
	}
	b.wantSaid("lte has used 50 % of its 10 GB bought on 5 October (6 GB).")
	b.carry(4 * giga)
	b.pass(0)
	b.wantSaid("lte has used up its 10 GB bought on 5 October: it is used all the same.")
	if v := b.view(); v.Limited != router.Unclassed || v.Percent != 100 {
		t.Errorf("used up, and only said: %+v", v)
	}
	b.cfg.WANs[1].Budget.From = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC) // the owner buys more, for tomorrow
	b.counter.configure(b.cfg)
	b.pass(0)
	if got := b.view(); got.Used.Prepaid != 0 || got.Percent != 0 {
		t.Errorf("after buying: %+v", got)
	}
}

// However a run ends, the next one knows what the line has carried since.
func TestNothingIsLostOrCountedTwice(t *testing.T) {
	b := newBox(t, router.Budget{})
	b.carry(100)
	b.pass(0)
	b.wantUsed("counted", 100, 0)
	b.killed() // before anything reached the disk
	b.wantUsed("after a kill", 100, 0)
	b.flush()
	b.carry(50) // while nobody runs
	b.killed()
	b.wantUsed("after another", 150, 0)
	b.flush()
	b.killed()
	b.wantUsed("after a third", 150, 0)
	b.carry(10)
	b.pass(2 * mark)
	b.flush()
	b.carry(7)
	b.counter.round(true)
	b.flush()
	b.begin()
	b.wantUsed("after a stop", 167, 0)
	b.flush()
	b.kernel["lte"] = router.Traffic{Rx: 3} // somebody took our table away: counters begin anew
	b.pass(0)
	b.wantUsed("after counters began anew", 170, 0)
	b.flush()
	b.carry(1)
	b.pass(0)
	b.rebooted()
	b.wantUsed("after a power cut", 170, 0) // the last batch
	b.kernel["lte"] = router.Traffic{Rx: 5}
	b.pass(0)
	b.wantUsed("after the boot", 175, 0)
	delete(b.kernel, "lte") // the stick is out
	b.pass(time.Minute)
	b.wantUsed("without counters", 175, 0)
	b.kernel["lte"] = router.Traffic{Rx: 6}
	b.pass(0)
	b.wantUsed("with counters again", 176, 0)
}

func TestAClockThatNobodyHasSet(t *testing.T) {
	b := newBox(t, router.Budget{Month: giga})
	b.carry(600 * mega)
	b.pass(0)
	b.flush()
	b.wantSaid("lte has used 50 % of its 1 GB for this month (600 MB); it begins anew on 1 December.")
	set := b.now.Add(time.Hour)
	for _, wrong := range []time.Time{time.Date(1970, 1, 1, 0, 1, 0, 0, time.UTC), time.Date(2026, 12, 24, 0, 0, 0, 0, time.UTC), time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC)} {
		b.now, b.unset = wrong, true
		b.rebooted()
		b.carry(10 * mega)
		b.pass(time.Minute)
		b.wantSaid()
		b.flush()
	}
	b.wantUsed("without a clock", 630*mega, 0)
	b.now, b.unset = set, false
	b.pass(0)
	b.wantUsed("with a clock", 630*mega, 0)
	if b.disk["2026-11-21"].Rx+b.disk["2026-11-21"].Tx != 630*mega {
		t.Errorf("kept: %v", b.disk)
	}
	b.now = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	b.carry(600 * mega)
	b.pass(0)
	b.wantSaid("lte has used 50 % of its 1 GB for this month (600 MB); it begins anew on 1 January.")

	// A new box has no day that could go on: the kernel keeps it until there is one.
	fresh := newBox(t, router.Budget{Month: giga})
	fresh.shelf, fresh.unset, fresh.now = map[string][]byte{}, true, time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
	fresh.begin()
	fresh.carry(50)
	fresh.pass(time.Minute)
	if len(fresh.memory) > 0 {
		t.Errorf("kept under a day that nobody knows: %v", fresh.memory)
	}
}

func TestADiskThatDoesNotAnswer(t *testing.T) {
	b := newBox(t, router.Budget{Month: giga, Then: router.Never})
	b.carry(990 * mega)
	b.pass(0)
	b.flush()
	b.events = nil
	b.broken = errDisk
	b.carry(mega)
	b.killed()
	if b.counter.accounts[0].opened {
		t.Error("counting began before the disk had its time")
	}
	b.broken = nil
	b.pass(0)
	b.wantUsed("when it answers", 991*mega, 0)
	b.flush()
	b.broken = errDisk
	b.carry(2 * mega)
	b.pass(again) // what is known does not get less
	b.wantUsed("while it fails", 993*mega, 0)
	b.wantSaid()
	b.carry(7 * mega)
	b.pass(0)
	if len(b.events) != 1 || b.view().Limited != router.Never {
		t.Errorf("used up while the disk fails: %v, %+v", b.events, b.view())
	}

	b.killed() // and now it never answers
	b.pass(patience)
	b.carry(5)
	b.pass(0)
	b.wantUsed("without any memory", 5, 0)
	b.broken = nil
	b.pass(again)
	b.wantUsed("when the disk is back", 991*mega+5, 0) // but what was in memory when it was killed
}

// Idle, the router hears of a budget every ten minutes at most.
func TestItIsToldWhenItIsWorthIt(t *testing.T) {
	b := newBox(t, router.Budget{Month: giga})
	tell := func(what string, want int) {
		t.Helper()
		if len(b.told) != want {
			t.Errorf("%s: told %d times, want %d", what, len(b.told), want)
		}
		b.told = nil
	}
	tell("at first", 1)
	b.pass(time.Hour)
	tell("unused", 0)
	for range 360 {
		b.carry(1000) // checks
		b.pass(0)
	}
	tell("an hour of checks", 6)
	b.active = "lte"
	for range 360 {
		b.carry(100)
		b.pass(0)
	}
	tell("an hour of carrying little", 60)
	b.carry(20 * mega)
	b.pass(0)
	tell("a percent more", 1)
}

func TestWithoutAMeteredLineItSleeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBox(t, router.Budget{})
		var readings atomic.Int32
		b.counter.ports.Traffic = func() (map[string]router.Traffic, error) { readings.Add(1); return maps.Clone(b.kernel), nil }
		b.counter.ports.Now = time.Now
		b.counter.accounts = nil
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- b.counter.Run(ctx) }()
		time.Sleep(time.Hour)
		if n := readings.Load(); n != 0 {
			t.Errorf("%d readings", n)
		}
		b.counter.Use(router.Config{})
		b.counter.Use(b.cfg)
		time.Sleep(time.Minute + time.Second)
		if n := readings.Load(); n != 7 {
			t.Errorf("%d readings in a minute, want 7", n)
		}
		cancel()
		if err := <-done; err != nil || readings.Load() != 8 {
			t.Errorf("at the end: %v, %d readings, want one more", err, readings.Load())
		}
		if len(b.shelf) == 0 {
			t.Error("no state is kept")
		}
	})
}

func TestPercentOfHugeNumbers(t *testing.T) {
	for _, c := range []struct {
		used, most uint64
		want       int
	}{{1 << 63, 1 << 63, 100}, {1<<64 - 1, 1<<64 - 1, 100}, {1<<64 - 1, 1, 1<<31 - 1}, {1<<63 - 1, 1 << 63, 99}, {0, 5, 0}, {5, 0, 0}} {
		if got := (limit{used: c.used, most: c.most}).percent(); got != c.want {
			t.Errorf("%d of %d is %d %%, want %d", c.used, c.most, got, c.want)
		}
	}
}
