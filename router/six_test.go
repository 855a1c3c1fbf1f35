package router

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/health"
	"github.com/twinpath/twinpath/wan"
)

// dual is twoWANs with IPv6 for the house.
func dual() Config {
	config := twoWANs()
	config.LAN.IPv6 = true
	return config
}

// lease6 gives a line a router of its ISP and, if any, a delegated prefix that is valid for a day. Its own address comes out of the ISP's.
func (h *house) lease6(name, prefix string) {
	h.t.Helper()
	l := &wan.Lease6{
		Gateway:   netip.MustParseAddr("fe80::1"),
		Addresses: []wan.Lifetime{{Prefix: netip.MustParsePrefix(map[string]string{"fibre": "2001:db8:f::7/128", "lte": "2001:db8:e::9/64"}[name])}},
	}
	if prefix != "" {
		l.Prefixes = []wan.Lifetime{{Prefix: netip.MustParsePrefix(prefix), Valid: h.now.Add(24 * time.Hour)}}
	}
	h.fold(Lease6Seen{wan.Update6{WAN: name, Lease: l}, h.state.line(name).way.Index})
}

func (h *house) lose6(name, why string) {
	h.t.Helper()
	h.fold(Lease6Seen{wan.Update6{WAN: name, Reason: why}, h.state.line(name).way.Index})
}

func (h *house) verdict6(name string, state health.State) {
	h.t.Helper()
	h.fold(Health6Seen{name, h.state.line(name).way.Index, health.Verdict{State: state, Reason: "3 of 3 checks answer"}})
}

// settled6 has IPv6 working on fibre and, with a prefix, on lte.
func settled6(t *testing.T, config Config, lte string) *house {
	t.Helper()
	h := settled(t, config)
	h.lease6("fibre", "2001:db8:f100::/56")
	h.verdict6("fibre", health.Up)
	if lte != "" {
		h.lease6("lte", lte)
		h.verdict6("lte", health.Up)
	}
	h.events, h.swept = nil, nil
	return h
}

// wantPlan checks that the plan has lines, and has none of those that begin with "!".
func (h *house) wantPlan(lines ...string) {
	h.t.Helper()
	text := h.state.Plan(h.last).String()
	for _, line := range lines {
		unwanted, not := strings.CutPrefix(line, "!")
		if strings.Contains(text, unwanted) == not {
			h.t.Errorf("the plan has, or lacks, %q:\n%s", line, text)
		}
	}
}

func (h *house) wan(name string) WANSnapshot {
	h.t.Helper()
	s := h.state.Snapshot(h.now, "test", h.last)
	return s.WANs[slices.IndexFunc(s.WANs, func(w WANSnapshot) bool { return w.Name == name })]
}

const (
	fibreHouse = "ip address replace 2001:db8:f100::ff:fe00:2/64 dev lan0 proto 201"
	lteHouse   = "ip address replace 2001:db8:e100::ff:fe00:2/64 dev lan0 proto 201"
)

func TestThePlanHasTheHousesIPv6(t *testing.T) {
	h := settled6(t, dual(), "2001:db8:e100::/56")
	h.wantPlan(
		fibreHouse+"\n",
		lteHouse+" preferred_lft 0\n",
		"ip address replace 2001:db8:f::7/128 dev wan0 proto 201 noprefixroute",
		"ip route replace 2001:db8:e::/64 dev usb0 table 20102 proto 201 src 2001:db8:e::9",
		"ip route replace 2001:db8:e::/64 dev usb0 table main proto 201 src 2001:db8:e::9 metric 101",
		"ip route replace ::/0 via fe80::1 dev wan0 table 20101 proto 201 src 2001:db8:f::7 metric 1",
		"ip route replace ::/0 via fe80::1 dev usb0 table 20102 proto 201 src 2001:db8:e::9 metric 1",
		"ip route replace ::/0 via fe80::1 dev wan0 table main proto 201 src 2001:db8:f::7 metric 1",
		"!dev usb0 table main proto 201 src 2001:db8:e::9 metric 1\n",
		"ip route replace unreachable 2001:db8:f100::/56 table main",
		"ip -6 rule add priority 20100 lookup main suppress_prefixlength 0",
		"!ip -4 rule add priority 20100 ",
		"sysctl -w net/ipv6/conf/wan0/accept_ra=0",
		"sysctl -w net/ipv6/conf/lan0/accept_ra=0",
	)
	if w := h.wan("fibre"); !w.Use6 || w.IPv6.State != "up" || w.IPv6.Prefix != "2001:db8:f100::/56" || w.IPv6.Until == nil {
		t.Errorf("fibre's IPv6 is %+v, used %v", w.IPv6, w.Use6)
	}
}

