package vrrp

import (
	"net/netip"
	"testing"
	"time"
)

const ms = time.Millisecond

// skew100 and down100 are the times of priority 100 at 1 s: (256-100)/256 s, and three seconds more.
const (
	skew100 = 609375 * time.Microsecond
	down100 = 3*time.Second + skew100
)

// RFC 9568 §6.4.1: "If the Priority associated with the Virtual Router is 255 …": the owner is Active at once.
func TestOwnerStartsAsActive(t *testing.T) {
	tt := newTester(t, plain(Owner))
	tt.start(0, "send 255 1s", "hold", "announce", "waiting>active: it owns the addresses (priority 255)")
	tt.shows(Active, true, ours)
	tt.tick(time.Second, "send 255 1s")
}

// RFC 9568 §6.4.1, everybody else: the down-interval of our own interval, then Backup. §6.4.2: when it is over, Active.
func TestBackupTakesOverWhenNobodyIsHeard(t *testing.T) {
	tt := newTester(t, plain(100))
	tt.never()
	tt.shows(Waiting, false, "")
	tt.start(0, "waiting>backup: listening for 3.61 s")
	tt.shows(Backup, false, "")
	tt.tick(down100, took(plain(100), "nobody was heard for 3.61 s")...)
	tt.tick(down100+time.Second, "send 100 1s")
	tt.tick(down100+2*time.Second, "send 100 1s")
}

// RFC 9568 §6.4.2: an advert of equal or higher priority teaches the interval and starts the down-interval again.
func TestBackupFollows(t *testing.T) {
	for _, priority := range []uint8{100, 101, Owner} {
		tt := backup(t, plain(100), priority)
		tt.shows(Backup, false, other)
		tt.hearEvery(2*time.Second, other, priority, 2*time.Second)
		// 3 × 2 s + 156/256 × 2 s
		down := 6*time.Second + 2*skew100
		tt.tick(2*time.Second+down, took(plain(100), other+" has been silent for 7.22 s (limit 7.22 s)")...)
	}
}

// RFC 9568 §6.4.2: a lower advert is discarded where Preempt_Mode is true: the timer of the last one that counted goes on.
func TestBackupIgnoresLower(t *testing.T) {
	tt := backup(t, plain(100), 99)
	tt.hear(2*time.Second, other, 99)
	tt.hear(3*time.Second, other, 99)
	tt.tick(down100, took(plain(100), other+" announces priority 99, ours is 100")...)
}

// RFC 9568 §6.4.2: … and counts where it is false.
func TestNoPreemptFollowsLower(t *testing.T) {
	s := plain(100)
	s.Preempt = false
	tt := backup(t, s, 99)
	tt.hear(2*time.Second, other, 99)
	tt.tick(2*time.Second+down100, took(s, other+" has been silent for 3.61 s (limit 3.61 s)")...)
}

// RFC 9568 §6.4.2: priority 0 leaves the skew time, of the interval that was learned.
func TestBackupAfterGoodBye(t *testing.T) {
	tt := backup(t, plain(100), 150)
	tt.hearEvery(2*time.Second, other, 150, 500*ms)
	tt.hearEvery(2100*ms, other, 0, 500*ms)
	tt.shows(Backup, false, "")
	tt.hearEvery(2200*ms, other, 0, 500*ms) // a second one puts nothing off
	tt.tick(2100*ms+skew100/2, took(plain(100), other+" has stopped (priority 0)")...)
}

// A good-bye must not lengthen what is left of the down-interval either.
func TestGoodByePutsNothingOff(t *testing.T) {
	tt := backup(t, plain(100), 150)
	tt.hear(time.Second+down100-10*ms, other, 0)
	tt.tick(time.Second+down100, took(plain(100), other+" has stopped (priority 0)")...)
}

// RFC 9568 §6.4.2 and §6.4.3, Shutdown: a Backup is silent, an Active says priority 0. It keeps the addresses for its successor.
func TestShutdown(t *testing.T) {
	tt := backup(t, plain(100), 150)
	tt.step(2*time.Second, lan, Event{Kind: Stop}, "backup>waiting: stopped")

	stop := Event{Kind: Stop, Keep: 5 * time.Second, Reason: "the service was stopped"}
	tt = active(t, plain(100))
	tt.step(4100*ms, lan, stop, "send 0 1s", "active>waiting: the service was stopped")
	tt.shows(Waiting, true, "")
	tt.hear(4500*ms, other, 0) // not a successor
	tt.hear(4600*ms, other, 90, "release")
	tt.shows(Waiting, false, other)

	tt = active(t, plain(100))
	tt.step(4100*ms, lan, stop, "send 0 1s", "active>waiting: the service was stopped")
	tt.tick(9100*ms, "release")
	tt.never()

	tt = active(t, plain(100))
	tt.step(4100*ms, lan, Event{Kind: Stop}, "send 0 1s", "release", "active>waiting: stopped")
	tt.never()
}

