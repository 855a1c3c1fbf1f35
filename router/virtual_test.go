package router

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/check"
	"github.com/twinpath/twinpath/vrrp"
)

var (
	web  = check.Check{Kind: check.TCP, Target: "127.0.0.1:80"}
	load = check.Check{Kind: check.Run, Target: "/usr/bin/load", Weight: 30}
)

// gateway is a virtual router for the house's gateway address that tracks every WAN.
func gateway() VirtualRouter {
	return VirtualRouter{
		Router: vrrp.Router{
			Name: "lan", ID: 51, Version: 3, Base: 100, Interval: time.Second, Preempt: true, FastPreempt: true,
			Addresses: []netip.Prefix{netip.MustParsePrefix("192.168.1.254/24")},
		},
		TrackAll: true, Accept: true,
	}
}

// twin is a house with one of two routers.
func twin(change ...func(*VirtualRouter)) Config {
	config := twoWANs()
	v := gateway()
	for _, c := range change {
		c(&v)
	}
	config.VRRP = []VirtualRouter{v}
	return config
}

func tracking(names ...string) func(*VirtualRouter) {
	return func(v *VirtualRouter) { v.Track, v.TrackAll = names, false }
}

func checking(all ...check.Check) func(*VirtualRouter) {
	return func(v *VirtualRouter) { v.Checks = all }
}

// server is a box without WANs.
func server(change ...func(*VirtualRouter)) Config {
	config := twin(change...)
	config.WANs, config.LAN = nil, LAN{}
	config.VRRP[0].Interface = "lan0"
	return config
}

func (h *house) wantStanding(priority int, fault string) {
	h.t.Helper()
	st := h.state.standing(h.now, h.last, h.state.virtuals[0])
	if st.Priority != priority || st.Fault != fault {
		h.t.Errorf("at %s the standing is %+v, want %d %q", h.now.Sub(noon), st, priority, fault)
	}
}

// told makes the engine have what is wanted now.
func (h *house) told() { h.state.Wished(h.state.Wanted(h.now, h.last)) }

func (h *house) test(c check.Check, reason string) {
	h.t.Helper()
	h.fold(CheckSeen{Router: "lan", Check: c, OK: reason == "", Reason: reason})
}

// doing makes the engine say what it is doing.
func (h *house) doing(state vrrp.State, priority int, reason string) {
	h.t.Helper()
	h.fold(VRRPSeen{vrrp.Status{Elections: []vrrp.Election{{
		Router: "lan", ID: 51, Family: vrrp.IPv4, Interface: "lan0", State: state, Priority: priority, Base: 100,
		Active: netip.MustParseAddr("192.168.1.2"), Addresses: gateway().Addresses, Since: h.now, Reason: reason,
	}}}})
}

// The home story (design §1): the backup router has 50.
func TestPriorityFollowsTheTrackedWAN(t *testing.T) {
	h := settled(t, twin(tracking("fibre")))
	h.wantStanding(100, "")
	for lost, priority := range map[int]int{20: 80, 40: 60, 60: 40, 80: 20} {
		h.degraded("fibre", lost)
		h.wantStanding(priority, "")
	}
	h.dead("fibre", time.Second)
	h.wantStanding(1, "")
	h.up("fibre")
	h.pass(time.Hour)
	h.wantStanding(100, "")
	h.cable("wan0", false)
	h.wantStanding(1, "")
}

func TestPriorityIsThatOfTheCheapestTrackedWAN(t *testing.T) {
	h := settled(t, twin())
	h.degraded("fibre", 40)
	h.wantStanding(60, "")
	h.degraded("fibre", 60)
	h.wantStanding(50, "") // lte costs 50
	h.degraded("lte", 20)
	h.wantStanding(40, "")
	h.fold(DrainWished{WAN: "fibre"})
	h.wantStanding(30, "")
	h.fold(DrainWished{WAN: "lte"})
	h.wantStanding(1, "")
}

