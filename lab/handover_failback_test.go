package lab

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"
)

// learnPromise is how long after a router has the house new flows may still go by the other one, and their owner's line.
const learnPromise = 1500 * time.Millisecond

// fullHouse is a full house: 50 TCP connections and 50 UDP flows, one of them each 2 ms, the others in turn: the house as a whole sends 1,500 datagrams
// a second, more than which two cores do not echo beside six routers. With LAB_RUNS the load is the published one.
func fullHouse() Load {
	l := Load{Streams: 40, Idle: 10, Calls: 49, Interval: 50 * time.Millisecond, Others: true}
	if os.Getenv("LAB_RUNS") != "" {
		l.Interval = 20 * time.Millisecond
	}
	return l
}

// modest is a house on a normal evening.
func modest() Load {
	return Load{Streams: 10, Idle: 4, Calls: 10, Interval: 50 * time.Millisecond, Others: true, Six: true}
}

// TestFailbackLosesNothing is the second drop of the story that began this project: the line of the main router is back, and the house with it.
// keepalived does the same beside it.
func TestFailbackLosesNothing(t *testing.T) {
	for run := range runsOr(t, 2) {
		t.Run(fmt.Sprint(run+1), func(t *testing.T) {
			t.Run("twinpath", func(t *testing.T) { t.Parallel(); failback(t) })
			t.Run("keepalived", func(t *testing.T) { t.Parallel(); failbackOfKeepalived(t) })
		})
	}
}

func failback(t *testing.T) {
	p := openDuo(t)
	p.leaves(t)
	load := fullHouse()
	load.Six, load.Inbound = true, p.inbound(t, p.backup)
	traffic := p.traffic(t, load)
	visitors := p.receiveVisitors(t, p.laptop)
	taken := p.returns(t)
	p.serves(t, "main")
	p.handed(t, "main", traffic.Alive())
	must(t, pause(t.Context(), 2*time.Second)) // the life of before goes on by the other router
	visits := visitors.end("fibre")
	t.Logf("%s; new flows take the fibre %s after main has the address, the last by lte began %s after it",
		visits, round(visits.first.Sub(taken)), round(visits.last.Sub(taken)))
	if visits.broken > 0 || visits.moved > 0 {
		t.Errorf("short flows: %s", visits)
	}
	if last := visits.last.Sub(taken); last > learnPromise+slackHere {
		t.Errorf("a new flow went by lte %s after main had the address, want %s at most", last, learnPromise)
	}
	p.reached(t, "while connections stay with backup", load.Inbound)
	p.wantUnharmed(t, traffic)
	if c := p.straight(t); c.There == 0 || c.Back > c.There/100 { // who has not heard that main has the address sends to backup, and that to main
		t.Errorf("crossings %+v, want them from main to backup", c)
	}
	forgetFlows(t, p.backup) // which the kernel does by itself, but of datagrams not before two minutes
	p.tidy(t, p.main)
	p.serves(t, "main")
	p.reached(t, "when none stays there", load.Inbound)
}

// reached sees that somebody on the Internet gets through to the laptop, by whichever line.
func (p *duo) reached(t *testing.T, when string, at netip.AddrPort) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second) // the SYN is said again after one second, and after three (RFC 6298 §2)
	defer cancel()
	start := time.Now()
	conn, err := p.dialIn(ctx, at)
	if err == nil {
		defer conn.Close()
		err = echoed(conn)
	}
	t.Logf("%s the laptop is reached by %s after %s", when, p.LineOf(at.Addr()), round(time.Since(start)))
	if err != nil {
		t.Errorf("%s nobody gets through to the laptop: %v", when, err)
	}
}

// wantUnharmed ends a traffic of which nothing may have been lost.
func (p *pair) wantUnharmed(t *testing.T, traffic *Traffic) {
	t.Helper()
	r := traffic.Stop()
	t.Log(r)
	if !r.Unharmed() {
		t.Errorf("lost: %s\n%s", r, p.holders.Story())
	}
}

