package router

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/firewall"
	"github.com/twinpath/twinpath/health"
	"github.com/twinpath/twinpath/vrrp"
	"github.com/twinpath/twinpath/wan"
)

const partnerMAC = "02:00:00:00:00:99"

// shared is one of two routers: a line of its own, and the other one's beside it or behind it.
func shared(cost int) Config {
	config := dual()
	config.Pair = Pair{Peer: netip.MustParseAddr("192.168.1.3"), Secret: "correct horse battery"}
	config.WANs[1] = WANConfig{Name: "lte", Kind: Peer, Peer: config.Pair.Peer, Cost: cost, Weight: 2}
	return config
}

// sharing has both lines up.
func sharing(t *testing.T, config Config) *house {
	t.Helper()
	h := newHouse(t, config)
	h.fold(LeaseSeen{wan.Update{WAN: "lte", Lease: &wan.Lease{Gateway: config.WANs[1].Peer, DNS: []netip.Addr{config.WANs[1].Peer}}}, 2})
	h.up("fibre")
	h.up("lte")
	h.events, h.swept = nil, nil
	return h
}

// lends is what the other router says of its lines.
func (h *house) lends(lines ...PartnerLine) {
	h.t.Helper()
	h.fold(TogetherSeen{Together{Linked: true, Since: noon, Router: "second", MAC: partnerMAC, Gateway4: h.state.config.Pair.Peer,
		Gateway6: netip.MustParseAddr("fe80::3"), Lines: append([]PartnerLine{}, lines...)}})
}

// cableLine is a line of the other router that works.
func cableLine() PartnerLine {
	return PartnerLine{Name: "cable", State: "up", Usable: true, Usable6: true, Reason: "3 of 3 checks answer", DNS: []netip.Addr{netip.MustParseAddr("192.0.2.53")},
		Sources6: []netip.Prefix{netip.MustParsePrefix("2001:db8:cab0::/56"), netip.MustParsePrefix("2001:db8:c::7/128")}}
}

func broken(p PartnerLine) PartnerLine {
	p.State, p.Usable, p.Usable6, p.Lost, p.Reason, p.Blame = "down", false, false, 100, "no cable in wan0, or nothing behind it has power", BlameCable
	return p
}

// The LAN leads to the Internet only while the other router's line is used: else a route by it leads to another router in the house.
func TestWhereTheInternetIs(t *testing.T) {
	h := sharing(t, shared(0))
	for _, c := range []struct {
		line PartnerLine
		want []string
	}{{cableLine(), []string{"wan0", "lan0"}}, {broken(cableLine()), []string{"wan0"}}} {
		h.lends(c.line)
		if side := h.state.side(h.state.Decide(h.now)); !slices.Equal(side.Uplinks, c.want) {
			t.Errorf("with the other line %s the Internet is behind %v, want %v", c.line.State, side.Uplinks, c.want)
		}
	}
}

func TestAPeerIsAsGoodAsWhatIsBehindIt(t *testing.T) {
	h := sharing(t, shared(0))
	h.wantCarrying("fibre", "lte")
	h.lends(cableLine())
	h.wantCarrying("fibre", "lte")
	h.lends(broken(cableLine()))
	h.wantCarrying("fibre")
	e := h.wantSaid("lte is down: the other router has no line that works (cable: no cable in wan0, or nothing behind it has power)")
	if e.Blame != BlameCable {
		t.Errorf("blamed on %q", e.Blame)
	}
	if !slices.Contains(h.swept, Vacate{WAN: "lte", Mark: firewall.MarkOf(1), Tell: true}) {
		t.Errorf("ended %v, want what was on lte, told", h.swept)
	}
	limping := cableLine()
	limping.Lost, limping.State, limping.Reason = 20, "degraded", "2 of 3 checks answer"
	h.lends(broken(cableLine()), limping)
	h.wantCarrying("fibre") // 20 is 20
	h.wantSaid("lte is degraded: the other router's cable: 2 of 3 checks answer")
	if c := h.last.Conditions[1]; c.Lost != 20 {
		t.Errorf("lost %d, want the other router's 20", c.Lost)
	}
	h.degraded("lte", 40) // our own checks find more
	if c := h.last.Conditions[1]; c.Lost != 40 || strings.Contains(c.Reason, "other router") {
		t.Errorf("lost %d for %q, want the 40 of our own checks", c.Lost, c.Reason)
	}
}

