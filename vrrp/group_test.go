package vrrp

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// wan is the second election of scenarios with two.
var wan = Key{"wan", IPv4}

// duo returns a tester of a group of two: both run since 0 s, of priorities 100 and second.
func duo(t *testing.T, s Settings, second uint8) *tester {
	tt := newTester(t, s)
	s.Priority = second
	tt.group.Add(epoch, wan, s)
	tt.start(0, "waiting>backup: listening for 3.61 s")
	tt.step(0, wan, Event{Kind: Start}, "wan waiting>backup: listening for "+seconds(s.downInterval(s.Interval)))
	return tt
}

// rise lets the group take over, at down100.
func (t *tester) rise() {
	t.Helper()
	t.tick(down100, "send 100 1s", "hold", "announce", "backup>active: nobody was heard for 3.61 s",
		"wan send 100 1s", "wan hold", "wan announce", "wan backup>active: nobody was heard for 3.61 s")
}

func TestGroupTakesOverTogether(t *testing.T) {
	tt := duo(t, plain(100), 50)
	tt.tick(down100, "send 100 1s", "hold", "announce", "backup>active: nobody was heard for 3.61 s",
		"wan send 50 1s", "wan hold", "wan announce",
		"wan backup>active: lan ipv4 of its group takes over: nobody was heard for 3.61 s")
	tt.tick(down100+time.Second, "send 100 1s", "wan send 50 1s")
}

// One live Active holds all back; when it goes, all take over in one step.
func TestGroupIsHeldBack(t *testing.T) {
	tt := duo(t, plain(100), 100)
	tt.step(2*time.Second, wan, heard(other, 150, time.Second))
	tt.tick(down100)
	tt.shows(Backup, false, "")
	tt.step(4*time.Second, wan, heard(other, 150, time.Second))
	tt.step(4500*ms, wan, heard(other, 0, time.Second),
		"send 100 1s", "hold", "announce", "backup>active: nobody was heard for 3.61 s",
		"wan send 100 1s", "wan hold", "wan announce",
		"wan backup>active: lan ipv4 of its group takes over: nobody was heard for 3.61 s")
}

// Who meets a better Active takes all down. The others keep their addresses until they hear the successor.
func TestGroupConcedes(t *testing.T) {
	tt := duo(t, plain(100), 100)
	tt.rise()
	reason := "active>backup: lan ipv4 of its group has to leave: " + other + " announces priority 150, ours is 100"
	tt.hear(4*time.Second, other, 150, "send 100 1s", "release", "active>backup: "+other+" announces priority 150, ours is 100",
		"wan send 0 1s", "wan "+reason)
	if v := tt.group.View(wan); !v.Holding || v.State != Backup {
		t.Error(v)
	}
	tt.step(4500*ms, wan, heard(other, 150, time.Second), "wan release")
}

// Without a successor they keep them for a down-interval.
func TestGroupKeeps(t *testing.T) {
	tt := duo(t, plain(100), 100)
	tt.rise()
	tt.hear(4*time.Second, other, 150, "send 100 1s", "release", "active>backup: "+other+" announces priority 150, ours is 100",
		"wan send 0 1s", "wan active>backup: lan ipv4 of its group has to leave: "+other+" announces priority 150, ours is 100")
	tt.hear(5*time.Second, other, 150)
	tt.tick(4*time.Second+down100, "wan release")
}

// A member in fault keeps all out, until it is over.
func TestGroupFault(t *testing.T) {
	tt := duo(t, plain(100), 100)
	tt.rise()
	tt.step(4*time.Second, wan, Event{Kind: Block, State: Fault, Reason: "wan0 has no link"},
		"wan send 0 1s", "wan release", "wan active>fault: wan0 has no link",
		"send 0 1s", "active>backup: wan ipv4 of its group is in fault: wan0 has no link")
	tt.shows(Backup, true, "")
	tt.tick(4*time.Second+down100, "release")
	tt.never()
	tt.step(10*time.Second, wan, Event{Kind: Unblock}, "wan fault>backup: listening for 3.61 s")
	tt.tick(10*time.Second+down100, "send 100 1s", "hold", "announce", "backup>active: nobody was heard for 3.61 s",
		"wan send 100 1s", "wan hold", "wan announce", "wan backup>active: nobody was heard for 3.61 s")
}

// With Keep, a fault that is over before anybody took over costs nothing.
func TestGroupFaultIsOver(t *testing.T) {
	tt := duo(t, plain(100), 100)
	tt.rise()
	tt.step(4*time.Second, wan, Event{Kind: Block, State: Fault, Keep: -1, Reason: "check web fails"},
		"wan send 0 1s", "wan active>fault: check web fails",
		"send 0 1s", "active>backup: wan ipv4 of its group is in fault: check web fails")
	tt.step(5*time.Second, wan, Event{Kind: Unblock},
		"send 100 1s", "announce", "backup>active: wan ipv4 of its group takes over: nobody has taken over",
		"wan send 100 1s", "wan announce", "wan fault>active: nobody has taken over")
}