// Who has no IPv6, or does not want it, has the plan of before.
func TestAPlanWithoutIPv6(t *testing.T) {
	h := settled(t, twoWANs())
	h.lease6("fibre", "2001:db8:f100::/56")
	if w := h.wan("fibre"); w.IPv6 != nil || w.Use6 {
		t.Errorf("a house without IPv6 shows it: %+v", w.IPv6)
	}
	h.wantPlan("!2001:db8:", "!accept_ra")
	h.fold(Reconfigured{dual()})
	h.wantPlan(fibreHouse)
	config := dual()
	config.WANs[0].NoIPv6 = true
	h.fold(Reconfigured{config})
	h.wantPlan("!2001:db8:f1", "!conf/wan0/accept_ra", "conf/usb0/accept_ra")
}

// The kernel takes a route once.
func TestOnePrefixOfTwoLines(t *testing.T) {
	h := settled(t, dual())
	h.lease6("fibre", "2001:db8:f100::/56")
	h.lease6("lte", "2001:db8:f100::/56")
	const nowhere = "unreachable 2001:db8:f100::/56"
	if plan := h.state.Plan(h.last).String(); strings.Count(plan, nowhere) != 1 {
		t.Errorf("the plan says %d times %q:\n%s", strings.Count(plan, nowhere), nowhere, plan)
	}
}

// A provider, or who poses as one, gives another prefix again and again: none of them has to be remembered.
func TestPrefixesWithoutEnd(t *testing.T) {
	h := settled(t, dual())
	for i := range 100 {
		h.lease6("fibre", fmt.Sprintf("2001:db8:%x::/56", 0x100+i))
	}
	kept := h.state.line("fibre").six.kept
	if len(kept) != mostKept || kept[mostKept-1].Prefix.String() != "2001:db8:162::/56" {
		t.Errorf("%d prefixes are remembered: %v", len(kept), kept)
	}
}

func TestIPv6FollowsTheHouseInTheSamePlan(t *testing.T) {
	for _, backup := range []string{"", "2001:db8:e100::/56"} {
		h := settled6(t, dual(), backup)
		h.dead("fibre", time.Second)
		h.wantCarrying("lte")
		h.wantPlan(fibreHouse+" preferred_lft 0\n", "!::/0 via fe80::1 dev wan0 table main", "::/0 via fe80::1 dev wan0 table 20101")
		w := h.state.policy(h.last, "lan0").WANs
		if w[0].Open6 || w[0].Alive6 || len(w[0].Sources6) != 2 {
			t.Errorf("the dead line's IPv6: %+v", w[0])
		}
		if f := h.wan("fibre"); f.Use6 || !f.Ending6 {
			t.Errorf("fibre's IPv6 is used %v, and ending %v: its connections have to be told", f.Use6, f.Ending6)
		}
		h.pass(2 * time.Second)
		if h.pass(2 * time.Second); h.wan("fibre").Ending6 {
			t.Error("its connections are still being told")
		}
		if with := backup != ""; w[1].Open6 != with || h.wan("lte").Use6 != with {
			t.Errorf("with %q on the backup its IPv6 is open: %v", backup, w[1].Open6)
		}
		if backup != "" {
			h.wantPlan(lteHouse+"\n", "::/0 via fe80::1 dev usb0 table main")
		}
		for _, e := range h.events {
			if strings.Contains(e.Sentence, "IPv6") {
				t.Errorf("said beside the line's own outage: %q", e.Sentence)
			}
		}
		h.up("fibre")
		h.pass(time.Minute)
		h.wantCarrying("fibre")
		h.wantPlan(fibreHouse+"\n", "::/0 via fe80::1 dev wan0 table main")
	}
}

