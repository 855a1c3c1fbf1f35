package router

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twinpath/twinpath/health"
	"github.com/twinpath/twinpath/wan"
)

func dead(ago time.Duration) health.Verdict {
	return health.Verdict{State: health.Down, Lost: 100, Reason: "none of 3 checks answers", Silent: time.Now().Add(-ago), Broken: health.Everything}
}

func wantSentence(t *testing.T, r *Router, phrase string) {
	t.Helper()
	if s, _ := r.Snapshot(); !strings.Contains(s.Sentence, phrase) {
		t.Errorf("the sentence is %q, want %q in it", s.Sentence, phrase)
	}
}

func wantSaid(t *testing.T, w *world, times int, phrase string) {
	t.Helper()
	n := 0
	for _, s := range w.said() {
		if strings.Contains(s, phrase) {
			n++
		}
	}
	if n != times {
		t.Errorf("%d events say %q, want %d: %q", n, phrase, times, w.said())
	}
}

// mainVia is the gateway of the main table's default route in a plan.
func mainVia(p Plan) string {
	for _, r := range p.Routes {
		if r.Table == Main && r.Destination == anyIPv4 {
			return r.Gateway.String()
		}
	}
	return "nowhere"
}

func TestLoopMovesTheHouse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r, stop := w.start(t, twoWANs())
		defer stop()
		time.Sleep(time.Second)
		wantSentence(t, r, "on fibre")
		_, changed := r.Snapshot()

		w.say("fibre", dead(time.Second))
		synctest.Wait()
		wantSentence(t, r, "on the backup lte")
		if p, _ := w.last(); mainVia(p) != "192.0.2.1" {
			t.Errorf("the plan leads to %s:\n%s", mainVia(p), p)
		}
		select {
		case <-changed:
		default:
			t.Error("nobody was told of the new snapshot")
		}
		if len(w.vacated) == 0 || w.vacated[0].WAN != "fibre" || !w.vacated[0].Tell {
			t.Errorf("vacated: %+v, want the flows of fibre", w.vacated)
		}
		wantSaid(t, w, 1, "nothing beyond the ISP's first hop answers")

		w.change(func(w *world) { w.links[2].Carrier = false })
		r.Look()
		synctest.Wait()
		time.Sleep(breath)
		synctest.Wait()
		wantSaid(t, w, 1, "lte is down: no cable in usb0")
	})
}

// udev may give an interface its name when it is in use already.
func TestAnInterfaceGetsAnotherName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		config := twoWANs()
		config.WANs[0].Interface = w.links[1].MAC
		r, stop := w.start(t, config)
		defer stop()
		time.Sleep(time.Second)
		wantSentence(t, r, "on fibre")

		w.change(func(w *world) { w.links[1].Name = "enp0s7" })
		r.Look()
		time.Sleep(time.Second)
		synctest.Wait()
		if monitor, client := w.monitors["fibre"].at.Device, w.devices["fibre"]; monitor != "enp0s7" || client != "enp0s7" {
			t.Errorf("the checks use %s and the client %s, want enp0s7", monitor, client)
		}
		if p, _ := w.last(); !strings.Contains(p.String(), "enp0s7") || strings.Contains(p.String(), "wan0") {
			t.Errorf("the plan has the old name:\n%s", p)
		}
		wantSentence(t, r, "on fibre")
	})
}

func TestRunEndsWithAllItsWorkers(t *testing.T) {
	for name, after := range map[string]time.Duration{"at once": 0, "while settling": 20 * time.Millisecond, "at work": time.Minute} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // which fails when a goroutine is left
				_, stop := newWorld().start(t, twoWANs())
				time.Sleep(after)
				stop()
			})
		})
	}
}

func TestSettle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		_, stop := w.start(t, twoWANs())
		defer stop()
		time.Sleep(49 * time.Millisecond)
		if _, n := w.last(); n != 0 {
			t.Error("there is a plan before the clients have spoken")
		}
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		if p, n := w.last(); n == 0 || !strings.Contains(p.String(), "192.0.2.9") || !strings.Contains(p.String(), "198.51.100.7") {
			t.Errorf("the first plan does not have both leases: %d plans", n)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.mute["lte"] = true
		_, stop := w.start(t, twoWANs())
		defer stop()
		time.Sleep(settle - time.Millisecond)
		if _, n := w.last(); n != 0 {
			t.Error("the first plan does not wait for a client that is silent")
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if p, _ := w.last(); mainVia(p) != "198.51.100.1" {
			t.Errorf("after %s the house uses %s", settle, mainVia(p))
		}
	})
}

func TestReconfigureWhileRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r, stop := w.start(t, twoWANs())
		defer stop()
		time.Sleep(time.Second)
		before, n := w.last()

		if err := r.Reconfigure(t.Context(), twoWANs()); err != nil {
			t.Error(err)
		}
		if after, m := w.last(); m != n || after.String() != before.String() {
			t.Errorf("the same configuration was applied again: %d plans, then %d", n, m)
		}

		next := twoWANs()
		next.WANs[0].Cost, next.WANs[1].Cost = 50, 0
		if err := r.Reconfigure(t.Context(), next); err != nil {
			t.Error(err)
		}
		wantSentence(t, r, "on lte")
		if p, _ := w.last(); mainVia(p) != "192.0.2.1" {
			t.Errorf("Reconfigure returned before the kernel had it: %s", mainVia(p))
		}

		next.WANs = next.WANs[1:] // lte keeps its table, lease and monitor
		if err := r.Reconfigure(t.Context(), next); err != nil {
			t.Error(err)
		}
		p, _ := w.last()
		if mainVia(p) != "192.0.2.1" || strings.Contains(p.String(), "198.51.100.7") || !strings.Contains(p.String(), "lookup 20102") {
			t.Errorf("without fibre:\n%s", p)
		}
		if !slices.Equal(w.released, []string{"fibre"}) {
			t.Errorf("given back: %v, want fibre's lease", w.released)
		}
		synctest.Wait()
		if n := w.running.Load(); n != 4 { // lte's client and monitor, and the scouts that still learn about both first hops
			t.Errorf("%d workers for one WAN, want 4", n)
		}
	})
}

func TestRefusedPlanHeals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r, stop := w.start(t, twoWANs())
		defer stop()
		time.Sleep(time.Second)
		w.change(func(w *world) { w.refusal = errors.New("add route default via 192.0.2.1: network is unreachable") })
		next := twoWANs()
		next.WANs[0].Cost = 99
		if err := r.Reconfigure(t.Context(), next); err == nil || !strings.Contains(err.Error(), "network is unreachable") {
			t.Errorf("a refused plan: %v", err)
		}
		if s, _ := r.Snapshot(); s.Kernel.Error != "add route default via 192.0.2.1: network is unreachable" {
			t.Errorf("the snapshot says %q", s.Kernel.Error)
		}
		time.Sleep(3 * reconcile)
		wantSaid(t, w, 1, "The kernel refused a part of the plan: add route default via 192.0.2.1: network is unreachable.")
		w.change(func(w *world) { w.refusal = nil })
		time.Sleep(reconcile + time.Second)
		if s, _ := r.Snapshot(); s.Kernel.Error != "" {
			t.Errorf("it does not heal by itself: %q", s.Kernel.Error)
		}
	})
}

func TestRestoredObjectsAreCountedAndNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r, stop := w.start(t, twoWANs())
		defer stop()
		time.Sleep(time.Second)
		w.change(func(w *world) { w.restored = []string{"default via 198.51.100.1 dev wan0"} })
		r.Look()
		synctest.Wait()
		if s, _ := r.Snapshot(); s.Kernel.Restored != 1 {
			t.Errorf("restored: %d, want 1", s.Kernel.Restored)
		}
		wantSaid(t, w, 1, "Another program removed default via 198.51.100.1 dev wan0; put back.")
	})
}

func TestDrainGivesTheLeaseBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.flows = 2
		r, stop := w.start(t, twoWANs())
		defer stop()
		time.Sleep(time.Second)
		if err := r.Drain("cable", false); !errors.Is(err, ErrNoWAN) {
			t.Errorf("drain of an unknown WAN: %v", err)
		}
		if err := r.Drain("fibre", false); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		wantSentence(t, r, "on the backup lte")
		if len(w.released) > 0 || len(w.vacated) > 0 {
			t.Errorf("with flows left: released %v, vacated %v", w.released, w.vacated)
		}
		w.change(func(w *world) { w.flows = 0 })
		time.Sleep(2 * countFlows)
		wantSaid(t, w, 1, "fibre is drained: nothing uses it any more")
		if !slices.Equal(w.released, []string{"fibre"}) {
			t.Errorf("given back: %v", w.released)
		}
		if err := r.Drain("", true); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		wantSentence(t, r, "on fibre")
	})
}

func TestInboxKeepsTheLatestVerdict(t *testing.T) {
	b := newInbox()
	for lost := range 1000 {
		b.put(HealthSeen{WAN: "fibre", Verdict: health.Verdict{Lost: lost}}, nil)
		b.put(HealthSeen{WAN: "lte", Verdict: health.Verdict{Lost: -lost}}, nil)
	}
	b.put(LeaseSeen{Update: wan.Update{WAN: "fibre"}}, nil)
	b.lookAgain()
	letters, look := b.take()
	if len(letters) != 3 || !look {
		t.Fatalf("%d letters, look %t: want one verdict for each WAN and the lease", len(letters), look)
	}
	for i, want := range []int{999, -999} {
		if h, ok := letters[i].fact.(HealthSeen); !ok || h.Verdict.Lost != want {
			t.Errorf("letter %d is %+v, want the last verdict", i, letters[i].fact)
		}
	}
	if letters, look := b.take(); len(letters) > 0 || look {
		t.Error("what was taken is still there")
	}
}

func TestNobodyWaitsForARouterThatDoesNotRun(t *testing.T) {
	r, err := New(twoWANs(), "test", newWorld().ports(), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Reconfigure(ctx, twoWANs()); !errors.Is(err, context.Canceled) {
		t.Errorf("reconfigure: %v", err)
	}
	if err := r.Answer(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("answer: %v", err)
	}
}
