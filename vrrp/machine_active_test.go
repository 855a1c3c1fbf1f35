package vrrp

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

// RFC 9568 §6.4.3: priority 0 from another is answered with an advert, and the regular one is due an interval later.
func TestActiveHearsGoodBye(t *testing.T) {
	tt := active(t, plain(100))
	tt.hear(4500*ms, other, 0, "send 100 1s")
	tt.tick(5500*ms, "send 100 1s")
}

// RFC 9568 §6.4.3: a better Active, by priority or by address, ends our reign. It gets one last advert.
func TestActiveConcedes(t *testing.T) {
	for _, c := range []struct {
		source   string
		priority uint8
		reason   string
	}{
		{lower, 150, lower + " announces priority 150, ours is 100"},
		{other, 100, other + " announces priority 100 as we do, and has the higher address"},
	} {
		tt := active(t, plain(100))
		tt.hearEvery(4500*ms, c.source, c.priority, 2*time.Second, "send 100 1s", "release", "active>backup: "+c.reason)
		tt.shows(Backup, false, c.source)
		tt.tick(4500*ms+2*down100, took(plain(100), c.source+" has been silent for 7.22 s (limit 7.22 s)")...)
	}
}

// Addresses are compared as unsigned numbers.
func TestTieIsUnsigned(t *testing.T) {
	for _, c := range [][2]string{{"10.0.0.1", "192.168.1.1"}, {"127.0.0.1", "128.0.0.1"}, {"fe80::1", "fe80::8000:0:0:1"}} {
		s := Settings{Priority: 100, Source: netip.MustParseAddr(c[0])}
		if !s.outranked(Heard{Source: netip.MustParseAddr(c[1]), Priority: 100}) {
			t.Errorf("%s does not yield to %s", c[0], c[1])
		}
	}
}

// Erratum 8298: two owners resolve it as others do.
func TestTwoOwners(t *testing.T) {
	tt := newTester(t, plain(Owner))
	tt.start(0, "send 255 1s", "hold", "announce", "waiting>active: it owns the addresses (priority 255)")
	tt.hear(200*ms, lower, Owner, "send 255 1s")
	tt.hear(300*ms, other, Owner, "send 255 1s", "release",
		"active>backup: "+other+" announces priority 255 as we do, and has the higher address")
}

// RFC 9568 §6.4.3: a worse Active is told at once, and the network where the addresses are.
func TestActiveInsists(t *testing.T) {
	for source, priority := range map[string]uint8{other: 90, lower: 100} {
		tt := active(t, plain(100))
		tt.steady(6500*ms, "send 100 1s")
		tt.hear(6500*ms, source, priority, "send 100 1s",
			fmt.Sprintf("announce: %s is Active too, with priority %d, ours is 100", source, priority))
		tt.hear(6550*ms, source, priority)
		tt.tick(6600*ms, "send 100 1s") // 100 ms after the last
		tt.tick(7500*ms, "announce: another router was Active too")
		tt.tick(7600*ms, "send 100 1s")
		tt.tick(8600*ms, "send 100 1s")
	}
}

// 10,000 forged adverts a second make one more advert each 100 ms, and one announcement a second; each of them
// costs no memory.
func TestFlood(t *testing.T) {
	for _, priority := range []uint8{0, 50} {
		g := active(t, plain(100)).group
		at := epoch.Add(4 * time.Second)
		sends, announces := 0, 0
		for range 10 * 10000 {
			at = at.Add(100 * time.Microsecond)
			actions := g.Step(at, lan, heard(other, priority, time.Second))
			if due(g.Due(), at) {
				actions = g.Tick(at)
			}
			for _, a := range actions {
				switch a.Kind {
				case Send:
					sends++
				case Announce:
					announces++
				default:
					t.Fatal(a)
				}
			}
		}
		if sends < 98 || sends > 102 || announces > 11 {
			t.Errorf("priority %d: %d adverts and %d announcements in 10 s", priority, sends, announces)
		}
	}
}

// A Tick that comes late, since the process was stopped, makes one advert.
func TestLateTick(t *testing.T) {
	tt := active(t, plain(100))
	tt.claim(tt.group.Tick(epoch.Add(60*time.Second)), []string{"send 100 1s"})
	tt.at = 60 * time.Second
	tt.tick(61*time.Second, "send 100 1s")
}

// The cadence does not drift with ticks that are a little late.
func TestCadence(t *testing.T) {
	tt := active(t, plain(100))
	tt.claim(tt.group.Tick(epoch.Add(5003*ms)), []string{"send 100 1s"})
	tt.tick(6*time.Second, "send 100 1s")
}

// A Backup that was stopped for longer than the down-interval hears first what came meanwhile.
func TestDrainBeforeTick(t *testing.T) {
	tt := backup(t, plain(100), 150)
	now := epoch.Add(time.Minute)
	tt.claim(tt.group.Step(now, lan, heard(other, 150, time.Second)), nil)
	tt.claim(tt.group.Tick(now), nil)
	tt.tick(time.Minute+down100, took(plain(100), other+" has been silent for 3.61 s (limit 3.61 s)")...)
}

// A falling priority: one last advert of the old one, since Backups learn the interval only from adverts that are not lower, then haste
// for 2 s, of which the last adverts announce the old interval again.
func TestHurry(t *testing.T) {
	tt := active(t, plain(100))
	s := plain(40)
	tt.configure(4250*ms, s, "send 100 100ms", "send 40 100ms")
	for at := 4350 * ms; at < 5950*ms; at += 100 * ms {
		tt.tick(at, "send 40 100ms")
	}
	for at := 5950 * ms; at < 6250*ms; at += 100 * ms {
		tt.tick(at, "send 40 1s")
	}
	tt.tick(6250*ms, "send 40 1s")
	tt.tick(7250*ms, "send 40 1s")
}