// IPv6 that fails alone takes nothing of IPv4 along, and is said once.
func TestIPv6FailsAlone(t *testing.T) {
	h := settled6(t, dual(), "2001:db8:e100::/56")
	h.verdict6("fibre", health.Down)
	h.verdict6("fibre", health.Down)
	h.wantCarrying("fibre")
	h.wantVerdict(VerdictOK, "Internet works, on fibre. IPv6 does not work on fibre: no answer beyond the ISP.")
	h.wantSaid("IPv6 does not work on fibre: no answer beyond the ISP.")
	h.wantPlan(fibreHouse+" preferred_lft 0\n", lteHouse+" preferred_lft 0\n", "!fe80::1 dev wan0 table main", "!fe80::1 dev usb0 table main")
	if w := h.wan("fibre"); w.Use6 || w.IPv6.State != "down" || w.State != "up" {
		t.Errorf("fibre is %s, its IPv6 %+v", w.State, w.IPv6)
	}
	if len(h.swept) == 0 || h.swept[0].WAN != "fibre" || !h.swept[0].OnlyIPv6 || h.swept[0].Idle != 0 {
		t.Errorf("swept %+v, want fibre's IPv6", h.swept)
	}
	h.verdict6("fibre", health.Up)
	h.swept = nil
	h.pass(time.Second)
	if len(h.swept) > 0 {
		t.Errorf("it works again, and %+v", h.swept)
	}
	h.wantSaid("IPv6 works on fibre again.")
	if s := h.state.Snapshot(h.now, "test", h.last); strings.Contains(s.Sentence, "IPv6") {
		t.Errorf("still said: %q", s.Sentence)
	}
	h.wantPlan(fibreHouse+"\n", "fe80::1 dev wan0 table main")
}

// When no line works, nothing of the house's is taken away that was there.
func TestIPv6StaysWhenNothingWorks(t *testing.T) {
	h := settled6(t, dual(), "")
	h.dead("lte", time.Minute)
	h.dead("fibre", time.Second)
	h.verdict6("fibre", health.Down)
	h.wantPlan(fibreHouse+"\n", "fe80::1 dev wan0 table main")
	if w := h.state.policy(h.last, "lan0").WANs[0]; !w.Open6 || !w.Alive6 {
		t.Errorf("its only IPv6 is taken from the house: %+v", w)
	}
}

// A prefix that the ISP takes away is said, and answered for as long as hosts use it.
func TestANewPrefix(t *testing.T) {
	h := settled6(t, dual(), "")
	h.lease6("fibre", "2001:db8:f200::/56")
	h.wantSaid("fibre has a new IPv6 prefix: 2001:db8:f200::/56 (was 2001:db8:f100::/56).")
	h.wantPlan(
		fibreHouse+" preferred_lft 0\n",
		"ip address replace 2001:db8:f200::ff:fe00:2/64 dev lan0 proto 201\n",
		"unreachable 2001:db8:f100::/56", "unreachable 2001:db8:f200::/56")
	sources := h.state.policy(h.last, "lan0").WANs[0].Sources6
	for _, p := range []string{"2001:db8:f100::/56", "2001:db8:f200::/56", "2001:db8:f::7/128"} {
		if !slices.Contains(sources, netip.MustParsePrefix(p)) {
			t.Errorf("%s is not fibre's: %v", p, sources)
		}
	}
	h.pass(lingering + time.Second)
	h.wantPlan("!2001:db8:f100:", "2001:db8:f200:")

	h.lease6("fibre", "2001:db8:f100::/56") // and back: it is nobody's old one then
	h.wantPlan(fibreHouse+"\n", "2001:db8:f200::ff:fe00:2/64 dev lan0 proto 201 preferred_lft 0\n")
}