func TestThatConnectionsAreSharedIsNoNews(t *testing.T) {
	for cost, said := range map[int]bool{0: false, 50: true} {
		h := sharing(t, shared(cost))
		h.lends(cableLine())
		for _, view := range []Together{{Phase: HandOverKeeps, Kept: 7}, {}} {
			view.Linked, view.Since, view.Lines = true, noon, []PartnerLine{cableLine()}
			h.fold(TogetherSeen{view})
		}
		if got := slices.ContainsFunc(h.events, func(e Event) bool { return strings.Contains(e.Sentence, "7 connections stay with") }); got != said {
			t.Errorf("at cost %d: said %v, want %v", cost, got, said)
		}
		if got := slices.ContainsFunc(h.events, func(e Event) bool { return strings.Contains(e.Sentence, "No connection is left") }); got != said {
			t.Errorf("at cost %d: the end said %v, want %v", cost, got, said)
		}
	}
}

func TestAPeerWithoutALinkIsCheckedOnly(t *testing.T) {
	h := sharing(t, shared(0))
	h.lends(broken(cableLine()))
	h.wantCarrying("fibre")
	h.fold(TogetherSeen{Together{Since: noon, Lines: []PartnerLine{broken(cableLine())}, Reason: "another secret"}})
	h.wantCarrying("fibre", "lte")
	h.lends(PartnerLine{Name: "cable", State: "unknown", Reason: "asking for an address"}, broken(cableLine())) // it has just been started
	h.wantCarrying("fibre", "lte")
	h.fold(TogetherSeen{Together{Linked: true, Since: noon}}) // an older program: it says nothing of its lines
	h.wantCarrying("fibre", "lte")
	h.fold(TogetherSeen{Together{Since: noon, Gone: vrrp.Gone{IPv4: h.state.config.Pair.Peer}}})
	h.wantCarrying("fibre")
	h.wantSaid("lte is down: the other router is gone")
}

func TestAPeerThatIsAnotherRouterSpeaksForItself(t *testing.T) {
	config := shared(0)
	config.WANs[1].Peer = netip.MustParseAddr("192.168.1.77")
	h := sharing(t, config)
	h.lends()
	h.wantCarrying("fibre", "lte")
	if p := h.state.policy(h.last, "lan0"); p.Partner != "" {
		t.Errorf("what comes from %s is taken for its", p.Partner)
	}
}

func TestAPeerThatComesAndGoesIsHeldDown(t *testing.T) {
	h := sharing(t, shared(0))
	for range 2 {
		h.lends(broken(cableLine()))
		h.wantCarrying("fibre")
		h.pass(10 * time.Second)
		h.lends(cableLine())
	}
	if held := h.last.Conditions[1].Held; held.Sub(h.now) != time.Minute {
		t.Errorf("after two times held for %s, want 1m", held.Sub(h.now))
	}
	h.wantCarrying("fibre")
	h.pass(time.Minute)
	h.wantCarrying("fibre", "lte")
}

func TestAPeerIsMeteredWhileItsLineIs(t *testing.T) {
	config := shared(0)
	config.Policies = []Policy{{Devices: []string{"02:00:00:00:00:22"}, Metered: Never}}
	h := sharing(t, config)
	stick := cableLine()
	stick.Metered = true
	h.lends(stick)
	if w := h.wan("lte"); !w.Metered {
		t.Error("not shown as metered")
	}
	if u := h.state.policy(h.last, "lan0").Uses[0]; len(u.Via) != 1 || u.Via[0].Mark != firewall.MarkOf(0) {
		t.Errorf("who is never to use a metered line goes by %v", u.Via)
	}
	cheap := cableLine()
	cheap.Name, cheap.Cost = "dsl", 5
	stick.Cost = 50
	h.lends(stick, cheap)
	if w := h.wan("lte"); w.Metered {
		t.Error("shown as metered, though another line carries")
	}
}

func TestNamesAreAskedOfThePartnersServers(t *testing.T) {
	h := sharing(t, shared(0))
	if dns := h.wan("lte").DNS; !slices.Equal(dns, []string{"192.168.1.3"}) {
		t.Errorf("without a link: %v", dns)
	}
	h.lends(cableLine())
	if dns := h.wan("lte").DNS; !slices.Equal(dns, []string{"192.0.2.53"}) {
		t.Errorf("linked: %v", dns)
	}
}

