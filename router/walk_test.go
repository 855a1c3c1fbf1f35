package router

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/twinpath/twinpath/health"
	"github.com/twinpath/twinpath/vrrp"
)

// ending is a set of facts that leaves no choice: one WAN at least works.
type ending struct {
	fibre, lte   health.Verdict
	dear         bool // fibre is
	drained      string
	cable, lease bool         // of lte
	load         string       // why the check fails; empty: it does not
	left         Class        // of lte's data
	prefix       string       // delegated to lte; empty: none
	six          health.State // of fibre's IPv6
}

func anyEnding(r *rand.Rand) ending {
	up := health.Verdict{State: health.Up, Reason: "3 of 3 checks answer"}
	states := []health.Verdict{up,
		{State: health.Degraded, Lost: 20, Reason: "2 of 3 checks answer"},
		{State: health.Degraded, Lost: 60, Reason: "1 of 3 checks answers"},
		{State: health.Down, Lost: 100, Reason: "none of 3 checks answers", Broken: health.Everything}}
	e := ending{fibre: states[r.IntN(4)], lte: up, dear: r.IntN(2) == 0, drained: []string{"", "", "fibre", "lte"}[r.IntN(4)], cable: true, lease: true, load: []string{"", "exit status 1"}[r.IntN(2)],
		left: Class(r.IntN(4)), prefix: []string{"", "2001:db8:e100::/56"}[r.IntN(2)], six: []health.State{health.Up, health.Down}[r.IntN(2)]}
	if e.fibre.State.Usable() {
		e.lte, e.cable, e.lease = states[r.IntN(4)], r.IntN(3) > 0, r.IntN(3) > 0
	}
	return e
}

// reach leads a house to the ending, whatever it was before.
func (e ending) reach(h *house) {
	h.fold(Reconfigured{priced(e.dear)})
	h.cable("wan0", true)
	h.cable("usb0", e.cable)
	h.lease("fibre", "198.51.100.7/24", "198.51.100.1")
	h.lease("lte", "192.0.2.9/24", "192.0.2.1")
	h.lease6("fibre", "2001:db8:f100::/56")
	h.lease6("lte", e.prefix)
	h.verdict6("fibre", e.six)
	h.verdict6("lte", health.Up)
	if !e.lease {
		h.loseLease("lte", "no DHCP server answers")
	}
	h.fold(DrainWished{Off: true})
	if e.drained != "" {
		h.fold(DrainWished{WAN: e.drained})
	}
	h.verdict("fibre", e.fibre)
	h.verdict("lte", e.lte)
	h.test(load, e.load)
	h.usedUp(e.left)
	for range 5 { // no hold-down is left, of those neither that this itself has caused, and no prefix that was delegated before
		h.pass(31 * time.Minute)
	}
}

func priced(dear bool) Config {
	config := twin(checking(load))
	config.LAN.IPv6 = true
	if dear {
		config.WANs[0].Cost = 80
	}
	return config
}

// step lets something happen.
func step(r *rand.Rand, h *house) {
	name := []string{"fibre", "lte"}[r.IntN(2)]
	device := map[string]string{"fibre": "wan0", "lte": "usb0"}[name]
	if h.state.line(name) == nil {
		h.fold(Reconfigured{priced(r.IntN(2) == 0)})
		return
	}
	h.told()
	switch r.IntN(18) {
	case 0, 1:
		h.cable(device, r.IntN(2) == 0)
	case 2:
		h.lease(name, map[string]string{"fibre": "198.51.100.77/24", "lte": "192.0.2.99/24"}[name], "10.0.0.1")
	case 3:
		h.loseLease(name, "no DHCP server answers")
	case 4:
		h.up(name)
	case 5:
		h.degraded(name, 20*r.IntN(5))
	case 6:
		h.dead(name, time.Second)
	case 7:
		h.fold(DrainWished{WAN: name, Off: r.IntN(2) == 0})
	case 8:
		config := priced(r.IntN(2) == 0)
		// With both gone in turn they would come back with each other's tables: those stay with whoever has them.
		if at := r.IntN(4); at < 2 && len(h.state.lines) == 2 {
			config.WANs = config.WANs[at : at+1]
		}
		h.fold(Reconfigured{config})
	case 9:
		h.test(load, []string{"", "exit status 1"}[r.IntN(2)])
	case 10:
		h.fold(DrainWished{})
	case 11:
		h.doing(vrrp.State(r.IntN(5)), 1+r.IntN(254), "as it pleases")
	case 12:
		h.fold(Reconfigured{priced(r.IntN(2) == 0)})
	case 13:
		h.usedUp(Class(r.IntN(4)))
	case 14:
		h.fold(Rehearsed{WAN: name, Until: h.now.Add(time.Duration(r.IntN(300)) * time.Second)})
	case 15:
		h.lease6(name, []string{"", "2001:db8:f100::/56", "2001:db8:e100::/56", "2001:db8:d100::/60"}[r.IntN(4)])
	case 16:
		h.lose6(name, "no router advertises IPv6")
	case 17:
		h.verdict6(name, health.State(r.IntN(4)))
	}
	h.pass(time.Duration(r.IntN(120)) * time.Second)
}

func TestAnyWayToTheSameFactsGivesTheSamePlan(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(2, seed))
		e := anyEnding(r)
		straight := newHouse(t, priced(false))
		e.reach(straight)
		want := straight.state.Plan(straight.last).String()
		wanted := fmt.Sprint(straight.state.Wanted(straight.now, straight.last))

		h := newHouse(t, priced(r.IntN(2) == 0))
		for range r.IntN(60) {
			step(r, h)
		}
		e.reach(h)
		if got := h.state.Plan(h.last).String(); got != want {
			t.Fatalf("seed %d, %+v: the plan depends on the way:\n%s\nwant\n%s", seed, e, got, want)
		}
		if got := fmt.Sprint(h.state.Wanted(h.now, h.last)); got != wanted {
			t.Fatalf("seed %d, %+v: what is wanted of the engine depends on the way:\n%s\nwant\n%s", seed, e, got, wanted)
		}
		if again := h.state.Plan(h.last).String(); again != want {
			t.Fatalf("seed %d: a plan changes when it is made twice", seed)
		}
	}
}