// A line whose cable is out, or whose device is gone, leaves the house a network that is answered.
func TestALostLineKeepsItsPrefix(t *testing.T) {
	h := settled6(t, dual(), "2001:db8:e100::/56")
	h.lose6("fibre", "no router advertises IPv6")
	h.wantPlan(fibreHouse+" preferred_lft 0\n", "unreachable 2001:db8:f100::/56")
	h.links = slices.DeleteFunc(slices.Clone(h.links), func(l Link) bool { return l.Name == "wan0" })
	h.fold(LinksSeen(h.links))
	h.wantPlan(fibreHouse+" preferred_lft 0\n", lteHouse+"\n")
	if s := h.state.policy(h.last, "lan0").WANs[0].Sources6; len(s) != 1 {
		t.Errorf("the sources of a line that is gone: %v", s)
	}
}

// An ISP that gives a prefix and no address: the router sends from the house's network, over that line and no other.
func TestALineWithoutAnAddressOfItsOwn(t *testing.T) {
	h := settled(t, dual())
	lease := &wan.Lease6{Gateway: netip.MustParseAddr("fe80::1"), Prefixes: []wan.Lifetime{{Prefix: netip.MustParsePrefix("2001:db8:f100::/56")}}}
	h.fold(Lease6Seen{wan.Update6{WAN: "fibre", Lease: lease}, 3})
	h.wantPlan(fibreHouse, "::/0 via fe80::1 dev wan0 table 20101 proto 201 src 2001:db8:f100::ff:fe00:2 ")

	config := dual()
	config.LAN.Prefix, config.LAN.Translate = netip.MustParsePrefix("fd00:1:2:3::/64"), true
	h.fold(Reconfigured{config})
	h.wantPlan("!dev lan0 proto 201\nip address replace 2001",
		"ip address replace fd00:1:2:3:0:ff:fe00:2/64 dev lan0 proto 201\n",
		"ip address replace 2001:db8:f100::ff:fe00:3/128 dev wan0 proto 201 noprefixroute",
		"table 20101 proto 201 src 2001:db8:f100::ff:fe00:3 ")
	p := h.state.policy(h.last, "lan0")
	if p.Inner != config.LAN.Prefix || p.WANs[0].Translate != netip.MustParsePrefix("2001:db8:f100::/64") {
		t.Errorf("translated: %v by %v", p.Inner, p.WANs[0].Translate)
	}
}

// What an earlier run, or the other router, has advertised is answered as well.
func TestWhatIsAdvertisedAsRetiredIsTheHouses(t *testing.T) {
	h := settled6(t, dual(), "")
	h.fold(HouseSeen{HouseView{Advertise: true, Retired: []string{"2001:db8:9:9::/64", "2001:db8:f100::/64", "rubbish", "2001:db8:8::/48"}}})
	h.wantPlan("ip address replace 2001:db8:9:9:0:ff:fe00:2/64 dev lan0 proto 201 preferred_lft 0", fibreHouse+"\n", "!2001:db8:8:")
	if !slices.Contains(h.state.policy(h.last, "lan0").Subnets, netip.MustParsePrefix("2001:db8:9:9::/64")) {
		t.Error("a retired network of the house is not the house's")
	}
	if s := h.state.Snapshot(h.now, "test", h.last); s.House == nil || !s.House.Advertise {
		t.Errorf("the house is shown as %+v", s.House)
	}
}

// After it was lost, IPv6 has to prove itself while another line carries the house.
func TestIPv6ProvesItself(t *testing.T) {
	h := settled6(t, dual(), "")
	h.cable("wan0", false)
	h.cable("wan0", true)
	h.up("fibre")
	h.pass(time.Minute)
	h.wantCarrying("fibre")
	if w := h.wan("fibre"); w.Use6 || w.IPv6.Reason != ComingBack {
		t.Errorf("used %v, %+v: want it to prove itself", w.Use6, w.IPv6)
	}
	h.verdict6("fibre", health.Up)
	if !h.wan("fibre").Use6 {
		t.Error("it has proved itself, and is not used")
	}
}

