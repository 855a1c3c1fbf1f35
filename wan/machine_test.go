package wan

import (
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

var nobody netip.Addr

const (
	discover = dhcpv4.MessageTypeDiscover
	request  = dhcpv4.MessageTypeRequest
)

func TestScenes(t *testing.T) {
	scenes := map[string]func(b *bench){
		"a first lease": func(b *bench) {
			b.bound()
			l := b.m.held
			sent := noon.Add(collect)
			if l.Gateway != server1 || l.MTU != 0 || !l.Renew.Equal(sent.Add(30*time.Minute)) ||
				!l.Rebind.Equal(sent.Add(52*time.Minute+30*time.Second)) || !l.Expire.Equal(sent.Add(time.Hour)) {
				b.Errorf("lease %+v does not count from the request with the default T1 and T2", l)
			}
			if b.m.Listening() {
				b.Error("listens while bound")
			}
		},
		"nobody answers": func(b *bench) {
			b.do(start{})
			b.reported(nobody, "asking for an address")
			b.sent(discover)
			for i, about := range []float64{1, 2, 4, 8, 16, 32, 64, 64, 64} {
				before := b.now
				b.wake()
				if i == 2 {
					b.reported(nobody, "no DHCP server answers")
				}
				b.sent(discover)
				if got := b.now.Sub(before).Seconds(); got < about-min(1, about/4) || got > about+min(1, about/4) {
					b.Errorf("wait %d is %.2f s, want about %v s", i, got, about)
				}
			}
			if b.last.NumSeconds < 180 {
				b.Errorf("secs is %d after three minutes", b.last.NumSeconds)
			}
		},
		"the same address and server are preferred": func(b *bench) {
			b.do(start{saved: saved()})
			b.reported(nobody, "asking for the address of before")
			b.sent(request)
			for range 2 {
				b.wake()
				b.sent(request)
			}
			b.wake()
			b.sent(discover)
			if !b.last.RequestedIPAddress().Equal(address7.AsSlice()) {
				b.Errorf("asks for %v", b.last.RequestedIPAddress())
			}
			d := b.last
			b.do(b.served(offer, server2, address8))
			b.do(b.served(offer, server2, address7))
			b.do(b.served(offer, server1, address7)) // needs no more waiting
			b.sent(request)
			if b.last.TransactionID != d.TransactionID || b.last.NumSeconds != d.NumSeconds ||
				!b.last.ServerIdentifier().Equal(server1.AsSlice()) {
				b.Errorf("the request does not fit the offer: %v", b.last)
			}
		},
		"the chosen server falls silent": func(b *bench) {
			b.do(start{})
			b.reported(nobody, "asking for an address")
			b.sent(discover)
			b.do(b.served(offer, server1, address7))
			for range requestTries {
				b.wake()
				b.sent(request)
			}
			b.wake()
			b.sent(discover)
		},
		"a request refused": func(b *bench) {
			b.do(start{})
			b.reported(nobody, "asking for an address")
			b.sent(discover)
			b.do(b.served(offer, server1, address7))
			b.wake()
			b.sent(request)
			b.do(b.served(nak, server2, nobody)) // not the one that was asked
			b.do(b.served(nak, server1, nobody))
			claim[forget](b)
			b.reported(nobody, "the DHCP server 198.51.100.1 refused our address")
			b.sent(discover)
			b.do(b.served(offer, server1, address7))
			b.wake()
			b.sent(request)
			b.do(b.served(nak, server1, nobody))
			claim[forget](b)
			b.reported(nobody, "the DHCP server 198.51.100.1 refused our address")
			b.wake() // the second time it waits
			b.sent(discover)
		},
		"renewed at T1 by the server": func(b *bench) {
			b.bound()
			b.wait(30 * time.Minute)
			b.wake()
			s := b.sent(request)
			if s.to != server1 || s.from != address7 || !b.last.ClientIPAddr.Equal(address7.AsSlice()) ||
				b.last.RequestedIPAddress() != nil || b.last.ServerIdentifier() != nil {
				b.Errorf("renewal from %v to %v: %v", s.from, s.to, b.last)
			}
			b.in(Renewing)
			b.do(b.served(ack, server1, address7, dhcpv4.WithLeaseTime(7200)))
			if l := claim[save](b).lease; !l.Expire.Equal(b.now.Add(2 * time.Hour)) {
				b.Errorf("expires %v", l.Expire)
			}
			b.reported(address7, given)
			b.in(Bound)
		},
		"a renewal that only has the time": func(b *bench) {
			b.bound()
			b.wake()
			b.sent(request)
			bare := func(p *dhcpv4.DHCPv4) {
				for _, o := range []dhcpv4.OptionCode{dhcpv4.OptionSubnetMask, dhcpv4.OptionRouter, dhcpv4.OptionDomainNameServer} {
					p.DeleteOption(o)
				}
			}
			b.do(b.served(ack, server1, address7, bare))
			l := claim[save](b).lease
			b.reported(address7, given)
			if l.Gateway != server1 || l.Address.Bits() != 24 || len(l.DNS) != 1 {
				b.Errorf("lost what the first lease said: %+v", l)
			}
		},
		"the server is gone: rebinding, expiry": func(b *bench) {
			b.bound()
			expire := b.m.held.Expire
			b.wake()
			for b.in(Renewing); b.m.State() == Renewing; b.wake() {
				b.sent(request)
			}
			b.in(Rebinding)
			if !b.now.Equal(expire.Add(-450 * time.Second)) {
				b.Errorf("rebinds at %v before the end", expire.Sub(b.now))
			}
			b.reported(address7, "the DHCP server 198.51.100.1 does not answer; the address is good for another 7m30s")
			for n := 0; b.m.State() == Rebinding; b.wake() {
				if s := b.sent(request); s.to.IsValid() || s.from != address7 {
					b.Errorf("rebinds from %v to %v", s.from, s.to)
				}
				if n++; n > 10 {
					b.Fatal("rebinds without end")
				}
			}
			if !b.now.Equal(expire) {
				b.Errorf("expired %v off", b.now.Sub(expire))
			}
			claim[forget](b)
			b.reported(nobody, "the lease of 198.51.100.7 has expired and no DHCP server answers")
			b.sent(discover)
			if !b.last.RequestedIPAddress().Equal(address7.AsSlice()) {
				b.Error("does not ask for the address it had")
			}
		},
		"another server rebinds": func(b *bench) {
			b.bound()
			for b.wake(); b.m.State() == Renewing; b.wake() {
				b.sent(request)
			}
			b.reported(address7, "the DHCP server 198.51.100.1 does not answer; the address is good for another 7m30s")
			b.sent(request)
			b.do(b.served(ack, server2, address7))
			claim[save](b)
			b.reported(address7, "the DHCP server 198.51.100.2 gave us 198.51.100.7")
		},
		"a renewal refused": func(b *bench) {
			b.bound()
			b.wake()
			b.sent(request)
			b.do(b.served(nak, server2, nobody)) // a stranger
			b.do(b.served(nak, server1, nobody))
			claim[forget](b)
			b.reported(nobody, "the DHCP server 198.51.100.1 refused our address")
			b.sent(discover)
			if b.last.RequestedIPAddress() != nil {
				b.Error("asks for the address that was refused")
			}
		},
		"a restart is not felt": func(b *bench) {
			b.do(start{saved(), true})
			b.reported(address7, "the address of before is used while the DHCP server confirms it")
			s := b.sent(request)
			if s.to.IsValid() || s.from != netip.IPv4Unspecified() || b.last.ServerIdentifier() != nil ||
				!b.last.RequestedIPAddress().Equal(address7.AsSlice()) || !b.last.ClientIPAddr.Equal(net.IPv4zero) {
				b.Errorf("not an INIT-REBOOT: %v", b.last)
			}
			b.do(b.served(ack, server1, address7)) // no check: it is in use here
			claim[save](b)
			b.reported(address7, given)
		},
		"a restart in another network": func(b *bench) {
			b.do(start{saved(), true})
			b.reported(address7, "the address of before is used while the DHCP server confirms it")
			b.sent(request)
			b.do(b.served(nak, server2, nobody))
			claim[forget](b)
			b.reported(nobody, "the DHCP server 198.51.100.2 refused our address")
			b.sent(discover)
		},
		"a restart and nobody answers: used to its end": func(b *bench) {
			b.do(start{saved(), true})
			b.reported(address7, "the address of before is used while the DHCP server confirms it")
			for b.now.Before(noon.Add(time.Hour)) {
				b.out = slices.DeleteFunc(b.out, func(a action) bool { _, is := a.(send); return is })
				if len(b.out) > 0 {
					b.reported(address7, "no DHCP server answers")
				}
				b.wake()
			}
			claim[forget](b)
			b.reported(nobody, "the lease of 198.51.100.7 has expired and no DHCP server answers")
			b.in(Selecting)
		},
		"a doubtful saved lease is confirmed before it is used": func(b *bench) {
			b.do(start{saved(), false})
			b.reported(nobody, "asking for the address of before")
			b.sent(request)
			b.do(b.served(ack, server1, address7))
			claim[check](b)
			b.do(checked{address7, ""})
			claim[save](b)
			b.reported(address7, given)
		},
		"someone else has the address": func(b *bench) {
			b.do(start{})
			b.reported(nobody, "asking for an address")
			b.sent(discover)
			b.do(b.served(offer, server1, address7))
			b.wake()
			b.sent(request)
			b.do(b.served(ack, server1, address7))
			claim[check](b)
			b.do(checked{address8, "02:00:00:00:00:99"}) // of an older check
			b.do(checked{address7, "02:00:00:00:00:99"})
			b.sent(dhcpv4.MessageTypeDecline)
			if !b.last.RequestedIPAddress().Equal(address7.AsSlice()) || !b.last.ServerIdentifier().Equal(server1.AsSlice()) {
				b.Errorf("declines %v", b.last)
			}
			b.reported(nobody, "address 198.51.100.7 is in use by 02:00:00:00:00:99")
			b.wait(declinePause)
			b.wake()
			b.sent(discover)
			b.do(b.served(offer, server1, address7)) // it offers it again
			b.do(b.served(offer, server2, address8))
			b.wake()
			b.sent(request)
			if !b.last.RequestedIPAddress().Equal(address8.AsSlice()) {
				b.Error("takes the declined address again though there is another")
			}
		},
		"the carrier comes back": func(b *bench) {
			b.bound()
			b.do(linkUp{})
			b.sent(request)
			b.in(Rebooting)
			b.do(b.served(ack, server1, address7))
			claim[save](b)
			b.reported(address7, given)
		},
		"the carrier comes back before a lease": func(b *bench) {
			b.do(start{})
			b.reported(nobody, "asking for an address")
			b.sent(discover)
			b.wait(100 * time.Millisecond)
			b.do(linkUp{})
			b.sent(discover)
		},
		"up but dead": func(b *bench) {
			b.bound()
			for i, minutes := range []time.Duration{1, 2, 4, 8, 16, 30, 30} {
				b.do(lineDead{})
				since := b.now
				for b.m.dead.redo.After(b.now) {
					b.now = b.now.Add(10 * time.Second)
					b.out = b.m.Step(b.now, lineDead{})
					for len(b.out) > 0 && b.m.State() != Rebooting && b.m.State() != Selecting {
						b.sent(request) // T1 passes
						b.out = append(b.out, b.m.Step(b.now, b.served(ack, server1, address7))...)
						claim[save](b)
						b.reported(address7, given)
					}
				}
				if got := b.now.Sub(since); got != minutes*time.Minute {
					b.Errorf("asks anew after %v, want %d min", got, minutes)
				}
				if b.m.held == nil {
					b.Fatal("does not keep the address")
				}
				if i == 0 {
					b.sent(request)
				} else {
					b.sent(discover)
					b.do(b.served(offer, server1, address7))
					b.sent(request)
				}
				b.do(b.served(ack, server1, address7))
				claim[save](b)
				b.reported(address7, given)
			}
			b.now = b.now.Add(episode + time.Minute)
			b.m.dead.redo = time.Time{}
			b.out = nil
			b.m.Step(b.now, lineDead{})
			if got := b.m.dead.redo.Sub(b.now); got != time.Minute {
				b.Errorf("a new episode waits %v", got)
			}
		},
		"up but dead, and the server too": func(b *bench) {
			b.bound()
			b.do(lineDead{})
			b.wait(time.Minute)
			b.do(tick{})
			for range confirmTries {
				b.sent(request)
				b.wake()
			}
			b.sent(discover)
			if b.m.held == nil {
				b.Error("gave the address up")
			}
		},
		"released": func(b *bench) {
			b.bound()
			b.do(giveUp{})
			s := b.sent(dhcpv4.MessageTypeRelease)
			if s.to != server1 || s.from != address7 || !b.last.ClientIPAddr.Equal(address7.AsSlice()) {
				b.Errorf("released from %v to %v: %v", s.from, s.to, b.last)
			}
			claim[forget](b)
			b.reported(nobody, "the address has been given back")
			b.in(Idle)
			if !b.m.Wake().IsZero() {
				b.Error("wants to be woken")
			}
			b.do(lineDead{})
			b.do(tick{})
			b.do(linkUp{})
			b.reported(nobody, "asking for an address")
			b.sent(discover)
		},
		"a lease for ever": func(b *bench) {
			b.do(start{})
			b.reported(nobody, "asking for an address")
			b.sent(discover)
			b.do(b.served(offer, server1, address7))
			b.wake()
			b.sent(request)
			b.do(b.served(ack, server1, address7, dhcpv4.WithLeaseTime(0xffffffff)))
			claim[check](b)
			b.do(checked{address7, ""})
			claim[save](b)
			b.reported(address7, given)
			if !b.m.Wake().IsZero() || !b.m.held.Expire.IsZero() {
				b.Errorf("wakes at %v, expires %v", b.m.Wake(), b.m.held.Expire)
			}
		},
		"offers nobody can use": func(b *bench) {
			b.do(start{})
			b.reported(nobody, "asking for an address")
			for range 3 {
				b.sent(discover)
				b.do(b.served(offer, server1, address7, func(p *dhcpv4.DHCPv4) { p.DeleteOption(dhcpv4.OptionRouter) }))
				b.wake()
			}
			b.reported(nobody, "the DHCP server 198.51.100.1 offers nothing usable: no gateway")
			b.sent(discover)
		},
		"answers that are not for us": func(b *bench) {
			b.do(start{})
			b.reported(nobody, "asking for an address")
			b.sent(discover)
			b.do(b.served(offer, server1, address7, dhcpv4.WithTransactionID(dhcpv4.TransactionID{9})))
			b.do(b.served(offer, server1, address7, dhcpv4.WithHwAddr(net.HardwareAddr{2, 0, 0, 0, 0, 0x11})))
			b.do(b.served(ack, server1, address7))
			b.do(received{[]byte("not DHCP"), ourMAC})
			b.do(b.served(offer, server1, address7, func(p *dhcpv4.DHCPv4) { p.DeleteOption(dhcpv4.OptionServerIdentifier) }))
			if b.m.faults[NotDHCP] != 2 || b.m.faults[WrongTurn] != 2 || b.m.faults[NoServer] != 1 {
				b.Errorf("counted %v", b.m.faults)
			}
			b.in(Selecting)
		},
	}
	for name, scene := range scenes {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			scene(b)
			if !t.Failed() {
				b.quiet()
			}
		})
	}
}

func TestMessagesSayWhoWeAre(t *testing.T) {
	b := newBench(t)
	b.do(start{})
	b.reported(nobody, "asking for an address")
	b.sent(discover)
	if b.last.HostName() != "gate" || !slices.Equal(b.last.Options.Get(dhcpv4.OptionClientIdentifier), append([]byte{1}, ourMAC...)) {
		t.Errorf("host name %q, client identifier %x", b.last.HostName(), b.last.Options.Get(dhcpv4.OptionClientIdentifier))
	}
	asked := b.last.ParameterRequestList()
	for _, code := range []uint8{1, 3, 6, 15, 26, 28, 51, 54, 58, 59, 119, 121} {
		if !slices.ContainsFunc(asked, func(c dhcpv4.OptionCode) bool { return c.Code() == code }) {
			t.Errorf("does not ask for option %d", code)
		}
	}
}