// Keep below 0 is for ever, until a later Stop says otherwise.
func TestKeepForEver(t *testing.T) {
	tt := active(t, plain(100))
	tt.step(4100*ms, lan, Event{Kind: Block, State: Fault, Keep: -1, Reason: "check web fails"}, "send 0 1s", "active>fault: check web fails")
	tt.never()
	tt.step(5*time.Second, lan, Event{Kind: Stop, Keep: time.Second}, "fault>waiting: stopped")
	tt.tick(6*time.Second, "release")

	tt = active(t, plain(100))
	tt.step(4100*ms, lan, Event{Kind: Block, State: Fault, Keep: -1, Reason: "check web fails"}, "send 0 1s", "active>fault: check web fails")
	tt.step(5*time.Second, lan, Event{Kind: Block, State: Fault, Reason: "lan0 has no link"}, "release")
	if r := tt.group.View(lan).Reason; r != "lan0 has no link" {
		t.Error(r)
	}
}

// Unblocked before anybody took over, the router goes on as if nothing had been.
func TestNobodyTookOver(t *testing.T) {
	tt := active(t, plain(100))
	tt.step(4100*ms, lan, Event{Kind: Block, State: Fault, Keep: -1, Reason: "check web fails"}, "send 0 1s", "active>fault: check web fails")
	tt.step(9*time.Second, lan, Event{Kind: Unblock}, "send 100 1s", "announce", "fault>active: nobody has taken over")

	tt = active(t, plain(100))
	tt.step(4100*ms, lan, Event{Kind: Block, State: Fault, Keep: -1, Reason: "check web fails"}, "send 0 1s", "active>fault: check web fails")
	tt.hear(5*time.Second, other, 50, "release")
	tt.step(6*time.Second, lan, Event{Kind: Unblock}, "fault>backup: listening for 3.61 s")
	tt.tick(6*time.Second+down100, took(plain(100), other+" has been silent for 4.61 s (limit 3.61 s)")...)
}

// Resume: an engine before this one was Active a moment ago, and the addresses are still in the kernel.
func TestResume(t *testing.T) {
	tt := newTester(t, plain(100))
	tt.step(0, lan, Event{Kind: Start, Resume: true},
		"send 100 1s", "hold", "announce", "waiting>active: it was Active before the engine was started again")
}

// RFC 3768 §6.1: Skew_Time is (256 - Priority) / 256 seconds whatever the interval, and the interval is our own.
func TestVersion2Timers(t *testing.T) {
	s := plain(100)
	s.Version, s.Interval = 2, 3*time.Second
	tt := newTester(t, s)
	tt.start(0, "waiting>backup: listening for 9.61 s")
	tt.hearEvery(time.Second, other, 150, 40*time.Second)
	tt.hearEvery(2*time.Second, other, 0, 40*time.Second)
	tt.tick(2*time.Second+skew100, "send 100 3s", "hold", "announce", "backup>active: "+other+" has stopped (priority 0)")
	tt.tick(5*time.Second+skew100, "send 100 3s")
}

// The intervals of RFC 9568 §5.2.7 at their ends, to the nanosecond.
func TestExactTimes(t *testing.T) {
	for _, c := range []struct {
		version    uint8
		priority   uint8
		interval   time.Duration
		skew, down time.Duration
	}{
		{3, 254, 10 * ms, 78125, 30078125},
		{3, 1, 10 * ms, 9960937, 39960937},
		{3, 100, time.Second, skew100, down100},
		{3, 1, 40950 * ms, 40790039062, 163640039062},
		{2, 254, time.Second, 7812500, 3007812500},
		{2, 1, 255 * time.Second, 996093750, 765996093750},
	} {
		s := Settings{Version: c.version, Priority: c.priority, Interval: c.interval}
		if skew, down := s.skew(c.interval), s.downInterval(c.interval); skew != c.skew || down != c.down {
			t.Errorf("version %d, priority %d, %s: skew %d, down %d", c.version, c.priority, c.interval, skew, down)
		}
	}
}

