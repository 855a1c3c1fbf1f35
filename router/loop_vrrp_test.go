package router

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twinpath/twinpath/vrrp"
	"github.com/twinpath/twinpath/wan"
)

func wantSteps(t *testing.T, w *world, want ...string) {
	t.Helper()
	if got := w.walked(); !slices.Equal(got, want) {
		t.Errorf("the kernel and the engine were told %q, want %q", got, want)
	}
}

// begin starts a router beside a fresh engine and lets both lines come up.
func begin(t *testing.T, w *world, config Config) (*Router, func()) {
	t.Helper()
	r, stop := w.start(t, config)
	r.Tell(VRRPSeen{})
	time.Sleep(time.Second)
	synctest.Wait()
	return r, stop
}

func TestBadNewsGoesBeforeThePlanAndGoodNewsBehindIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		_, stop := begin(t, w, twin(tracking("fibre")))
		defer stop()
		wantSteps(t, w, "apply", "lan 1 on lan0 ", "lan 100 on lan0 ")

		w.say("fibre", dead(time.Second))
		synctest.Wait()
		if got := w.walked(); len(got) < 2 || got[0] != "lan 1 on lan0 " || got[1] != "apply" || slices.Contains(got[1:], got[0]) {
			t.Errorf("steps %q, want the priority first, then the plan", got)
		}
		w.say("fibre", w.verdicts["fibre"])
		synctest.Wait()
		if got := w.walked(); len(got) < 2 || got[0] != "apply" || got[len(got)-1] != "lan 100 on lan0 " {
			t.Errorf("steps %q, want the plan first, then the priority", got)
		}
	})
}

func TestGoodNewsWaitsForARefusedPlan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r, stop := begin(t, w, twin(tracking("fibre")))
		defer stop()
		w.say("fibre", dead(time.Second))
		time.Sleep(time.Minute)
		w.change(func(w *world) { w.refusal = errors.New("add route: network is unreachable") })
		w.walked()
		w.say("fibre", w.verdicts["fibre"])
		synctest.Wait()
		r.Tell(VRRPSeen{}) // a round without a new plan: the old one is as refused as it was
		synctest.Wait()
		if got := w.walked(); strings.Contains(strings.Join(got, ","), "100") {
			t.Errorf("good news that is not true: %q", got)
		}
		w.change(func(w *world) { w.refusal = nil })
		time.Sleep(reconcile + time.Second)
		if got := w.walked(); len(got) == 0 || got[len(got)-1] != "lan 100 on lan0 " {
			t.Errorf("steps %q, want the good news in the end", got)
		}
	})
}

func TestARefusedFirstPlanBeginsAtTheBottom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.refusal = errors.New("no")
		_, stop := begin(t, w, server())
		defer stop()
		wantSteps(t, w, "apply", "lan 1 on lan0 ")
	})
}

// The engine may be Active already: nothing is wanted of it before it has said so.
func TestTheEngineIntroducesItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.mute["fibre"] = true
		r, stop := w.start(t, twin(tracking("fibre")))
		defer stop()
		time.Sleep(introduction - time.Millisecond)
		for _, s := range w.walked() {
			if s != "apply" {
				t.Errorf("the engine is told %q before it has spoken", s)
			}
		}
		r.Tell(VRRPSeen{vrrp.Status{Elections: []vrrp.Election{{Router: "lan", ID: 51, Family: vrrp.IPv4, State: vrrp.Active, Priority: 80}}}})
		time.Sleep(settle)
		if got := w.walked(); !slices.Contains(got, "lan 80 on lan0 ") || slices.Contains(got, "lan 1 on lan0 ") {
			t.Errorf("steps %q, want the priority to stay", got)
		}
		time.Sleep(hold)
		if got := w.walked(); len(got) == 0 || got[len(got)-1] != "lan 1 on lan0 " {
			t.Errorf("steps %q, want the line to be given up", got)
		}
	})
}

func TestASilentEngineIsToldAllTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		_, stop := w.start(t, server())
		defer stop()
		time.Sleep(introduction - time.Millisecond)
		wantSteps(t, w, "apply")
		time.Sleep(2 * time.Millisecond)
		wantSteps(t, w, "lan 100 on lan0 ")
	})
}

// A line whose address has changed has to be checked again, and nobody does.
func TestALineThatIsNotProvenInTimeIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		_, stop := begin(t, w, twin(tracking("fibre")))
		defer stop()
		time.Sleep(reconcile + time.Second)
		w.walked()
		w.reports["fibre"](wan.Update{WAN: "fibre", Lease: &wan.Lease{Address: netip.MustParsePrefix("198.51.100.77/24"), Gateway: netip.MustParseAddr("198.51.100.1")}})
		time.Sleep(hold - time.Millisecond)
		wantSteps(t, w, "apply")
		time.Sleep(2 * time.Millisecond)
		wantSteps(t, w, "lan 1 on lan0 ")
	})
}

func TestNobodyIsToldAnythingWithoutVirtualRouters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r, stop := begin(t, w, twoWANs())
		defer stop()
		for _, s := range w.walked() {
			if s != "apply" {
				t.Errorf("the engine is told %q", s)
			}
		}
		if err := r.Drain("", false); !errors.Is(err, ErrAlone) {
			t.Errorf("a drain with nobody to go to: %v", err)
		}
	})
}

func TestReconfigureTellsTheEngineAndTheChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r, stop := begin(t, w, server(checking(web)))
		defer stop()
		wantSteps(t, w, "apply", "lan 100 on lan0 check tcp 127.0.0.1:80 has not passed yet")
		if len(w.watched) != 1 || w.watched[0].Router != "lan" || w.watched[0].Check != web {
			t.Errorf("checked are %+v", w.watched)
		}
		r.Tell(CheckSeen{Router: "lan", Check: web, OK: true})
		synctest.Wait()
		wantSteps(t, w, "lan 100 on lan0 ")
		if err := r.Drain("", false); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		wantSteps(t, w, "lan 1 on lan0 ")
		if s, _ := r.Snapshot(); !s.Drained {
			t.Error("the snapshot does not say drained")
		}
		if err := r.Reconfigure(t.Context(), Config{Name: "main"}); err != nil {
			t.Error(err)
		}
		wantSteps(t, w, "nothing")
		if len(w.watched) != 0 {
			t.Errorf("checked are %+v, of nothing", w.watched)
		}
	})
}

func TestTheLoopRunsScripts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r, stop := begin(t, w, server(func(v *VirtualRouter) { v.OnChange = "/bin/change" }))
		defer stop()
		for _, state := range []vrrp.State{vrrp.Backup, vrrp.Active} {
			r.Tell(VRRPSeen{vrrp.Status{Elections: []vrrp.Election{{Router: "lan", Family: vrrp.IPv4, State: state, Since: time.Now()}}}})
			synctest.Wait()
		}
		if len(w.scripts) != 2 || w.scripts[0].State != "backup" || w.scripts[1].State != "active" {
			t.Errorf("scripts run: %+v", w.scripts)
		}
	})
}

func TestInboxKeepsTheLatestStatus(t *testing.T) {
	b := newInbox()
	for n := range 1000 {
		b.put(VRRPSeen{vrrp.Status{Elections: []vrrp.Election{{Priority: n}}}}, nil)
	}
	letters, _ := b.take()
	if len(letters) != 1 || letters[0].fact.(VRRPSeen).Status.Elections[0].Priority != 999 {
		t.Errorf("%d letters, want the last one only", len(letters))
	}
}
