package lab

import (
	"testing"
	"time"
)

// kept is a house of which main serves, while connections of both families that began on the backup stay there.
func kept(t *testing.T, l Load) (*duo, *Traffic) {
	t.Helper()
	p := openDuo(t)
	return p, p.keeps(t, l)
}

// someFlows are few: what is tested is what becomes of them.
var someFlows = Load{Streams: 10, Idle: 5, Interval: 50 * time.Millisecond, Six: true}

// TestDaemonsDieWhileFlowsAreKept kills either daemon. The kernels go on.
func TestDaemonsDieWhileFlowsAreKept(t *testing.T) {
	t.Parallel()
	load := modest()
	p, traffic := kept(t, load)
	for _, b := range []*Box{p.main, p.backup} {
		must(t, b.Kill())
		must(t, pause(t.Context(), systemdPause))
		must(t, b.Restart(t.Context()))
		p.linked(t)
		p.handed(t, "main", traffic.Alive())
		if n := traffic.Alive(); n != load.Streams*3/2+load.Idle*3/2 {
			t.Errorf("after %s's daemon was killed %d connections live", b.Name, n)
		}
	}
	p.wantUnharmed(t, traffic)
	p.straight(t)
}

// TestOwnerLosesItsLine has the line die that kept connections use: their clients are told, and nothing goes there any more.
func TestOwnerLosesItsLine(t *testing.T) {
	t.Parallel()
	t.Run("its cable", func(t *testing.T) {
		t.Parallel()
		p, traffic := kept(t, someFlows)
		p.wantGivenUp(t, traffic, func() time.Time {
			mark := time.Now()
			must(t, p.Cut("backup", "lte"))
			return mark
		})
	})
	t.Run("its provider", func(t *testing.T) {
		t.Parallel()
		p, traffic := kept(t, someFlows)
		p.wantGivenUp(t, traffic, func() time.Time {
			must(t, p.Blackhole("lte", Beyond))
			await(t, p.backup, "the line is known to be dead", func(s Status) bool { return s.state("line") == "down" })
			return time.Now()
		})
	})
}

// TestOwnerLosesItsPower does the same with the whole router.
func TestOwnerLosesItsPower(t *testing.T) {
	t.Parallel()
	p, traffic := kept(t, someFlows)
	p.wantGivenUp(t, traffic, func() time.Time {
		mark := time.Now()
		must(t, p.PowerOff("backup"))
		return mark
	})
}

// stray is how long a flow may be sent to a router that does not own it (issue 8).
const stray = time.Second

// wantGivenUp has something happen to the router with the kept connections, which says when it is known there. A flow of main's own goes on.
func (p *duo) wantGivenUp(t *testing.T, traffic *Traffic, happen func() time.Time) {
	t.Helper()
	call, err := p.laptop.StartUDP(UDPInterval) // it is main's, and must not feel anything
	must(t, err)
	mark := happen()
	p.await(t, "every client knows", func() bool { _, all := traffic.Told(mark); return all })
	told, _ := traffic.Told(mark)
	t.Logf("the last client knows after %s", round(told))
	if told > ToldPromise+slackHere {
		t.Errorf("the last client knows %s after it, want %s at most", told, ToldPromise)
	}
	must(t, pause(t.Context(), time.Until(mark.Add(stray))))
	before, err := p.witness.Count()
	must(t, err)
	p.tidy(t, p.main)
	p.serves(t, "main")
	if after := p.straight(t); after.There > before.There {
		t.Errorf("%d packets were sent to the other router later than %s after it", after.There-before.There, stray)
	}
	traffic.Stop()
	if r := call.Stop(); r.Lost > 0 || len(r.Via) != 1 {
		t.Errorf("a flow of main felt it: %s", r)
	}
}