// A member that waits holds nobody back, and comes to an Active group as an Active, without a flap of the others.
func TestGroupAdopts(t *testing.T) {
	tt := newTester(t, plain(100))
	tt.group.Add(epoch, wan, plain(100))
	tt.start(0, "waiting>backup: listening for 3.61 s")
	tt.tick(down100, took(plain(100), "nobody was heard for 3.61 s")...)
	tt.step(4*time.Second, wan, Event{Kind: Start},
		"wan send 100 1s", "wan hold", "wan announce", "wan waiting>active: its group is Active, as lan ipv4 is")

	third := Key{"third", IPv6}
	tt.group.Add(epoch.Add(4*time.Second), third, plain(1))
	tt.step(4100*ms, third, Event{Kind: Start},
		"third send 1 1s", "third hold", "third announce", "third waiting>active: its group is Active, as lan ipv4 is")
	tt.step(4200*ms, third, Event{Kind: Block, State: Waiting, Reason: "no address"}, "third send 0 1s", "third release", "third active>waiting: no address")
	tt.step(4300*ms, third, Event{Kind: Stop}) // nothing left to leave
	tt.group.Remove(third)
	if v := tt.group.View(third); v != (View{}) {
		t.Error(v)
	}
	tt.step(4400*ms, third, Event{Kind: Start}) // unknown by now
	tt.tick(down100+time.Second, "send 100 1s")
	tt.tick(5*time.Second, "wan send 100 1s")
}

// A member that has been stopped does not count.
func TestGroupWithoutStopped(t *testing.T) {
	tt := duo(t, plain(100), 100)
	tt.step(time.Second, wan, heard(other, 150, time.Second))
	tt.step(2*time.Second, wan, Event{Kind: Stop}, "wan backup>waiting: stopped")
	tt.tick(down100, took(plain(100), "nobody was heard for 3.61 s")...)
}

// An engine that resumes starts its elections one by one; the first makes the group Active.
func TestGroupResumes(t *testing.T) {
	tt := newTester(t, plain(100))
	tt.group.Add(epoch, wan, plain(100))
	tt.step(0, lan, Event{Kind: Start, Resume: true},
		"send 100 1s", "hold", "announce", "waiting>active: it was Active before the engine was started again")
	tt.step(0, wan, Event{Kind: Start, Resume: true},
		"wan send 100 1s", "wan hold", "wan announce", "wan waiting>active: it was Active before the engine was started again")
}

// PreemptDelay of members that saw the lower Active at different times does not start again when the first is over.
func TestGroupPreemptDelay(t *testing.T) {
	s := plain(100)
	s.FastPreempt, s.PreemptDelay = true, 5*time.Second
	tt := duo(t, s, 100)
	for at := time.Second; at < 8*time.Second; at += 500 * ms {
		tt.step(at, lan, heard(other, 90, 500*ms))
		if at >= 3*time.Second {
			tt.step(at, wan, heard(other, 90, 500*ms))
		}
		if at == 6*time.Second {
			tt.tick(at + skew100/2)
		}
	}
	tt.step(8*time.Second, wan, heard(other, 90, 500*ms),
		"send 100 1s", "hold", "announce", "backup>active: "+other+" announces priority 90, ours is 100",
		"wan send 100 1s", "wan hold", "wan announce",
		"wan backup>active: lan ipv4 of its group takes over: "+other+" announces priority 90, ours is 100")
}

// Each of two groups is better in one member, and both are Active: both leave, and one of them comes back to stay.
func TestGroupsDoNotFight(t *testing.T) {
	for _, same := range []bool{false, true} {
		w := &world{rand: rand.New(rand.NewPCG(1, 1)), now: epoch, version: 3, slow: 1, segments: 2, grouped: true, story: new(strings.Builder)}
		for n := range 2 {
			b := w.newBox(n, time.Second)
			for i, c := range b.cells {
				c.settings = plain(100)
				if !same && i == n {
					c.settings.Priority = 90
				}
				c.settings.Source = netip.AddrFrom4([4]byte{10, 0, byte(i), 1 + byte(n^i)})
			}
			w.boxes = append(w.boxes, b)
			w.cut[0][0][1], w.cut[0][1][0], w.cut[1][0][1], w.cut[1][1][0] = true, true, true, true
		}
		w.boot(w.boxes[0], false)
		w.boot(w.boxes[1], false)
		w.run(epoch.Add(10 * time.Second))
		w.mend()
		moves := w.moves
		w.run(epoch.Add(40 * time.Second))
		w.agree()
		if w.wrong != "" || w.moves-moves > 20 {
			t.Errorf("%s, %d transitions\n%s", w.wrong, w.moves-moves, w.story)
		}
		t.Logf("%d transitions", w.moves-moves)
	}
}

// A group of one does what its machine would do alone.
func TestGroupOfOneIsItsMachine(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		s := plain(uint8(1 + r.IntN(Owner)))
		s.Preempt, s.FastPreempt = r.IntN(2) == 0, r.IntN(2) == 0
		m, g, now := NewMachine(epoch, lan, s), NewGroup(), epoch
		g.Add(epoch, lan, s)
		for range 100 {
			now = now.Add(time.Duration(r.Int64N(int64(time.Second))))
			e := Event{Kind: EventKind(1 + r.IntN(int(Unblock))), Settings: s, State: Fault, Keep: time.Duration(r.IntN(3)-1) * time.Second, Reason: "r"}
			e.Settings.Priority = uint8(1 + r.IntN(Owner))
			if e.Heard = heard(other, uint8(r.IntN(256)), time.Second).Heard; r.IntN(2) == 0 {
				e.Kind = Tick
			}
			alone, grouped := m.Step(now, e), g.Step(now, lan, e)
			if !slices.Equal(alone, grouped) || m.View() != g.View(lan) || !m.Due().Equal(g.Due()) {
				t.Fatalf("seed %d, %s at %s: alone %v, grouped %v", seed, e.Kind, now.Sub(epoch), text(alone), text(grouped))
			}
		}
	}
}