func TestBounds(t *testing.T) {
	base := func(n int) func(*VirtualRouter) { return func(v *VirtualRouter) { v.Base = n } }
	for _, c := range []struct {
		base, up, down, drained int
	}{{100, 100, 1, 1}, {254, 254, 154, 1}, {1, 1, 1, 1}, {vrrp.Owner, vrrp.Owner, vrrp.Owner, 1}} {
		h := settled(t, twin(base(c.base), tracking("fibre")))
		h.wantStanding(c.up, "")
		h.dead("fibre", time.Second)
		h.wantStanding(c.down, "")
		h.fold(DrainWished{})
		h.wantStanding(c.drained, "")
	}
}

func TestNothingTrackedCostsNothing(t *testing.T) {
	h := settled(t, twin(tracking()))
	h.dead("fibre", time.Second)
	h.dead("lte", time.Second)
	h.wantStanding(100, "")
}

func TestAPeerIsNotTrackedUnlessNamed(t *testing.T) {
	config := twin()
	config.WANs[1] = WANConfig{Name: "lte", Kind: Peer, Weight: 1, Peer: netip.MustParseAddr("192.168.1.3")}
	v := gateway()
	if v.Tracks(config.WANs[1]) || !v.Tracks(config.WANs[0]) {
		t.Error("by default each WAN but the peer is tracked")
	}
	if tracking("lte")(&v); !v.Tracks(config.WANs[1]) {
		t.Error("a peer that is named is tracked")
	}
}

// A rebooted router must not take the house before its line is proven.
func TestAfterABootALineHasToBeProven(t *testing.T) {
	h := newHouse(t, twin(tracking("fibre")))
	h.decide()
	h.wantStanding(1, "")
	h.fold(VRRPSeen{}) // an engine that is as new as we are
	h.told()
	h.wantStanding(1, "")
	h.up("fibre")
	h.wantStanding(100, "")
}

// A restarted daemon must not drop the house: the engine has gone on.
func TestARestartedDaemonHoldsThePriority(t *testing.T) {
	h := newHouse(t, twin(tracking("fibre")))
	h.doing(vrrp.Active, 80, "")
	h.wantStanding(80, "")
	h.told()
	h.pass(hold - time.Millisecond)
	h.wantStanding(80, "")
	h.told()
	h.pass(time.Millisecond)
	h.wantStanding(1, "")
	h.up("fibre")
	h.wantStanding(100, "")
}

func TestWhatIsKnownCountsWhileTheRestIsNot(t *testing.T) {
	h := newHouse(t, twin())
	h.doing(vrrp.Active, 100, "")
	h.dead("fibre", time.Second)
	h.wantStanding(50, "") // lte has not spoken, but it costs 50 at best
	h.told()
	h.degraded("fibre", 20)
	h.wantStanding(80, "") // and now this is the least that it can be
	h.loseLease("fibre", "no DHCP server answers")
	h.up("lte")
	h.wantStanding(50, "")
}

func TestALineThatIsAskedAgainHoldsThePriority(t *testing.T) {
	h := settled(t, twin(tracking("fibre")))
	h.told()
	h.lease("fibre", "198.51.100.77/24", "198.51.100.1") // another address: what was known is of the old one
	h.wantStanding(100, "")
	h.pass(hold)
	h.wantStanding(1, "")
}

func TestChecks(t *testing.T) {
	h := settled(t, twin(tracking(), checking(web, load)))
	h.wantStanding(70, "check tcp 127.0.0.1:80 has not passed yet")
	h.test(web, "connection refused")
	h.wantStanding(70, "check tcp 127.0.0.1:80 fails: connection refused")
	h.test(web, "")
	h.wantStanding(70, "")
	h.test(load, "")
	h.wantStanding(100, "")
	h.told()
	h.test(load, "exit status 1")
	h.wantStanding(70, "")
	h.test(web, "no answer within 1s")
	h.fold(DrainWished{})
	h.wantStanding(1, "check tcp 127.0.0.1:80 fails: no answer within 1s")
}

