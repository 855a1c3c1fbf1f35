package vrrp

import (
	"net/netip"
	"testing"
	"time"
)

// gracious are settings that wait for three seconds, with a PreemptDelay of one.
func gracious() Settings {
	s := plain(100)
	s.FastPreempt, s.PreemptDelay, s.Grace = true, time.Second, 3*time.Second
	return s
}

// lowered returns a tester that hears a lower Active from 1 s on, for so many seconds.
func lowered(t *testing.T, s Settings, adverts int) *tester {
	tt := backup(t, s, 90)
	for i := range adverts {
		tt.hear(time.Duration(i+2)*time.Second, other, 90)
	}
	return tt
}

// announced is why the lower Active is replaced.
const announced = other + " announces priority 90, ours is 100"

// The election runs out meanwhile, so that the take-over comes with the end of the grace.
func TestGraceEnds(t *testing.T) {
	s := gracious()
	tt := lowered(t, s, 1)
	tt.tick(2*time.Second + skew100) // won, and waiting
	tt.shows(Backup, false, other)
	tt.hear(3*time.Second, other, 90)
	tt.hear(4*time.Second, other, 90)
	s.Grace = 0
	tt.configure(4500*ms, s, took(s, announced)...)
}

// PreemptDelay and GraceMost are the limit, whatever is asked for and however often.
func TestGraceIsBounded(t *testing.T) {
	s := gracious()
	s.Grace = time.Hour
	tt := lowered(t, s, 1)
	tt.tick(2*time.Second + skew100)
	tt.hear(3*time.Second, other, 90)
	s.Grace = time.Minute
	tt.configure(3500*ms, s)
	tt.hear(4*time.Second, other, 90)
	tt.tick(5*time.Second, took(s, announced)...)
}

// What was not ready in time is not waited for again.
func TestGraceIsOver(t *testing.T) {
	s := gracious()
	s.Grace = time.Second
	tt := newTester(t, s)
	tt.group.Add(epoch, wan, plain(100))
	tt.start(0, "waiting>backup: listening for 3.61 s")
	tt.step(0, wan, Event{Kind: Start}, "wan waiting>backup: listening for 3.61 s")
	tt.step(time.Second, wan, heard(other, 150, 10*time.Second))
	tt.hear(time.Second, other, 90)
	tt.hear(2*time.Second, other, 90)
	tt.tick(2*time.Second + skew100)
	tt.tick(3 * time.Second)
	tt.hear(4*time.Second, other, 90)
	if due := tt.group.Due().Sub(epoch); due < 30*time.Second {
		t.Error("something is due at", due)
	}
}

// An Active that is broken, falls silent or stops is not waited for.
func TestGraceIsForLiveActives(t *testing.T) {
	s := gracious()
	tt := lowered(t, s, 1)
	tt.hear(2100*ms, other, 80)
	tt.tick(2*time.Second+skew100, took(s, other+" announces priority 80, ours is 100")...)

	tt = lowered(t, s, 1)
	tt.hear(2100*ms, other, 0)
	tt.tick(2*time.Second+skew100, took(s, other+" has stopped (priority 0)")...)

	tt = lowered(t, s, 1)
	tt.tick(2*time.Second + skew100)
	tt.hear(3*time.Second, other, 0, took(s, announced)...)

	s.Interval, s.PreemptDelay = 100*ms, 0
	tt = newTester(t, s)
	tt.start(0, "waiting>backup: listening for 0.361 s")
	tt.hearEvery(100*ms, other, 90, 100*ms)
	tt.tick(100*ms + skew100/10)
	tt.tick(100*ms+down100/10, took(s, announced)...)
}

// Without a PreemptDelay the grace begins with the first lower advert; a better one ends it.
func TestGraceEndsWithABetterActive(t *testing.T) {
	s := gracious()
	s.PreemptDelay = 0
	tt := backup(t, s, 90)
	tt.tick(time.Second + skew100)
	tt.hear(2*time.Second, other, 150)
	tt.tick(2*time.Second+down100, took(s, other+" has been silent for 3.61 s (limit 3.61 s)")...)
}

// gone are settings by which the other router is dead.
func gone(s Settings, who string) Settings {
	s.Gone = netip.MustParseAddr(who)
	return s
}

const buried = other + " is gone: it gives no sign of life and answers nothing"

// A Backup takes over from a dead Active at once, whether it follows it or is about to replace it.
func TestGone(t *testing.T) {
	s := plain(100)
	tt := backup(t, s, 150)
	tt.configure(2*time.Second, gone(s, other), took(s, buried)...)

	s = gracious()
	tt = lowered(t, s, 1)
	tt.configure(2100*ms, gone(s, other), took(s, buried)...)

	s = plain(100)
	s.Preempt, s.PreemptDelay = false, time.Minute
	tt = backup(t, s, 90)
	tt.configure(2*time.Second, gone(s, other), took(s, buried)...)
}

