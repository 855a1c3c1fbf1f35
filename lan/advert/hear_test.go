package advert

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/vrrp"
)

func TestTheOwnEchoIsNobody(t *testing.T) {
	x := newTester(t)
	x.wants(alone(), with(line("fibre", fibre, true)))
	x.announces(own, lanMAC, 3*time.Minute)
	x.wants(paired(), elected(vrrp.Active, vrrp.Active, line("fibre", fibre, true)))
	x.announces(virtual, lanMAC, 3*time.Minute, Told{prefix(pp), time.Hour, time.Hour})
	if x.memory.others(x.clock, nil) != nil && slices.ContainsFunc(x.memory.all, func(m mark) bool { return m.Prefix == prefix(pp) }) {
		t.Error("it believes itself")
	}
	x.run(0)
	x.notes = nil
}

func TestAStrangerIsNamedOnce(t *testing.T) {
	const modem = "fe80::dead"
	offers := Told{prefix("2001:db8:bad::/64"), time.Hour, 2 * time.Hour}
	x := newTester(t)
	x.wants(alone(), with(router.WANSnapshot{Name: "fibre"}))
	x.announces(modem, "02:00:00:00:00:dd", 30*time.Minute, offers)
	x.run(time.Minute)
	x.announces(modem, "02:00:00:00:00:dd", 30*time.Minute, offers)
	x.expect("Another router offers IPv6 in the house: fe80::dead (02:00:00:00:00:dd). Devices may send by it instead of this router: switch its IPv6 for the LAN off, or make it a bridge.")
	if v := x.View(x.clock); !slices.Equal(v.Routers6, []string{"fe80::dead (02:00:00:00:00:dd)"}) || v.Advertise {
		t.Errorf("the page shows %+v", v)
	}
	x.run(time.Hour)
	x.expect("The other router fe80::dead (02:00:00:00:00:dd) no longer offers IPv6 in the house.")
	x.announces(modem, "02:00:00:00:00:dd", 0, offers)
	x.announces(modem, "02:00:00:00:00:dd", 0)
	x.expect("Another router offers IPv6 in the house: fe80::dead (02:00:00:00:00:dd). Devices may send by it instead of this router: switch its IPv6 for the LAN off, or make it a bridge.",
		"The other router fe80::dead (02:00:00:00:00:dd) no longer offers IPv6 in the house.")
}

// Two routers believe that they serve the house: each remembers what the other tells, and what it tells itself stays in force.
func TestTwoThatServe(t *testing.T) {
	x := newTester(t)
	x.wants(paired(), elected(vrrp.Active, vrrp.Active, line("fibre", fibre, true)))
	x.run(10 * time.Second)
	x.notes, x.unsaved = nil, false
	for range 10 {
		x.announces(virtual, peerMAC, 3*time.Minute, Told{prefix(pp), 45 * time.Minute, 90 * time.Minute})
	}
	x.expect("10s fe80::5:1 > ff02::1 router 3m0s, " + f + " 45m0s/1h30m0s, " + pp + " 0s/1h30m0s")
	if !x.memory.fresh(nil) || !x.unsaved {
		t.Errorf("it remembers %v", x.memory.all)
	}
	x.run(time.Minute)
	x.notes, x.unsaved = nil, false
	x.announces(virtual, peerMAC, 3*time.Minute, Told{prefix(pp), 45 * time.Minute, 90 * time.Minute})
	x.expect()
	if x.unsaved {
		t.Error("the same again is written again")
	}
}

func TestBehindAVirtualEthernetAddressNobodyIsAStranger(t *testing.T) {
	cfg := paired()
	cfg.VRRP[0].Addresses, cfg.VRRP[0].VirtualMAC = cfg.VRRP[0].Addresses[:1], true
	x := newTester(t)
	x.wants(cfg, elected(vrrp.Backup, vrrp.Unknown))
	x.announces("fe80::cc", "02:00:00:00:00:cc", 3*time.Minute, Told{prefix(pp), 45 * time.Minute, 90 * time.Minute})
	x.run(time.Minute)
	for _, n := range x.notes {
		if !strings.HasSuffix(n, "who is there?") {
			t.Error(n)
		}
	}
	x.notes = nil
}

