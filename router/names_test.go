package router

import (
	"net/netip"
	"testing"
	"time"

	"github.com/twinpath/twinpath/health"
	"github.com/twinpath/twinpath/wan"
)

func TestNamesAreShown(t *testing.T) {
	h := settled(t, twoWANs())
	h.fold(NamesSeen{[]NameView{{Host: "home.example.org", Address: "203.0.113.2"}}})
	if s := h.state.Snapshot(h.now, "test", h.last); len(s.DDNS) != 1 || s.DDNS[0].Host != "home.example.org" {
		t.Errorf("shown are %+v", s.DDNS)
	}
	h.fold(NamesSeen{})
	if s := h.state.Snapshot(h.now, "test", h.last); s.DDNS != nil {
		t.Errorf("still shown are %+v", s.DDNS)
	}
}

// An ISP may give a prefix and no address: names in the DNS then lead to the one of the house that this router has.
func TestTheAddressOfALineThatHasNone(t *testing.T) {
	h := settled(t, dual())
	h.fold(Lease6Seen{wan.Update6{WAN: "fibre", Lease: &wan.Lease6{Gateway: netip.MustParseAddr("fe80::1"),
		Prefixes: []wan.Lifetime{{Prefix: netip.MustParsePrefix("2001:db8:f100::/56"), Valid: h.now.Add(24 * time.Hour)}}}}, h.state.line("fibre").way.Index})
	h.verdict6("fibre", health.Up)
	if w := h.wan("fibre"); w.IPv6 == nil || w.IPv6.Address != "2001:db8:f100::ff:fe00:2" {
		t.Errorf("fibre's IPv6 is %+v", w.IPv6)
	}
	h.wantPlan(fibreHouse + "\n")
}
