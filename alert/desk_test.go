package alert

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twinpath/twinpath/router"
)

func TestAMessageIsDeliveredOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		d := w.runs(t, configured(phone, mail))
		defer d.stop()
		time.Sleep(5 * time.Minute)
		fibre := outage("a", "fibre")
		d.Take(fibre)
		time.Sleep(2 * time.Minute)
		titled(t, w.read(), "main: fibre is down", "main: fibre is down")
		d.Take(ended(fibre))
		time.Sleep(time.Hour)
		got := w.read()
		titled(t, got, "main: fibre is back after 2 min", "main: fibre is back after 2 min")
		if got[0].way != "fibre" || got[0].url == got[1].url || !got[0].Resolved || got[0].Fields["cause"] != "wan" || got[0].Fields["duration_s"] != "120.0" {
			t.Errorf("%+v", got)
		}
		w.mu.Lock()
		if w.puts > 12 {
			t.Errorf("the disk was written to %d times for two letters", w.puts)
		}
		w.mu.Unlock()
		if w.waiting() != 0 || w.view().Waiting != 0 || len(w.view().Channels) != 2 || w.view().Channels[0].Sent.IsZero() {
			t.Errorf("%d letters on the shelf, %+v", w.waiting(), w.view())
		}
	})
}

func TestEachLineIsTried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.show(router.Snapshot{}, "fibre", "lte")
		w.fails(func(_, way string) error {
			if way == "fibre" {
				return errors.New("no answer within 10s")
			}
			return nil
		})
		d := w.runs(t, configured(phone))
		defer d.stop()
		time.Sleep(5 * time.Minute)
		d.Take(outage("a", "fibre"))
		time.Sleep(61 * time.Second)
		if got := w.read(); len(got) != 1 || got[0].way != "lte" {
			t.Errorf("%+v", got)
		}
	})
}

func TestBothLinesDownIsOneMessageAfterwards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.show(router.Snapshot{}, "fibre", "lte")
		d := w.runs(t, configured(phone))
		defer d.stop()
		time.Sleep(5 * time.Minute)
		w.fails(func(_, way string) error {
			if way == "" {
				return errors.New("network is unreachable")
			}
			return nil
		})
		w.show(router.Snapshot{})
		fibre, lte, none := outage("a", "fibre"), outage("b", "lte"), outage("c", "")
		lte.Cause, none.Cause = router.CauseIdle, router.CauseOffline
		for _, i := range []router.Incident{fibre, lte, none} {
			d.Take(i)
		}
		time.Sleep(10 * time.Minute)
		titled(t, w.read())
		if w.waiting() != 1 || w.view().Waiting != 1 || w.view().Channels[0].Error != "no line worked" {
			t.Errorf("%d letters on the shelf, %+v", w.waiting(), w.view())
		}
		w.show(router.Snapshot{}, "fibre") // before anybody has said what that ends
		time.Sleep(time.Second)
		d.Take(ended(fibre))
		d.Take(ended(none))
		time.Sleep(5 * time.Second)
		d.Take(ended(lte))
		time.Sleep(time.Hour)
		got := w.read()
		titled(t, got, "main: Internet is back after 10 min 1 s")
		if !strings.Contains(got[0].Text, "(From 00:05:00 to 00:15:01: 10 min 1 s.)") {
			t.Errorf("it says %q", got[0].Text)
		}
	})
}

func TestALineIsBackBeforeAnybodySaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		d := w.runs(t, configured(phone))
		defer d.stop()
		time.Sleep(5 * time.Minute)
		w.fails(func(_, way string) error {
			if way == "" {
				return errors.New("network is unreachable")
			}
			return nil
		})
		w.show(router.Snapshot{})
		none := outage("a", "")
		none.Cause = router.CauseOffline
		d.Take(none)
		time.Sleep(63900 * time.Millisecond) // the second try is a second away
		w.show(router.Snapshot{}, "fibre")
		time.Sleep(2500 * time.Millisecond)
		d.Take(ended(none))
		time.Sleep(time.Hour)
		titled(t, w.read(), "main: Internet is back after 1 min 6 s")
	})
}

func TestARestartWithAMessageThatWaits(t *testing.T) {
	for _, isOver := range []bool{false, true} {
		t.Run(fmt.Sprintf("over %t", isOver), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				d := w.runs(t, configured(phone))
				time.Sleep(5 * time.Minute)
				w.fails(func(string, string) error { return errors.New("unreachable") })
				fibre := outage("a", "fibre")
				d.Take(fibre)
				time.Sleep(10 * time.Minute)
				d.stop()
				if w.waiting() != 1 {
					t.Fatalf("%d letters on the shelf", w.waiting())
				}
				time.Sleep(time.Hour)
				w.fails(func(string, string) error { return nil })
				d = w.runs(t, configured(phone))
				want := "main: fibre is down"
				if isOver {
					fibre = ended(fibre)
					want = "main: fibre is back after 1 h 10 min"
				}
				time.Sleep(20 * time.Second) // until the router knows how its lines are
				d.Take(fibre)
				time.Sleep(remembered - time.Minute) // what is over is known for that long
				titled(t, w.read(), want)
				d.stop()
				d = w.runs(t, configured(phone))
				d.Take(fibre)
				time.Sleep(time.Hour)
				titled(t, w.read())
				d.stop()
			})
		})
	}
}

func TestADiskThatFailsKeepsNobodyFromTelling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.diskErr = errors.New("no space left on device")
		d := w.runs(t, configured(phone))
		defer d.stop()
		time.Sleep(5 * time.Minute)
		d.Take(outage("a", "fibre"))
		time.Sleep(2 * time.Minute)
		titled(t, w.read(), "main: fibre is down")
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.puts > 10 {
			t.Errorf("the disk was tried %d times", w.puts)
		}
	})
}

func TestEventsOfAChannel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		cfg := configured(phone, mail)
		cfg.Alert.To[0].Events = []string{"vrrp", "router"}
		d := w.runs(t, cfg)
		defer d.stop()
		time.Sleep(5 * time.Minute)
		d.Take(outage("a", "fibre"))
		time.Sleep(2 * time.Minute)
		if got := w.read(); len(got) != 1 || got[0].url != mail {
			t.Errorf("%+v", got)
		}
		d.Use(configured(phone)) // what waited for the other one does not wait any more
		time.Sleep(time.Minute)
		if w.waiting() != 0 {
			t.Errorf("%d letters on the shelf", w.waiting())
		}
	})
}

func TestTakeNeverBlocks(t *testing.T) {
	d := New(Ports{Log: slog.New(slog.DiscardHandler)})
	for n := range 5000 {
		d.Take(outage(fmt.Sprint(n), "fibre"))
	}
	if n := len(d.box); n != 1000 || d.box[999].ID != "4999" || d.lost != 4000 {
		t.Errorf("%d in the box, %d lost", n, d.lost)
	}
}

func TestTestsGoEverywhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.fails(func(url, _ string) error {
			if url == mail {
				return errors.New("it answers 500")
			}
			return nil
		})
		d := w.runs(t, configured(phone, mail))
		defer d.stop()
		results := d.Test(t.Context())
		if len(results) != 2 || results[0].Err != nil || results[0].Name != "ntfy://ntfy.sh/…" || results[1].Err == nil || results[1].Name != "https://hook.example/…" {
			t.Errorf("%+v", results)
		}
	})
}