func TestChecksAreNews(t *testing.T) {
	h := settled(t, twin(tracking(), checking(web, load)))
	for _, step := range []struct {
		check        check.Check
		reason, want string
	}{
		{web, "", ""}, // as it should be
		{web, "connection refused", "lan: check tcp 127.0.0.1:80 fails: connection refused."},
		{web, "no answer within 1s", ""},
		{web, "", "lan: check tcp 127.0.0.1:80 passes again."},
		{load, "exit status 1", "lan: check run /usr/bin/load fails: exit status 1 (priority -30)."},
		{check.Check{Kind: check.Process, Target: "gone"}, "no process gone", ""},
	} {
		h.events = nil
		h.test(step.check, step.reason)
		got := ""
		for _, e := range h.events {
			got += e.Sentence
		}
		if got != step.want {
			t.Errorf("%s %q: said %q, want %q", step.check, step.reason, got, step.want)
		}
	}
	h.fold(CheckSeen{Router: "gone", Check: web})
}

// With checks of 0 and of 30 the engine is Active on 70 when the daemon is restarted: nothing changes before they speak.
func TestARestartedDaemonHoldsWhatItsChecksSaid(t *testing.T) {
	h := settled(t, twin(tracking(), checking(web, load)))
	h.doing(vrrp.Active, 70, "")
	h.wantStanding(70, "")
	h.test(load, "")
	h.wantStanding(100, "") // the other one has no say in it
	h.told()
	h.pass(hold)
	h.wantStanding(100, "check tcp 127.0.0.1:80 has not passed yet")
	h.told()
	h.test(web, "")
	h.wantStanding(100, "")
}

func TestARestartedDaemonDoesNotLiftAFault(t *testing.T) {
	h := settled(t, twin(tracking(), checking(web)))
	h.doing(vrrp.Fault, 100, "check tcp 127.0.0.1:80 fails: connection refused")
	h.wantStanding(100, "check tcp 127.0.0.1:80 has not passed yet")
	other := check.Check{Kind: check.Process, Target: "haproxy"}
	h.fold(Reconfigured{twin(tracking(), checking(web, other))})
	h.test(other, "no process haproxy")
	h.wantStanding(100, "check process haproxy fails: no process haproxy") // which is known, the other is not
}

func TestAReloadKeepsWhatIsKnown(t *testing.T) {
	h := settled(t, twin(tracking(), checking(web)))
	h.test(web, "")
	h.told()
	h.fold(Reconfigured{twin(tracking(), checking(load, web), func(v *VirtualRouter) { v.Base = 120 })})
	h.told()
	h.wantStanding(100, "") // load may cost 30, or not: as before
	h.test(load, "")
	h.wantStanding(120, "")
	h.pass(hold)
	h.wantStanding(120, "") // and web has passed long ago
}

func TestWanted(t *testing.T) {
	config := twin(tracking())
	config.VRRP = append(config.VRRP, gateway(), gateway())
	config.VRRP[1].Name, config.VRRP[1].Interface = "usb", "usb*"
	config.VRRP[2].Name, config.VRRP[2].Interface = "later", "eth7"
	h := settled(t, config)
	w := h.state.Wanted(h.now, h.last)
	for i, want := range []string{"lan0", "usb0", "eth7"} {
		if got := w.Routers[i]; got.Interface != want || got.ID != 51 || len(got.Addresses) != 1 || !got.FastPreempt {
			t.Errorf("%s: %+v, want it on %s as configured", got.Name, got, want)
		}
	}
}

