package lab

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// TestVirtualMAC wants the client's neighbour entry to survive a fail-over: the address moves with its MAC address.
func TestVirtualMAC(t *testing.T) {
	t.Parallel()
	with := func(priority int) Virtual {
		v := shared(priority)
		v.Extra = "virtual_mac = true\n"
		return v
	}
	p := brothers(t, pairHome(), with(high), with(low))
	s := p.steady(t)
	const mac = "00:00:5e:00:01:33" // RFC 9568 §7.3, VRID 51
	p.await(t, "the client knows the virtual MAC address", func() bool { return p.neighbour(t) == mac })
	mark := time.Now()
	must(t, p.CutLAN("main"))
	p.held(t, "backup")
	if got := p.neighbour(t); got != mac {
		t.Errorf("after the fail-over the client uses %s, want %s", got, mac)
	}
	p.await(t, "backup answers by it", func() bool {
		r := s.probe.udp.Since(time.Now().Add(-500 * time.Millisecond))
		return r.Sent > 5 && r.Lost == 0
	})
	must(t, p.PlugLAN("main"))
	p.held(t, "main")
	p.await(t, "main answers by it", func() bool {
		r := s.probe.udp.Since(time.Now().Add(-500 * time.Millisecond))
		return r.Sent > 5 && r.Lost == 0
	})
	for _, a := range p.recorder.Adverts(mark, "") {
		if got := fmt.Sprintf("% x", a.Frame[6:12]); got != strings.ReplaceAll(mac, ":", " ") {
			t.Errorf("an advert of %s left from %s", a.From, got)
			break
		}
	}
	if out, err := p.backup.Run("ip -o link show type macvlan"); err != nil || strings.Contains(out, mac) {
		t.Errorf("the Backup has the virtual MAC address: %v: %s", err, out)
	}
	s.probe.Stop()
}

// TestBothFamiliesMoveTogether has one [[vrrp]] section with IPv4 and IPv6 addresses.
func TestBothFamiliesMoveTogether(t *testing.T) {
	t.Parallel()
	with := func(priority int) Virtual {
		v := shared(priority)
		v.Addresses = append(v.Addresses, netip.MustParsePrefix("fe80::1:51/64"), netip.MustParsePrefix("fd00:1::1/64"))
		return v
	}
	p := brothers(t, pairHome(), with(high), with(low))
	six, err := p.Watch(netip.MustParseAddr("fd00:1::1"))
	must(t, err)
	both := func(name string) {
		t.Helper()
		p.await(t, "both families are on "+name, func() bool {
			four, six := p.holders.Now(), six.Now()
			return len(four) == 1 && len(six) == 1 && four[0] == name && six[0] == name
		})
	}
	both("main")
	must(t, ip(p.laptop.space, "addr add fd00:1::100/64 dev eth0 nodad"))
	p.await(t, "the IPv6 address answers", func() bool { _, err := p.laptop.Run("ping -c1 -W1 fd00:1::1"); return err == nil })
	for range 2 {
		must(t, p.CutLAN("main"))
		both("backup")
		if out, err := p.laptop.Run("ping -c1 -W1 fd00:1::1"); err != nil {
			t.Errorf("after the fail-over the IPv6 address is dead: %s", out)
		}
		must(t, p.PlugLAN("main"))
		both("main")
		p.await(t, "the IPv6 address answers", func() bool { _, err := p.laptop.Run("ping -c1 -W1 fd00:1::1"); return err == nil })
	}
	s := await(t, p.main, "both are Active", func(s Status) bool {
		return len(s.VRRP) == 2 && s.VRRP[0].State == "active" && s.VRRP[1].State == "active"
	})
	if s.VRRP[0].Family == s.VRRP[1].Family {
		t.Errorf("elections %+v, want one of each family", s.VRRP)
	}
}
