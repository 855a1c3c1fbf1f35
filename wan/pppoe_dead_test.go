package wan

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestPPPoEDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDialler(&access{}, &ppp{plays: []string{wordsUp}})
		d.run(t)
		for range 16 * 60 {
			time.Sleep(time.Second)
			d.Dead()
		}
		if n := d.dials(); n != 5 { // again after 1, 2, 4 and 8 minutes
			t.Errorf("dialled %d times in 16 minutes, want 5", n)
		}
	})
}

// Nor is what was said of one session held against the next.
func TestPPPoEDeadOfTheSessionBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDialler(&access{}, &ppp{plays: []string{wordsUp}})
		d.run(t)
		for range 40 {
			time.Sleep(time.Second)
			d.Dead()
		}
		d.ppp.running.dies("LCP terminated by peer\n")
		for range 40 {
			time.Sleep(time.Second)
			d.Dead()
		}
		if n := d.dials(); n != 2 {
			t.Errorf("dialled %d times, want 2: at first, and after the ISP had ended it", n)
		}
	})
}

// What was said of a line counts only as long as it is said.
func TestPPPoEAliveAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDialler(&access{}, &ppp{plays: []string{wordsUp}})
		d.run(t)
		for range 30 {
			time.Sleep(time.Second)
			d.Dead()
		}
		time.Sleep(10 * time.Minute)
		d.Dead() // of another outage
		time.Sleep(time.Second)
		if n := d.dials(); n != 1 {
			t.Errorf("dialled %d times, want once: the session works again", n)
		}
	})
}

func TestSessionDevices(t *testing.T) {
	one, other := SessionDevice("fibre-telekom-1"), SessionDevice("fibre-telekom-2")
	if one == other || len(one) > 15 || len(other) > 15 {
		t.Errorf("two lines have the devices %q and %q", one, other)
	}
	if short := SessionDevice("fibre"); short != "ppp-fibre" {
		t.Errorf("the device of fibre is %q", short)
	}
}

func TestPPPoEWithoutPppd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDialler(&access{}, &ppp{missing: true})
		d.run(t)
		time.Sleep(time.Second)
		d.wants(t, "the program pppd is missing (install it: apt install ppp)", false)
	})
}
