package health

import (
	"testing"
	"time"

	"github.com/twinpath/twinpath/internal/wallclock"
)

// Someone sets the clock by a year, either way: no check notices, and a blackout is still seen in time.
func TestAClockThatJumpsIsNoOutage(t *testing.T) {
	const year = 365 * 24 * time.Hour
	for _, jump := range []time.Duration{year, -year} {
		l := newLine(Config{}, 1)
		l.now = time.Now() // has the monotonic reading that a jump leaves alone
		l.m = NewMachine(Config{}, l.now, false)
		answers := true
		l.answer = func(int, time.Time) (time.Duration, bool) { return l.rtt(), answers }
		notUp := func(m *Machine) bool { return m.state != Up }
		l.run(5*time.Second, nil)
		l.now = wallclock.Jump(l.now, jump)
		sent := l.sent
		if l.run(20*time.Second, notUp) {
			t.Errorf("jump of %s: the line is %s", jump, l.m.state)
		}
		if n := l.sent - sent; n < 55 || n > 65 {
			t.Errorf("jump of %s: %d probes in 20s, want 60", jump, n)
		}
		answers = false
		l.now = wallclock.Jump(l.now, -jump)
		if !l.run(2*time.Second, func(m *Machine) bool { return m.state == Down }) {
			t.Errorf("jump of %s: a blackout of 2s is not seen", jump)
		}
	}
}