// The other router's IPv6 is heard before its VRRP: it is no stranger, and asked again for what it tells.
func TestAnAcquaintanceIsNoStranger(t *testing.T) {
	cfg := paired()
	cfg.VRRP[0].Addresses = cfg.VRRP[0].Addresses[:1]
	theirs := Told{prefix(pp), 45 * time.Minute, 90 * time.Minute}
	snap := elected(vrrp.Backup, vrrp.Unknown)
	snap.Speakers = nil
	x := newTester(t)
	x.wants(cfg, snap)
	x.run(9 * time.Second)
	x.notes = nil // questions
	x.announces("fe80::bb", peerMAC, 3*time.Minute, theirs)
	x.run(time.Second)
	x.expect()
	x.wants(cfg, elected(vrrp.Backup, vrrp.Unknown))
	x.expect("10s fe80::aa > ff02::2 who is there?")
	x.announces("fe80::bb", peerMAC, 3*time.Minute, theirs)
	x.run(time.Minute)
	x.expect()
	if !x.memory.fresh(nil) {
		t.Error("it does not know what the other one tells")
	}

	x.announces("fe80::dd", "02:00:00:00:00:dd", 3*time.Minute, theirs)
	x.run(acquaintance)
	x.expect("Another router offers IPv6 in the house: fe80::dd (02:00:00:00:00:dd). Devices may send by it instead of this router: switch its IPv6 for the LAN off, or make it a bridge.")
}

func TestAThreadBorderRouterIsNoStranger(t *testing.T) {
	x := newTester(t)
	x.wants(alone(), with(line("fibre", fibre, true)))
	x.run(2 * time.Second)
	x.notes = nil
	x.announces("fe80::7", "02:00:00:00:00:07", 0, Told{prefix("fd00:7::/64"), 30 * time.Minute, 30 * time.Minute})
	x.expect()
}

// Two routers tell of the same network of the house's own: the good-bye of the one that stops takes it along, after the other one's shout.
func TestTheGoodByeOfTheOtherTakesNothingOfOursAlong(t *testing.T) {
	cfg := paired()
	cfg.VRRP[0].Addresses = cfg.VRRP[0].Addresses[:1]
	cfg.LAN.Prefix = prefix("fd12:3456:789a:1::/64")
	bye := func(x *tester) {
		x.announces("fe80::bb", peerMAC, 0, Told{cfg.LAN.Prefix, 0, 90 * time.Minute}, Told{prefix(pp), 0, 90 * time.Minute})
	}
	x := newTester(t)
	x.wants(cfg, elected(vrrp.Backup, vrrp.Unknown, line("lte", lte, false)))
	x.announces("fe80::bb", peerMAC, 3*time.Minute, Told{cfg.LAN.Prefix, 45 * time.Minute, 90 * time.Minute}, Told{prefix(pp), 45 * time.Minute, 90 * time.Minute})
	x.run(time.Minute)
	x.wants(cfg, elected(vrrp.Active, vrrp.Unknown, line("lte", lte, true)))
	x.run(100 * time.Millisecond)
	bye(x)
	x.run(500 * time.Millisecond)
	bye(x)
	x.run(time.Second)
	x.notes = nil
	bye(x)
	x.run(rest)
	if !slices.ContainsFunc(x.notes, func(n string) bool { return strings.Contains(n, cfg.LAN.Prefix.String()+" 45m0s/1h30m0s") }) {
		t.Errorf("then devices hear %q, and leave the network of the house", x.notes)
	}
	x.notes = nil
}

// Somebody in the house plays one router after the other.
func TestStrangersWithoutEndAreNotAllNamed(t *testing.T) {
	x := newTester(t)
	x.wants(alone(), with(router.WANSnapshot{Name: "fibre"}))
	offers := Told{prefix("2001:db8:bad::/64"), time.Hour, 2 * time.Hour}
	for i := range 600 {
		from, mac := fmt.Sprintf("fe80::dead:%x", i), "02:00:00:00:00:dd"
		x.announces(from, mac, 30*time.Minute, offers)
		x.announces(from, mac, 0)
		x.run(100 * time.Millisecond)
	}
	if n := len(x.notes); n < 2 || n > 3*strangers {
		t.Errorf("%d sentences in a minute", n)
	}
	x.notes = nil
	x.run(time.Hour)
	x.notes = nil
	x.announces("fe80::1:2", "02:00:00:00:00:dd", 30*time.Minute, offers)
	if x.run(0); len(x.notes) != 1 {
		t.Errorf("the next one is named so: %q", x.notes)
	}
	x.notes = nil
}

func TestANewActiveSaysGoodByeForOneWithoutPower(t *testing.T) {
	cfg := paired()
	cfg.VRRP[0].Addresses = cfg.VRRP[0].Addresses[:1]
	x := newTester(t)
	x.wants(cfg, elected(vrrp.Backup, vrrp.Unknown, line("lte", lte, false)))
	x.announces("fe80::bb", peerMAC, 3*time.Minute, Told{prefix(pp), 45 * time.Minute, 90 * time.Minute})
	x.run(time.Minute)
	x.expect()
	x.wants(cfg, elected(vrrp.Active, vrrp.Unknown, line("lte", lte, true)))
	x.expect("1m0s fe80::bb > ff02::1 router 0s", "1m0s fe80::aa > ff02::1 router 3m0s, "+l+" 45m0s/1h30m0s, "+pp+" 0s/1h29m0s")
	x.run(2 * time.Second)
	x.notes = nil
}
