package alert

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twinpath/twinpath/router"
)

func TestWhatWaitsTooLongIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		d := w.runs(t, configured(phone))
		defer d.stop()
		time.Sleep(5 * time.Minute)
		w.fails(func(string, string) error { return errors.New("unreachable") })
		say := func(n int) {
			d.Take(router.Incident{ID: fmt.Sprint("m", n), Router: "main", Cause: router.CauseUndone, Moment: true, Start: time.Now(), Clock: true, Sentence: fmt.Sprintf("Change %d was not kept.", n)})
		}
		say(0)
		time.Sleep(8 * 24 * time.Hour)
		if w.waiting() != 0 || w.view().Dropped != 1 {
			t.Errorf("after a week %d letters wait, %d are dropped", w.waiting(), w.view().Dropped)
		}
		for n := range mostLetters + 5 {
			say(n + 1)
			time.Sleep(time.Minute)
		}
		if n := w.waiting(); n != mostLetters || w.view().Dropped != 6 {
			t.Errorf("%d letters wait, %d are dropped", n, w.view().Dropped)
		}
		w.fails(func(string, string) error { return nil })
		time.Sleep(10 * time.Minute)
		got := w.read()
		if len(got) == 0 || !strings.Contains(got[0].Text, "6 older messages are lost") || strings.Contains(got[0].Text, "Change 0 ") {
			t.Errorf("%+v", got)
		}
		time.Sleep(24 * time.Hour)
		for _, g := range w.read() {
			if strings.Contains(g.Text, "are lost") {
				t.Errorf("it is said again: %s", g.Text)
			}
		}
		if w.waiting() != 0 {
			t.Errorf("%d letters wait", w.waiting())
		}
	})
}

func TestWhatHadToWaitIsOneMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		d := w.runs(t, configured(phone))
		defer d.stop()
		time.Sleep(5 * time.Minute)
		w.fails(func(string, string) error { return errors.New("ntfy.sh does not answer") })
		fibre := outage("a", "fibre")
		d.Take(fibre)
		time.Sleep(2 * time.Minute)
		d.Take(router.Incident{ID: "b", Router: "main", Cause: router.CauseBudget, WAN: "lte", Moment: true, Start: time.Now(), Clock: true, Sentence: "lte has used 80 %."})
		time.Sleep(30 * time.Minute)
		w.fails(func(string, string) error { return nil })
		time.Sleep(6 * time.Minute) // the longest pause
		got := w.read()
		titled(t, got, "main: 2 messages, the newest: lte has used up data")
		if len(got) == 1 {
			for _, want := range []string{"00:06:00 main: fibre is down\nfibre is down: no answer. (Since 00:05:00.)", "lte has used 80 %. (00:07:00)", "Told late: ntfy.sh does not answer."} {
				if !strings.Contains(got[0].Text, want) {
					t.Errorf("%q is not in %q", want, got[0].Text)
				}
			}
		}
		d.Take(ended(fibre))
		time.Sleep(time.Minute)
		if got := w.read(); len(got) != 1 || strings.Contains(got[0].Text, "late") {
			t.Errorf("%+v", got)
		}
	})
}

func TestLinesThatWorkAgainAreUsedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		d := w.runs(t, configured(phone))
		defer d.stop()
		time.Sleep(5 * time.Minute)
		w.fails(func(_, way string) error {
			if way != "lte" {
				return errors.New("unreachable")
			}
			return nil
		})
		d.Take(outage("a", "fibre"))
		time.Sleep(4 * time.Hour)
		titled(t, w.read())
		began := time.Now()
		w.show(router.Snapshot{}, "lte")
		time.Sleep(10 * time.Second)
		if got := w.read(); len(got) != 1 || got[0].at.Sub(began) > 8*time.Second {
			t.Errorf("%+v", got)
		}
	})
}

func TestAServiceThatRefusesIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		var tries atomic.Int32
		d := w.runs(t, configured(phone))
		defer d.stop()
		time.Sleep(5 * time.Minute)
		w.fails(func(string, string) error { tries.Add(1); return forbidden{} })
		d.Take(outage("a", "fibre"))
		time.Sleep(5 * time.Hour)
		if n := tries.Load(); n < 4 || n > 7 {
			t.Errorf("%d tries in five hours", n)
		}
		text, _ := json.Marshal(w.view())
		if !strings.Contains(string(text), "403 Forbidden") || strings.Contains(string(text), "s3cr3t") {
			t.Errorf("the page says %s", text)
		}
	})
}

