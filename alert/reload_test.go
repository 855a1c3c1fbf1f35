package alert

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twinpath/twinpath/router"
)

const corrected = "ntfy://:right@ntfy.sh/s3cr3t-topic"

// TestAPasswordThatIsCorrected has a message wait for a channel whose URL is wrong, until the owner corrects it.
func TestAPasswordThatIsCorrected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		d := w.runs(t, configured(phone, mail))
		defer d.stop()
		wrong := func(url, _ string) error {
			if url == phone {
				return errors.New("it answers 401")
			}
			return nil
		}
		w.fails(wrong)
		time.Sleep(5 * time.Minute)
		fibre := outage("a", "fibre")
		d.Take(fibre)
		time.Sleep(2 * time.Minute)
		titled(t, w.read(), "main: fibre is down")
		d.Use(configured(corrected, mail))
		time.Sleep(time.Hour)
		if got := w.read(); len(got) != 1 || got[0].url != corrected {
			t.Errorf("people got %+v", got)
		}
		// the same, while the other channel has not got it either
		d.Use(configured(phone, mail))
		w.fails(func(string, string) error { return errors.New("no answer within 10s") })
		d.Take(ended(fibre))
		time.Sleep(2 * time.Minute)
		w.fails(wrong)
		d.Use(configured(corrected, mail))
		time.Sleep(time.Hour)
		if got := w.read(); len(got) != 2 || got[0].url == got[1].url {
			t.Errorf("people got %+v", got)
		}
		if w.waiting() != 0 || w.view().Waiting != 0 {
			t.Errorf("%d letters on the shelf, %+v", w.waiting(), w.view())
		}
	})
}

// TestAConfigurationThatGoesBack has a message wait while one without channels is tried.
func TestAConfigurationThatGoesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.show(router.Snapshot{}, "fibre")
		d := w.runs(t, configured(phone))
		defer d.stop()
		w.fails(func(string, string) error { return errors.New("no answer within 10s") })
		time.Sleep(5 * time.Minute)
		d.Take(outage("a", "fibre"))
		time.Sleep(2 * time.Minute)
		d.Use(configured())
		time.Sleep(90 * time.Second)
		if w.waiting() != 1 || w.view().Waiting != 0 {
			t.Errorf("without channels: %d letters on the shelf, %+v", w.waiting(), w.view())
		}
		w.fails(func(string, string) error { return nil })
		d.Use(configured(phone))
		time.Sleep(time.Hour)
		titled(t, w.read(), "main: fibre is down")
	})
}

// TestAChannelThatIsTakenAway has a message wait for a channel that its owner does not want any more.
func TestAChannelThatIsTakenAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		d := w.runs(t, configured(phone))
		defer d.stop()
		w.fails(func(string, string) error { return errors.New("it answers 401") })
		time.Sleep(5 * time.Minute)
		fibre := outage("a", "fibre")
		d.Take(fibre)
		time.Sleep(2 * time.Minute)
		d.Use(configured())
		d.Take(ended(fibre))
		time.Sleep(oldest + time.Hour)
		d.Use(configured(mail))
		time.Sleep(time.Hour)
		if w.waiting() != 0 || w.view().Waiting != 0 || w.view().Dropped != 0 {
			t.Errorf("%d letters on the shelf, %+v", w.waiting(), w.view())
		}
	})
}

// TestAHugeLetterIsKept has twenty lines fail at once, each of which others have carried for a while.
func TestAHugeLetterIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		d := w.runs(t, configured(phone))
		defer d.stop()
		w.fails(func(string, string) error { return errors.New("no answer within 10s") })
		time.Sleep(5 * time.Minute)
		for n := range 20 {
			i := outage(fmt.Sprint("main-", n), fmt.Sprint("line-", n))
			i.Sentence = strings.Repeat("ä", clause)
			for range 30 {
				i.Carried = append(i.Carried, router.Carrier{WAN: "lte", Metered: true, From: time.Now(), To: time.Now(), Data: 1 << 40})
			}
			d.Take(i)
		}
		time.Sleep(5 * time.Minute)
		if w.waiting() != 1 {
			t.Errorf("%d letters on the shelf, want one", w.waiting())
		}
		w.fails(func(string, string) error { return nil })
		time.Sleep(time.Hour)
		if got := w.read(); len(got) != 1 || w.waiting() != 0 {
			t.Errorf("%d wait; people got %+v", w.waiting(), got)
		}
	})
}

// some is an error of a service that has reached one of two readers.
type some struct{ final bool }

func (some) Error() string     { return "it answers 400: chat not found" }
func (some) Partly() bool      { return true }
func (s some) Permanent() bool { return s.final }

// TestWhoHasItDoesNotGetItAgain has a channel with two readers of whom one cannot be reached.
func TestWhoHasItDoesNotGetItAgain(t *testing.T) {
	for final, want := range map[bool]int{true: 1, false: 3} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld()
			w.show(router.Snapshot{}, "fibre", "lte")
			var times atomic.Int32
			w.fails(func(string, string) error {
				times.Add(1)
				return some{final}
			})
			d := w.runs(t, configured(phone))
			defer d.stop()
			time.Sleep(5 * time.Minute)
			d.Take(outage("a", "fibre"))
			time.Sleep(12 * time.Hour)
			if n := int(times.Load()); n != want || w.waiting() != 0 || w.view().Channels[0].Error == "" {
				t.Errorf("final %t: sent %d times, want %d; %d wait, %+v", final, n, want, w.waiting(), w.view())
			}
		})
	}
}