func failbackOfKeepalived(t *testing.T) {
	v := Virtual{Version: 3, Interval: time.Second, Addresses: []netip.Prefix{virtual}}
	p := household(t, resident{"keepalived", quickHealth}, resident{"keepalived", quickHealth}, v)
	must(t, p.Blackhole("fibre", Beyond))
	p.held(t, "backup")
	p.carried(t, "lte")
	traffic := p.traffic(t, Load{Streams: 10, Idle: 5, Calls: 10, Interval: 50 * time.Millisecond})
	must(t, p.Heal("fibre"))
	p.held(t, "main")
	p.carried(t, "fibre")
	must(t, pause(t.Context(), time.Second))
	r := traffic.Stop()
	t.Log(r)
	if !r.AllLost() {
		t.Errorf("keepalived does better than it did: %s", r)
	}
}

// TestDrainLosesNothing moves the house away and back while both lines work.
func TestDrainLosesNothing(t *testing.T) {
	t.Parallel()
	p := openDuo(t)
	load := modest()
	load.Inbound = p.inbound(t, p.main)
	old := p.traffic(t, load)
	visitors := p.receiveVisitors(t, p.laptop)
	said, err := p.main.Call(t.Context(), "drain")
	must(t, err)
	t.Logf("drain says: %s", said)
	p.serves(t, "backup")
	p.handed(t, "backup", old.Alive())
	young := p.traffic(t, Load{Streams: 10, Idle: 4, Calls: 10, Interval: 50 * time.Millisecond, Six: true})
	said, err = p.main.Call(t.Context(), "resume")
	must(t, err)
	t.Logf("resume says: %s", said)
	p.serves(t, "main")
	p.handed(t, "main", young.Alive())
	must(t, pause(t.Context(), time.Second))
	if visits := visitors.end("fibre"); visits.broken > 0 || visits.moved > 0 {
		t.Errorf("short flows: %s", visits)
	}
	p.wantUnharmed(t, old)
	p.wantUnharmed(t, young)
	if c := p.straight(t); c.There == 0 || c.Back == 0 {
		t.Errorf("crossings %+v, want some each way", c)
	}
}

// TestPowerCutTellsAndReturnsUnfelt cuts main's power: the backup, which holds its list, tells its clients. When main has booted, nothing is lost.
func TestPowerCutTellsAndReturnsUnfelt(t *testing.T) {
	t.Parallel()
	p := openDuo(t)
	old := p.traffic(t, Load{Streams: 15, Idle: 5, Interval: 50 * time.Millisecond, Six: true})
	p.wantTold(t, old, "main", "backup")
	p.serves(t, "backup")

	load := modest()
	load.Inbound = p.inbound(t, p.backup)
	young := p.traffic(t, load)
	must(t, p.PowerOn("main"))
	_, err := p.main.Run("nft flush ruleset") // what a kernel forgets when it boots
	must(t, err)
	forgetFlows(t, p.main)
	must(t, p.main.Restart(t.Context()))
	p.serves(t, "main")
	p.handed(t, "main", young.Alive())
	must(t, pause(t.Context(), time.Second))
	p.wantUnharmed(t, young)
	p.straight(t)
}

// wantTold cuts a router's power and sees that every client of its connections knows it half a second after the other one serves the house.
func (p *duo) wantTold(t *testing.T, traffic *Traffic, dead, heir string) {
	t.Helper()
	mark := time.Now()
	must(t, p.PowerOff(dead))
	p.held(t, heir)
	taken := p.holders.Taken(mark, heir)
	if taken.IsZero() { // it had the address before
		taken = mark
	}
	p.await(t, "every client knows", func() bool { _, all := traffic.Told(taken); return all })
	told, _ := traffic.Told(taken)
	r := traffic.Stop()
	t.Logf("%s has the address %s after the power cut, the last client knows %s later: %s", heir, round(taken.Sub(mark)), round(told), r)
	if told > ToldPromise+slackHere {
		t.Errorf("the last client knows %s after the switch, want %s at most", told, ToldPromise)
	}
	if r.First == nil || !strings.Contains(r.First.Error(), "reset") {
		t.Errorf("they were told by %v, want a reset", r.First)
	}
}