type forbidden struct{}

func (forbidden) Error() string   { return "send to ntfy://ntfy.sh/…: it answers 403 Forbidden" }
func (forbidden) Permanent() bool { return true }

func TestNoMoreThanPeopleRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		d := w.runs(t, configured(phone))
		time.Sleep(5 * time.Minute)
		for n := range 40 {
			d.Take(router.Incident{ID: fmt.Sprint("m", n), Router: "main", Cause: router.CauseUndone, Moment: true, Start: time.Now(), Clock: true, Sentence: fmt.Sprintf("Change %d was not kept.", n)})
			time.Sleep(time.Minute)
			if n == 20 { // a restart is no way around it
				d.stop()
				d = w.runs(t, configured(phone))
			}
		}
		got := w.read()
		if len(got) != perHour {
			t.Errorf("%d messages in %d minutes, want %d", len(got), 40, perHour)
		}
		time.Sleep(time.Hour)
		got = w.read()
		if len(got) != 1 || !strings.Contains(got[0].Text, "Change 39") || !strings.Contains(got[0].Text, "at most 6 messages an hour") {
			t.Errorf("afterwards: %+v", got)
		}
		d.stop()
	})
}

func TestNoiseSilencesNoOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		d := w.runs(t, configured(phone))
		time.Sleep(5 * time.Minute)
		for n := range 15 {
			d.Take(router.Incident{ID: fmt.Sprint("m", n), Router: "main", Cause: router.CauseLogin, Moment: true, Start: time.Now(), Clock: true, Sentence: "Somebody guesses passwords."})
			time.Sleep(time.Minute)
		}
		w.read()
		d.Take(outage("a", "fibre"))
		time.Sleep(90 * time.Second)
		got := w.read()
		if len(got) != 1 || !strings.Contains(got[0].Title+got[0].Text, "fibre") {
			t.Errorf("after a flood of guesses an outage is told as %+v", got)
		}
		d.stop()
	})
}

func TestThirtyDaysOfTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		d := w.runs(t, configured(phone, mail))
		random := rand.New(rand.NewPCG(1, 2))
		open := map[string]router.Incident{}
		messages, largest, most := 0, 0, 0
		for day := range 30 {
			for n := range 300 {
				id := fmt.Sprintf("%d-%d", day, n)
				switch kind := random.IntN(10); {
				case kind < 6:
					i := outage(id, []string{"fibre", "lte", "dsl"}[random.IntN(3)])
					open[id] = i
					d.Take(i)
				case kind < 8:
					d.Take(router.Incident{ID: id, Cause: []router.Cause{router.CauseVRRP, router.CauseLogin, router.CauseUndone}[random.IntN(3)], VRRP: "lan",
						State: []string{"active", "backup"}[random.IntN(2)], Moment: true, Start: time.Now(), Sentence: strings.Repeat("x", 900)})
				default:
					down := random.IntN(2) == 0
					w.fails(func(string, string) error {
						if down {
							return errors.New("unreachable")
						}
						return nil
					})
				}
				for _, id := range slices.Sorted(maps.Keys(open)) {
					if random.IntN(2) == 0 {
						d.Take(ended(open[id]))
						delete(open, id)
					}
				}
				time.Sleep(time.Duration(random.IntN(570)) * time.Second)
			}
			synctest.Wait()
			messages += len(w.read())
			w.mu.Lock()
			for _, item := range w.shelf {
				largest = max(largest, len(item.Value))
			}
			most = max(most, len(w.shelf))
			w.mu.Unlock()
			if day%10 == 5 {
				d.stop()
				d = w.runs(t, configured(phone, mail))
			}
		}
		d.stop()
		t.Logf("30 days: %d messages, at most %d things on the shelf, the largest of %d bytes, %d writes, %d threads", messages, most, largest, w.puts, len(d.machine.threads))
		if messages > 2*30*(perDay+moreDay+1) || most > 210 || largest > 64<<10 || len(d.machine.threads) > 200 || len(d.outbox.letters) > mostLetters {
			t.Error("that is more than there may be")
		}
	})
}