// FastPreempt: the first lower advert starts the skew time, later ones do not put it off, one that is not lower calls it off.
func TestFastPreempt(t *testing.T) {
	s := plain(100)
	s.FastPreempt = true
	tt := backup(t, s, 150)
	tt.hear(2*time.Second, other, 40)
	tt.hear(2300*ms, other, 40)
	tt.tick(2*time.Second+skew100, took(s, other+" announces priority 40, ours is 100")...)

	tt = backup(t, s, 150)
	tt.hear(2*time.Second, other, 40)
	tt.hear(2300*ms, other, 100)
	tt.tick(2300*ms+down100, took(s, other+" has been silent for 3.61 s (limit 3.61 s)")...)

	tt = backup(t, s, 150)
	tt.hearEvery(2*time.Second, other, 40, 100*ms)
	tt.tick(2*time.Second+skew100/10, took(s, other+" announces priority 40, ours is 100")...)
}

// PreemptDelay counts from the first lower advert; until it is over, the lower Active is followed.
func TestPreemptDelay(t *testing.T) {
	s := plain(100)
	s.FastPreempt, s.PreemptDelay = true, 3*time.Second
	tt := backup(t, s, 90)
	for at := 2 * time.Second; at < 4*time.Second; at += time.Second {
		tt.hear(at, other, 90)
	}
	tt.hear(4*time.Second, other, 90)
	tt.tick(4*time.Second+skew100, took(s, other+" announces priority 90, ours is 100")...)

	// It does not delay where there is no Active, nor after one has died.
	tt = backup(t, s, 90)
	tt.tick(time.Second+down100, took(s, other+" has been silent for 3.61 s (limit 3.61 s)")...)
}

// Without preempt a lower Active is left alone, but not a broken one: it fell, or announces 1.
func TestNoPreemptReplacesBroken(t *testing.T) {
	s := plain(50)
	s.Preempt, s.FastPreempt = false, true
	skew := s.skew(time.Second)
	tt := backup(t, s, 100)
	tt.hear(2*time.Second, other, 51)
	tt.hear(3*time.Second, other, 40)
	tt.tick(3*time.Second+skew, took(s, other+" announces priority 40, ours is 50")...)

	tt = backup(t, s, 1)
	tt.tick(time.Second+skew, took(s, other+" announces priority 1, ours is 50")...)

	tt = backup(t, s, 40)
	tt.hear(2*time.Second, lower, 45) // another one: its reign begins with 45
	tt.hear(3*time.Second, lower, 45)
	tt.hear(4*time.Second, lower, 44)
	tt.tick(4*time.Second+skew, took(s, lower+" announces priority 44, ours is 50")...)

	s.FastPreempt = false
	tt = backup(t, s, 100)
	tt.hear(2*time.Second, other, 40)
	tt.tick(time.Second+s.downInterval(time.Second), took(s, other+" announces priority 40, ours is 50")...)
}

// A new priority of ours can make a lower Active better again.
func TestConfigureAsBackup(t *testing.T) {
	s := plain(100)
	s.FastPreempt = true
	tt := backup(t, s, 150)
	tt.hear(2*time.Second, other, 90)
	s.Priority = 50
	tt.configure(2100*ms, s)
	tt.tick(2100*ms+s.downInterval(time.Second), took(s, other+" has been silent for 3.9 s (limit 3.8 s)")...)
}

// What a router hears while it may not take part is remembered, but does not make it Active.
func TestBlockedListens(t *testing.T) {
	tt := newTester(t, plain(100))
	tt.step(0, lan, Event{Kind: Block, State: Waiting, Reason: "no frame received yet on lan0"})
	tt.hearEvery(time.Second, other, 90, 2*time.Second)
	tt.shows(Waiting, false, other)
	tt.step(2*time.Second, lan, Event{Kind: Unblock}, "waiting>backup: listening for 7.22 s")
	tt.step(3*time.Second, lan, Event{Kind: Block, State: Fault, Reason: "lan0 has no link"}, "backup>fault: lan0 has no link")
	tt.tick(2*time.Second + 7218750*time.Microsecond)
	tt.shows(Fault, false, "")
	tt.never()
	if v := tt.group.View(lan); v.Settings.Source != netip.MustParseAddr(ours) || v.Reason != "lan0 has no link" {
		t.Error(v)
	}
}

func TestPriorityThatRisesWhileListeningCounts(t *testing.T) {
	start := time.Now()
	m := NewMachine(start, Key{Router: "lan", Family: IPv4}, plain(1))
	m.Step(start, Event{Kind: Start})
	for _, c := range []struct {
		at       time.Duration
		priority uint8
		due      time.Duration
	}{
		{2 * time.Second, 100, 3*time.Second + 156*time.Second/256},
		{3590 * time.Millisecond, 254, 3590 * time.Millisecond}, // its time is over
	} {
		m.Step(start.Add(c.at), Event{Kind: Configure, Settings: plain(c.priority)})
		if got := m.Due().Sub(start); got != c.due {
			t.Errorf("with priority %d it listens until %s, want %s", c.priority, got, c.due)
		}
	}
}