// What comes from the other router goes on by this one's own lines, whatever everybody's way is.
func TestWhatThePartnerSendsGoesOnByOwnLines(t *testing.T) {
	fibre := []firewall.Share{{Mark: firewall.MarkOf(0), Weight: 1}}
	h := sharing(t, shared(0))
	h.lends(cableLine())
	want := func(when string, lent []firewall.Share, rule bool) {
		t.Helper()
		p := h.state.policy(h.last, "lan0")
		if p.Partner != partnerMAC || p.PartnerAddress != h.state.config.Pair.Peer || !slices.Equal(p.Lent, lent) {
			t.Errorf("%s: from %s (%s) by %v, want %v", when, p.Partner, p.PartnerAddress, p.Lent, lent)
		}
		if rules := h.state.Plan(h.last).Rules; slices.ContainsFunc(rules, func(r Rule) bool { return r.OnlySpecific && !r.OnlyIPv6 }) != rule {
			t.Errorf("%s: specific routes before marks: %v", when, !rule)
		}
	}
	want("shared", fibre, true)
	h.lends(broken(cableLine()))
	want("own line alone", nil, false)
	h.lends(cableLine())
	h.degraded("fibre", 60)
	h.wantCarrying("lte")
	want("everybody goes there", fibre, true)
	h.cable("wan0", false)
	want("no own line", nil, false)
	h.fold(TogetherSeen{Together{}})
	h.fold(VRRPSeen{vrrp.Status{Speakers: []vrrp.Speaker{{Source: h.state.config.Pair.Peer, MAC: "00:00:5e:00:01:33"}, {Source: h.state.config.Pair.Peer, MAC: partnerMAC}}}})
	want("known by its adverts", nil, false)
}

// What went back to the other router before it was known has no address of a line, and would leave without one by a line of this router's own.
func TestWhatWentBackIsEnded(t *testing.T) {
	h := sharing(t, shared(0))
	h.lends(cableLine())
	if want := (Vacate{WAN: "lte", Mark: firewall.MarkOf(1)}); !slices.Contains(h.swept, want) || slices.ContainsFunc(h.swept, func(v Vacate) bool { return v != want }) {
		t.Errorf("ended %v, want %v, and nobody told", h.swept, want)
	}
	for range 9 {
		h.pass(time.Second)
	}
	if n := len(h.swept); n > 4 {
		t.Errorf("ended %d times", n)
	}
}

func TestThePartnersIPv6GoesThere(t *testing.T) {
	config := shared(50)
	h := sharing(t, config)
	h.lease6("fibre", "2001:db8:f100::/56")
	h.verdict6("fibre", health.Up)
	h.lends(cableLine())
	h.wantPlan("ip route replace ::/0 via fe80::3 dev lan0 table 20102", "ip route replace 2001:db8:cab0::/56 via fe80::3 dev lan0 table main", "!ip route replace 2001:db8:c::7")
	w := h.state.policy(h.last, "lan0").WANs[1]
	if !w.Alive6 || !w.Open6 || !slices.Equal(w.Sources6, cableLine().Sources6) {
		t.Errorf("the firewall sees %+v", w)
	}
	if subnets := h.state.policy(h.last, "lan0").Subnets; !slices.Contains(subnets, netip.MustParsePrefix("2001:db8:cab0::/56")) {
		t.Errorf("the house is %v", subnets)
	}
	four := cableLine()
	four.Usable6 = false
	h.lends(four)
	h.wantPlan("!fe80::3")
	same := cableLine() // two routers of one ISP
	same.Sources6[0] = netip.MustParsePrefix("2001:db8:f100::/56")
	h.lends(same)
	if w := h.state.policy(h.last, "lan0").WANs[1]; slices.Contains(w.Sources6, same.Sources6[0]) {
		t.Errorf("it takes this router's own %v", w.Sources6)
	}
	h.fold(TogetherSeen{Together{}})
	h.wantPlan("!fe80::3", "!cab0")
}

// A house whose only IPv6 is the other router's: its devices keep a router while that one's line carries.
func TestIPv6OfThePartnerAlone(t *testing.T) {
	h := sharing(t, shared(50))
	h.lends(cableLine())
	if w := h.wan("lte"); w.Use6 {
		t.Error("used while the own line carries")
	}
	h.dead("fibre", 2*time.Second)
	h.wantCarrying("lte")
	if w := h.wan("lte"); !w.Use6 {
		t.Error("not used")
	}
	if p := h.state.policy(h.last, "lan0"); !p.Six || !p.WANs[1].Open6 {
		t.Errorf("not directed: %v %+v", p.Six, p.WANs[1])
	}
}
