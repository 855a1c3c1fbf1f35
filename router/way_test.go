package router

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/twinpath/twinpath/health"
	"github.com/twinpath/twinpath/wan"
)

// dialled has fibre as a PPPoE line on wan0.
func dialled() Config {
	config := twoWANs()
	config.WANs[0].Kind = PPPoE
	config.WANs[0].PPPoE = Credentials{User: "me", Password: "secret"}
	return config
}

// dial makes the interface and its lease appear, in this order.
func (h *house) dial(index int) {
	h.t.Helper()
	h.links = append(slices.Clone(h.links), Link{Index: index, Name: "ppp-fibre", Up: true, Carrier: true, MTU: 1492})
	h.fold(LinksSeen(h.links))
	h.connect()
}

func (h *house) connect() {
	lease := &wan.Lease{Address: netip.MustParsePrefix("203.0.113.7/32"), Device: "ppp-fibre", MTU: 1492}
	h.fold(LeaseSeen{wan.Update{WAN: "fibre", Lease: lease}, 3})
}

func (h *house) hangUp() {
	h.loseLease("fibre", "the ISP ended the session")
	h.links = slices.DeleteFunc(slices.Clone(h.links), func(l Link) bool { return l.Name == "ppp-fibre" })
	h.fold(LinksSeen(h.links))
}

func TestALineWhoseWayIsNotItsCable(t *testing.T) {
	h := newHouse(t, dialled())
	h.hangUp()
	h.up("lte")
	h.dial(9)
	h.fold(HealthSeen{"fibre", 3, health.Verdict{State: health.Up}}) // of the cable: nobody asked
	h.wantCarrying("lte")
	h.fold(HealthSeen{"fibre", 9, health.Verdict{State: health.Up, Reason: "3 of 3 checks answer"}})
	h.wantCarrying("fibre")
	h.wantPlan(
		"ip address replace 203.0.113.7/32 dev ppp-fibre proto 201 noprefixroute",
		"ip route replace default dev ppp-fibre table main proto 201 src 203.0.113.7 metric 1",
		"ip link set wan0 up", "!ip link set ppp-fibre up",
		"sysctl -w net/ipv4/conf/ppp-fibre/rp_filter=0")
	if w := h.wan("fibre"); w.Interface != "wan0" || w.Device != "ppp-fibre" || w.MTU != 1492 {
		t.Errorf("shown as %q by %q, MTU %d", w.Interface, w.Device, w.MTU)
	}
	if w := h.state.policy(h.last, "lan0").WANs[0]; w.Device != "ppp-fibre" {
		t.Errorf("the firewall looks at %q", w.Device)
	}

	h.hangUp()
	h.wantCarrying("lte")
	if w := h.state.policy(h.last, "lan0").WANs[0]; w.Device != "ppp-fibre" {
		t.Errorf("while it is gone the firewall looks at %q", w.Device)
	}
	h.dial(12)
	h.fold(HealthSeen{"fibre", 9, health.Verdict{State: health.Up}}) // of the session before
	h.wantCarrying("lte")
	h.cable("wan0", false)
	h.wantSaid("fibre is down: no cable in wan0")
}

// A lease may come before anybody has seen the interface that it names.
func TestALeaseBeforeItsWay(t *testing.T) {
	h := newHouse(t, dialled())
	h.connect()
	if !h.state.blind() {
		t.Error("nobody misses the interface")
	}
	h.dial(9)
	if h.state.blind() || h.state.line("fibre").way.Index != 9 {
		t.Errorf("the way is %+v", h.state.line("fibre").way)
	}
}

func TestPPPDevice(t *testing.T) {
	if got := PPPDevice("glasfaser-telekom"); !strings.HasPrefix(got, "ppp-glasfa-") || len(got) > 15 {
		t.Errorf("got %q", got)
	}
}

// The routes of an earlier run lead to the way, not to the cable.
func TestARestartFindsADialledLine(t *testing.T) {
	links := []Link{{Index: 3, Name: "wan0", Up: true, Carrier: true}, {Index: 9, Name: "ppp-fibre", Up: true, Carrier: true}}
	s := NewState(dialled(), links, Earlier{Carrying: []string{"ppp-fibre"}, Numbers: map[string]int{"ppp-fibre": 4}}, noon)
	if l := s.line("fibre"); l.number != 4 || !slices.Equal(s.carrying, []string{"fibre"}) {
		t.Errorf("number %d, carrying %v", l.number, s.carrying)
	}
}