// A priority that rises again ends the haste, but not without having announced the interval a few times.
func TestHurryEnds(t *testing.T) {
	tt := active(t, plain(100))
	tt.configure(4250*ms, plain(40), "send 100 100ms", "send 40 100ms")
	tt.configure(4300*ms, plain(30), "send 30 100ms")
	tt.configure(4320*ms, plain(100), "send 100 1s")
	tt.tick(4420*ms, "send 100 1s")
	tt.tick(4520*ms, "send 100 1s")
	tt.tick(4620*ms, "send 100 1s")
	tt.tick(5620*ms, "send 100 1s")
}

// Where there is nothing to shorten, a change is still announced at once.
func TestChangeIsAnnounced(t *testing.T) {
	s := plain(100)
	s.Version = 2
	tt := active(t, s)
	s.Priority = 40
	tt.configure(4250*ms, s, "send 40 1s")
	tt.tick(5250*ms, "send 40 1s")

	s = plain(100)
	s.Interval = 50 * ms
	tt = active(t, s)
	s.Priority = 40
	tt.configure(4010*ms, s, "send 40 50ms")
	s.Interval = 2 * time.Second
	tt.configure(4020*ms, s, "send 40 2s")
	tt.tick(6020*ms, "send 40 2s")
	s.Preempt = false
	tt.configure(6030*ms, s)
}

// Two machines of ours and haste: the better Backup has taken over within 0.4 s, with FastPreempt within 0.1 s.
func TestHurryIsFelt(t *testing.T) {
	for fast, limit := range map[bool]time.Duration{false: 400 * ms, true: 100 * ms} {
		s := plain(50)
		s.FastPreempt = fast
		tt := backup(t, s, 100)
		tt.hearEvery(1250*ms, other, 100, haste) // as TestHurry
		for at := 1250 * ms; tt.group.View(lan).State != Active; at += ms {
			if at > 1250*ms+limit {
				t.Fatalf("fast %v: not Active after %s", fast, limit)
			}
			if at%(100*ms) == 50*ms {
				tt.group.Step(epoch.Add(at), lan, heard(other, 40, haste))
			}
			tt.group.Tick(epoch.Add(at))
		}
	}
}

// Without preempt a router that took over soon after its start and never heard anybody may only have been deaf.
func TestLonelyYields(t *testing.T) {
	s := plain(100)
	s.Preempt = false
	tt := active(t, s)
	tt.hear(4500*ms, other, 0, "send 100 1s") // nobody who is Active
	tt.hear(4600*ms, other, 90, "send 0 1s", "active>backup: "+other+" was Active before we could hear it")
	tt.shows(Backup, true, "")
	tt.hear(4601*ms, other, 90, "release")
	tt.hear(5600*ms, other, 90)
	tt.tick(5600*ms+down100, took(s, other+" has been silent for 3.61 s (limit 3.61 s)")...)
	tt.hear(9700*ms, other, 90, "send 100 1s") // it is known by now
	tt.tick(5600*ms+down100+time.Second, "announce: another router was Active too")
}

// Whom a router heard before it was stopped is no proof that it can hear.
func TestLonelyAfterStop(t *testing.T) {
	s := plain(100)
	s.Preempt = false
	tt := backup(t, s, 150)
	tt.step(2*time.Second, lan, Event{Kind: Stop}, "backup>waiting: stopped")
	tt.tick(time.Second + down100)
	tt.start(10*time.Second, "waiting>backup: listening for 3.61 s")
	tt.tick(10*time.Second+down100, took(s, "nobody was heard for 3.61 s")...)
	tt.hear(14*time.Second, other, 90, "send 0 1s", "active>backup: "+other+" was Active before we could hear it")
}

// Nobody yields who may preempt, who resumed, or who had been up for long.
func TestOthersDoNotYield(t *testing.T) {
	insist := []string{"send 100 1s", "announce: " + other + " is Active too, with priority 90, ours is 100"}
	active(t, plain(100)).hear(4500*ms, other, 90, insist[0])

	s := plain(100)
	s.Preempt = false
	tt := newTester(t, s)
	tt.step(0, lan, Event{Kind: Start, Resume: true},
		"send 100 1s", "hold", "announce", "waiting>active: it was Active before the engine was started again")
	tt.hear(500*ms, other, 90, insist[0])

	tt = newTester(t, s)
	tt.start(0, "waiting>backup: listening for 3.61 s")
	tt.step(time.Second, lan, Event{Kind: Block, State: Fault, Reason: "lan0 has no link"}, "backup>fault: lan0 has no link")
	tt.step(59*time.Second, lan, Event{Kind: Unblock}, "fault>backup: listening for 3.61 s")
	tt.tick(59*time.Second+down100, took(s, "nobody was heard for 3.61 s")...)
	tt.hear(63500*ms, other, 90, insist[0])
	tt.tick(59*time.Second+down100+time.Second, "announce: another router was Active too")
}

// A steady election costs no memory, on either side.
func TestSteadyCostsNothing(t *testing.T) {
	g, at := active(t, plain(100)).group, epoch.Add(4*time.Second)
	if n := testing.AllocsPerRun(100, func() { at = at.Add(time.Second); g.Tick(at) }); n != 0 {
		t.Errorf("an advert sent costs %v allocations", n)
	}
	g, at = backup(t, plain(100), 150).group, epoch.Add(time.Second)
	advert := heard(other, 150, time.Second)
	if n := testing.AllocsPerRun(100, func() { at = at.Add(time.Second); g.Step(at, lan, advert); g.Tick(at) }); n != 0 {
		t.Errorf("an advert heard costs %v allocations", n)
	}
}