func TestHealth6(t *testing.T) {
	l := newLine(WANConfig{Name: "fibre"}, 0, noon)
	c := health6(l)
	if c.Interval != 2*time.Second || c.Fall != 3 || c.Rise != 4 || len(c.Checks) != 3 || c.Quorum != 30 {
		t.Errorf("checked by %+v", c)
	}
	l.config.Metered = true
	if c := health6(l); c.Interval != frugal || c.Rise != 1 {
		t.Errorf("a metered line is checked by %+v", c)
	}
	l.config.Health.Checks = []health.Check{{Kind: health.Ping, Target: "9.9.9.9"}, {Kind: health.Ping, Target: "2001:db8::1"}, {Kind: health.DNS, Target: "2001:db8::2"}}
	if c := health6(l); len(c.Checks) != 1 || c.Checks[0].Target != "2001:db8::1" {
		t.Errorf("the owner's targets: %+v", c.Checks)
	}
}

// An ISP without prefixes serves the router, and not the house.
func TestALineThatDelegatesNothing(t *testing.T) {
	h := settled(t, dual())
	lease := &wan.Lease6{Gateway: netip.MustParseAddr("fe80::1"), Addresses: []wan.Lifetime{{Prefix: netip.MustParsePrefix("2001:db8:f::7/64")}}}
	h.fold(Lease6Seen{wan.Update6{WAN: "fibre", Lease: lease, Reason: "the ISP delegates no prefix"}, 3})
	h.verdict6("fibre", health.Up)
	if w := h.wan("fibre"); w.Use6 || w.IPv6.State != "up" || w.IPv6.Reason != "the ISP delegates no prefix" {
		t.Errorf("used %v, %+v", w.Use6, w.IPv6)
	}
	h.wantPlan("::/0 via fe80::1 dev wan0 table main proto 201 src 2001:db8:f::7")
}

// What runs by IPv6 goes on while its line is drained, or its failure rehearsed: devices keep their router, and use another way for
// what is new.
func TestIPv6RunsOnWhereItsLineWorks(t *testing.T) {
	for name, leave := range map[string]Fact{
		"drained":   DrainWished{WAN: "fibre"},
		"rehearsed": Rehearsed{WAN: "fibre", Until: noon.Add(time.Hour)},
	} {
		h := settled6(t, dual(), "")
		h.fold(leave)
		h.pass(time.Minute)
		h.wantCarrying("lte")
		if w := h.wan("fibre"); w.Use6 || !w.Ending6 {
			t.Errorf("%s: fibre's IPv6 is used %v, and its connections go on %v", name, w.Use6, w.Ending6)
		}
		if w := h.state.policy(h.last, "lan0").WANs[0]; w.Open6 || !w.Alive6 {
			t.Errorf("%s: the firewall's view: %+v", name, w)
		}
		h.verdict6("fibre", health.Down)
		h.pass(5 * time.Second)
		if h.wan("fibre").Ending6 {
			t.Errorf("%s: what cannot go on does", name)
		}
	}
}

// What is delegated to a line is that line's, whoever had it before.
func TestAPrefixThatMovesToAnotherLine(t *testing.T) {
	h := settled(t, dual())
	h.lease6("fibre", "2001:db8:f100::/56")
	h.lease6("fibre", "2001:db8:f200::/56")
	h.lease6("lte", "2001:db8:f100::/56")
	for _, l := range h.state.lines {
		has := slices.Contains(h.state.sources6(l, "lan0"), netip.MustParsePrefix("2001:db8:f100::/56"))
		if want := l.config.Name == "lte"; has != want {
			t.Errorf("%s has the sources of lte: %t", l.config.Name, has)
		}
	}
}