func TestOnlyBadNewsIsTrueBeforeTheKernelHasThePlan(t *testing.T) {
	h := settled(t, twin(tracking("fibre"), checking(web)))
	all := func() vrrp.Wanted { return h.state.Wanted(h.now, h.last) }
	if w := h.state.Cautious(all(), false); len(w.Routers) != 0 {
		t.Errorf("%+v is wanted of a router that the engine does not know yet", w.Routers)
	}
	if w := h.state.Cautious(all(), true); len(w.Routers) != 1 || w.Routers[0].Priority != 1 {
		t.Errorf("after a refusal %+v is wanted, want priority 1", w.Routers)
	}
	h.test(web, "")
	h.degraded("fibre", 60)
	h.told()
	h.up("fibre")
	if w := h.state.Cautious(all(), false); w.Routers[0].Priority != 40 {
		t.Errorf("good news before its time: %+v", w.Routers)
	}
	h.dead("fibre", time.Second)
	h.test(web, "connection refused")
	w := h.state.Cautious(all(), false)
	if w.Routers[0].Priority != 1 || w.Routers[0].Fault == "" {
		t.Errorf("bad news is late: %+v", w.Routers)
	}
	h.state.Wished(w)
	h.test(web, "")
	if w := h.state.Cautious(all(), false); w.Routers[0].Fault == "" {
		t.Error("a fault is over before the kernel has the plan")
	}
}

func TestDrainOfTheRouter(t *testing.T) {
	h := settled(t, twin())
	h.fold(DrainWished{})
	h.fold(DrainWished{})
	h.wantSaid("main is being drained: another router is to serve the house.")
	h.wantStanding(1, "")
	h.wantCarrying("fibre")
	h.fold(DrainWished{WAN: "fibre", Off: true})
	h.wantStanding(1, "")
	h.fold(DrainWished{Off: true})
	h.wantSaid("main may serve the house again.")
	h.wantStanding(100, "")
	if s := h.state.Snapshot(h.now, "", h.last); s.Drained {
		t.Error("the snapshot says drained")
	}
}

func TestTheFirewallLetsVirtualAddressesBeServed(t *testing.T) {
	config := twin(func(v *VirtualRouter) { v.VirtualMAC, v.Accept = true, false })
	config.VRRP = append(config.VRRP, gateway(), gateway(), gateway())
	config.VRRP[1].Name, config.VRRP[1].Interface = "dmz", "dmz0"
	config.VRRP[1].Addresses = []netip.Prefix{netip.MustParsePrefix("10.0.0.1/24"), netip.MustParsePrefix("fd00::1/64")}
	config.VRRP[2].Name, config.VRRP[2].Interface, config.VRRP[2].VirtualMAC = "dmz two", "dmz0", true
	config.VRRP[3].Name, config.VRRP[3].Interface = "not there", "dmz7"
	h := settled(t, config)
	h.fold(LinksSeen(append(h.links, Link{Index: 9, Name: "dmz0"})))
	p := h.state.policy(h.last, "lan0")
	if got := strings.Join(p.LAN, " "); got != "lan0 "+vrrp.DeviceName(2, 51, vrrp.IPv4) {
		t.Errorf("the house is %s", got)
	}
	if got := strings.Join(p.Own, " "); got != "dmz0 "+vrrp.DeviceName(9, 51, vrrp.IPv4) {
		t.Errorf("own are %s", got)
	}
	if len(p.Refused) != 1 || p.Refused[0].String() != "192.168.1.254" {
		t.Errorf("refused are %v", p.Refused)
	}
}

// Without WANs and a LAN nothing of the machine is touched.
func TestAPlainServerHasAnEmptyPlan(t *testing.T) {
	h := newHouse(t, server())
	if text := h.state.Plan(h.state.Decide(h.now)).String(); text != "" {
		t.Errorf("the plan is\n%s", text)
	}
}

func TestThePreviewShowsVirtualRouters(t *testing.T) {
	config := twin()
	config.VRRP = append(config.VRRP, gateway())
	config.VRRP[1].Name, config.VRRP[1].Interface = "dmz", "dmz0"
	p, notes := Preview(config)
	for _, want := range []string{"lan (id 51 on lan0): 192.168.1.254 moves with the election", "dmz (id 51 on dmz0): 192.168.1.254 moves with the election"} {
		if !slices.Contains(notes, want) {
			t.Errorf("the notes lack %q: %q", want, notes)
		}
	}
	if !strings.Contains(p.String(), `iifname @own accept`) {
		t.Error("nobody gets to dmz0")
	}
}