// A truce is for rivals that live.
func TestGoneEndsATruce(t *testing.T) {
	tt := duo(t, plain(100), 100)
	tt.rise()
	tt.hear(4*time.Second, other, 150, "send 100 1s", "release", "active>backup: "+other+" announces priority 150, ours is 100",
		"wan send 0 1s", "wan active>backup: lan ipv4 of its group has to leave: "+other+" announces priority 150, ours is 100")
	tt.step(4100*ms, wan, heard(lower, 150, time.Second), "wan release")
	tt.configure(5*time.Second, gone(plain(100), other))
	tt.step(5*time.Second, wan, Event{Kind: Configure, Settings: gone(plain(100), lower)},
		"send 100 1s", "hold", "announce", "backup>active: "+buried,
		"wan send 100 1s", "wan hold", "wan announce",
		"wan backup>active: "+lower+" is gone: it gives no sign of life and answers nothing")
}

// Nor does one of long ago delay anybody.
func TestTruceIsForgotten(t *testing.T) {
	tt := duo(t, plain(100), 100)
	tt.rise()
	tt.hear(4*time.Second, other, 150, "send 100 1s", "release", "active>backup: "+other+" announces priority 150, ours is 100",
		"wan send 0 1s", "wan active>backup: lan ipv4 of its group has to leave: "+other+" announces priority 150, ours is 100")
	tt.step(4100*ms, wan, heard(lower, 150, time.Second), "wan release")
	last := 4 * time.Second
	for last < 2*time.Minute {
		last += time.Second
		tt.hear(last, other, 150)
		tt.step(last+100*ms, wan, heard(lower, 150, time.Second))
	}
	tt.tick(last + down100)
	reason := lower + " has been silent for 3.61 s (limit 3.61 s)"
	tt.tick(last+100*ms+down100, "send 100 1s", "hold", "announce", "backup>active: "+other+" has been silent for 3.61 s (limit 3.61 s)",
		"wan send 100 1s", "wan hold", "wan announce", "wan backup>active: "+reason)
}

// It is told once. Who is heard afterwards is alive, the same router or a better one.
func TestGoneIsNews(t *testing.T) {
	s := gone(plain(100), other)
	tt := backup(t, plain(100), 150)
	tt.configure(2*time.Second, s, took(s, buried)...)
	tt.hear(2500*ms, lower, 150, "send 100 1s", "release", "active>backup: "+lower+" announces priority 150, ours is 100")
	tt.hear(3*time.Second, other, 200)
	s.Priority = 101
	tt.configure(3500*ms, s)
	tt.shows(Backup, false, other)
}

// It is about the Active that is followed, and about Backups.
func TestGoneIsAboutTheActive(t *testing.T) {
	s := plain(100)
	tt := backup(t, s, 150)
	tt.configure(2*time.Second, gone(s, lower))
	tt.tick(time.Second+down100, took(s, other+" has been silent for 3.61 s (limit 3.61 s)")...)

	tt = active(t, s)
	tt.configure(4500*ms, gone(s, other))
	tt.tick(5*time.Second, "send 100 1s")

	tt = backup(t, s, 150)
	tt.step(1500*ms, lan, Event{Kind: Block, State: Fault, Reason: "check web fails"}, "backup>fault: check web fails")
	tt.configure(2*time.Second, gone(s, other))
	tt.shows(Fault, false, other)
}

// Both families go when both addresses are dead, and not before: the other one may have another Active.
func TestGoneGroup(t *testing.T) {
	const gateway = "fe80::3"
	tt := duo(t, plain(100), 100)
	tt.hear(time.Second, other, 150)
	tt.step(time.Second, wan, heard(gateway, 150, time.Second))
	tt.configure(2*time.Second, gone(plain(100), other))
	tt.shows(Backup, false, "")
	tt.step(2*time.Second, wan, Event{Kind: Configure, Settings: gone(plain(100), gateway)},
		"send 100 1s", "hold", "announce", "backup>active: "+buried,
		"wan send 100 1s", "wan hold", "wan announce",
		"wan backup>active: "+gateway+" is gone: it gives no sign of life and answers nothing")
}

// One who has served for a while, and left to somebody better, waits for nothing when that one breaks.
func TestNoTruceAfterALongReign(t *testing.T) {
	s := plain(100)
	s.FastPreempt = true
	tt := duo(t, s, 100)
	tt.rise()
	for at := down100 + time.Second; at < 20*time.Second; at += time.Second {
		tt.tick(at, "send 100 1s", "wan send 100 1s")
	}
	tt.hear(20*time.Second, other, 150, "send 100 1s", "release", "active>backup: "+other+" announces priority 150, ours is 100",
		"wan send 0 1s", "wan active>backup: lan ipv4 of its group has to leave: "+other+" announces priority 150, ours is 100")
	tt.step(20100*ms, wan, heard(lower, 150, time.Second), "wan release")
	tt.hear(22*time.Second, other, 20)
	tt.step(22*time.Second, wan, heard(lower, 20, time.Second))
	tt.tick(22*time.Second+skew100, "send 100 1s", "hold", "announce", "backup>active: "+other+" announces priority 20, ours is 100",
		"wan send 100 1s", "wan hold", "wan announce", "wan backup>active: "+lower+" announces priority 20, ours is 100")
}
