package advert

import (
	"net/netip"
	"testing"
	"time"

	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/vrrp"
)

// A router that has just booted serves the house before it has heard anything of the other one, but by their link.
func TestTheNewActiveRetiresWhatTheOtherTellsOfItsLines(t *testing.T) {
	snap := func(state vrrp.State, lines ...router.PartnerLine) *router.Snapshot {
		s := elected(state, state, line("lte", lte, true))
		s.Pair = &router.PairView{Lines: lines}
		return s
	}
	delegated := router.PartnerLine{Name: "fibre", Sources6: []netip.Prefix{
		netip.MustParsePrefix("2001:db8:99::/56"), netip.MustParsePrefix("2001:db8:99:1::1/128"), netip.MustParsePrefix(l),
	}}
	x := newTester(t)
	x.wants(paired(), snap(vrrp.Backup, delegated))
	x.expect("0s fe80::aa > ff02::2 who is there?")
	x.wants(paired(), snap(vrrp.Active, delegated))
	x.expect("0s fe80::5:1 > ff02::1 router 3m0s, " + l + " 45m0s/1h30m0s, " + pp + " 0s/2h0m0s")
	x.run(2 * time.Second)
	x.notes = nil
	x.wants(paired(), snap(vrrp.Active)) // the link is cut: devices know it still
	x.run(30 * time.Second)
	x.expect("31.5s fe80::5:1 > ff02::1 router 3m0s, " + l + " 45m0s/1h30m0s, " + pp + " 0s/1h59m28s")
}

func TestATranslatedHouseKnowsNoPrefixOfTheOther(t *testing.T) {
	cfg := paired()
	cfg.LAN.Translate = true
	s := elected(vrrp.Active, vrrp.Active)
	s.Pair = &router.PairView{Lines: []router.PartnerLine{{Sources6: []netip.Prefix{netip.MustParsePrefix(pp)}}}}
	if w := For(cfg, house(), s); len(w.Others) > 0 {
		t.Errorf("others %v", w.Others)
	}
}
