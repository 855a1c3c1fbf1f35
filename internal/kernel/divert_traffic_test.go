package kernel

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/twinpath/twinpath/pair/flow"
	"github.com/twinpath/twinpath/pair/handover"
)

// echoRequest has the identifier 0x4711. The kernel sees to the checksum of ICMPv6 (RFC 3542 §3.1), and not to that of ICMP.
func echoRequest(kind byte) []byte {
	b := []byte{kind, 0, 0, 0, 0x47, 0x11, 0, 0}
	sum := ^(uint16(kind)<<8 + 0x4711)
	b[2], b[3] = byte(sum>>8), byte(sum)
	return b
}

// The story of a house that comes back: flows that began at the second router stay there, new ones are the first one's.
func TestDivertHandsOver(t *testing.T) {
	h := newDivertHouse(t)
	old := []*talk{h.dial("tcp", "9.9.9.1:80", 1), h.dial("udp", "9.9.9.1:53", 1), h.dial("tcp", "[2001:db8:9::1]:80", 1), h.dial("udp", "[2001:db8:9::1]:53", 1)}
	echo4, echo6 := h.raw("ip4:1", "192.168.1.10", "9.9.9.1", echoRequest(8)), h.raw("ip6:58", "2001:db8:3::10", "2001:db8:9::1", echoRequest(128))
	other := h.raw("ip4:253", "192.168.1.10", "9.9.9.1", []byte{1, 2, 3, 4, 5, 6, 7, 8})
	all := func(router int) {
		t.Helper()
		h.by(router, old...)
		h.pass(router, "icmp", echo4)
		h.pass(router, "icmpv6", echo6)
		h.pass(router, "253", other)
	}
	silent := []*talk{h.dial("tcp", "9.9.9.2:80", 1), h.dial("udp", "9.9.9.2:53", 1)}
	h.by(1, silent...)
	all(1)

	h.divert(0, h.diversion(0, handover.All, false))
	h.gateway(0)
	all(1)
	late := []*talk{h.dial("tcp", "9.9.9.3:80", 1), h.dial("udp", "9.9.9.3:53", 1)}
	h.by(1, late...)
	if n := h.tracked(0); n != 0 {
		t.Errorf("the first router tracks %d flows of the second", n)
	}

	list := flow.Change{Anew: true, Begun: []flow.Flow{silent[0].flow, silent[1].flow}}
	h.do(0, func(k *Kernel) error { return k.DivertKept(list) })
	h.divert(0, h.diversion(0, handover.Listed, true))
	all(1) // remembered
	h.by(1, silent...)
	h.by(1, late...)
	h.by(0, h.dial("tcp", "9.9.9.4:80", 0), h.dial("udp", "9.9.9.4:53", 0), h.dial("tcp", "[2001:db8:9::4]:80", 0), h.dial("udp", "[2001:db8:9::4]:53", 0))

	list = flow.Change{Anew: true, Begun: []flow.Flow{
		old[0].flow, old[1].flow, old[2].flow, old[3].flow, silent[1].flow,
		someFlow(1, "192.168.1.10:18193", "9.9.9.1:0"), someFlow(58, "[2001:db8:3::10]:18193", "[2001:db8:9::1]:0"), someFlow(253, "192.168.1.10:0", "9.9.9.1:0"),
	}}
	h.do(0, func(k *Kernel) error { return k.DivertKept(list) })
	h.divert(0, h.diversion(0, handover.Listed, false))
	all(1)
	h.by(1, silent...) // the TCP one is on no list, and can only be in the middle of something
	h.by(0, late[1])

	h.do(0, func(k *Kernel) error { return k.DivertKept(flow.Change{Ended: []flow.Flow{old[1].flow, late[0].flow}}) }) // the second never was
	h.by(0, old[1])
	h.divert(0, handover.Diversion{})
	if _, err := old[0].say(); !reset(err) {
		t.Errorf("without the diversion: %v, want a reset", err)
	}
	if out := nftRun(t, h.routers[0], "nft list tables") + nftRun(t, h.routers[0], "ip rule") + nftRun(t, h.routers[0], "ip route show table all proto 201"); strings.Contains(out, "pair") || strings.Contains(out, "20050") {
		t.Errorf("left behind:\n%s", out)
	}
}

// This router's own flows stay while everything else goes to the other one; so do those of its own IPv6 networks.
func TestDivertSparesItsOwn(t *testing.T) {
	h := newDivertHouse(t)
	h.gateway(0)
	own := []*talk{h.dial("tcp", "9.9.9.1:80", 0), h.dial("udp", "9.9.9.1:53", 0), h.dial("udp", "[2001:db8:9::1]:53", 0)}
	h.by(0, own...)
	d := h.diversion(0, handover.Prepared, false)
	h.divert(0, d)
	h.do(0, func(k *Kernel) error { return k.DivertOwn(flow.Change{Begun: []flow.Flow{own[0].flow, own[1].flow}}) })
	d.Mode, d.Sources6 = handover.All, []netip.Prefix{netip.MustParsePrefix("2001:db8:1::/64")}
	h.divert(0, d)
	h.by(0, own...)
	h.by(1, h.dial("udp", "9.9.9.5:53", 1), h.dial("udp", "[2001:db8:9::5]:53", 1))
	h.do(0, func(k *Kernel) error { return k.DivertKept(flow.Change{Begun: []flow.Flow{own[1].flow}}) })
	h.by(1, own[1]) // who names it as its own has it
	nftRun(t, h.routers[0], "ip route add 9.9.7.0/24 dev lo")
	lost := h.dial("udp", "9.9.7.1:53", 1) // a way of its own, into a VPN perhaps
	_ = lost.conn.SetDeadline(time.Now().Add(brief))
	if got, err := lost.conn.Write([]byte{1}); err != nil {
		t.Error(got, err)
	}
	nftRun(t, h.routers[0], "ip route add 9.9.6.0/24 via 192.168.1.10") // to a router within the house
	inner := h.dial("udp", "9.9.6.1:53", 1)
	_ = inner.conn.SetDeadline(time.Now().Add(brief))
	if got, err := inner.conn.Write([]byte{1}); err != nil {
		t.Error(got, err)
	}
	_, _ = inner.conn.Read(make([]byte, 10)) // an answer would be the second provider's
	if n := h.tracked(1); n != 3 {
		t.Errorf("the second router tracks %d flows, want three", n)
	}
}

// Two routers that send everything to each other: a packet crosses the LAN between them once, and no more.
func TestDivertNeverLoops(t *testing.T) {
	h := newDivertHouse(t)
	for _, mode := range []handover.Mode{handover.All, handover.Listed} {
		for router := range 2 {
			h.divert(router, h.diversion(router, mode, false))
		}
		for router := range 2 {
			h.gateway(router)
			for _, to := range []string{"9.9.9.1:53", "[2001:db8:9::1]:53"} {
				c := h.dial("udp", to, 1-router)
				for i := range 2 {
					h.do(i, func(k *Kernel) error { return k.DivertKept(flow.Change{Begun: []flow.Flow{c.flow}}) })
				}
				want := string(rune('1'-router)) + " 62" // of 64, less one for each router
				if got, err := c.say(); got != want {
					t.Errorf("%s, by router %d to %s: %q (%v), want %q", mode, router, to, got, err, want)
				}
			}
		}
	}
}

// A connection that came in by the second router's line lives before any list has it.
func TestDivertLetsOthersIn(t *testing.T) {
	h := newDivertHouse(t)
	h.divert(0, h.diversion(0, handover.Listed, false))
	h.gateway(0)
	var listener net.Listener
	if err := h.client.Do(func() (err error) { listener, err = net.Listen("tcp", ":8080"); return err }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte("hello"))
			_ = c.Close()
		}
	}()
	for i, to := range []string{"203.0.113.2:8080", "198.51.100.2:8080"} {
		var c net.Conn
		err := h.isps[i].Do(func() (err error) {
			c, err = (&net.Dialer{Timeout: patience, LocalAddr: &net.TCPAddr{IP: net.ParseIP("9.9.9.8")}}).Dial("tcp", to)
			return err
		})
		if err != nil {
			t.Fatal(to, err)
		}
		_ = c.SetDeadline(time.Now().Add(patience))
		word := make([]byte, 10)
		if n, err := c.Read(word); string(word[:n]) != "hello" {
			t.Errorf("%s says %q (%v)", to, word[:n], err)
		}
		_ = c.Close()
	}
}

// A device's error about a packet of the other router's flow reaches who sent the packet.
func TestDivertSendsErrorsBack(t *testing.T) {
	h := newDivertHouse(t)
	for _, mode := range []handover.Mode{handover.All, handover.Listed} {
		h.divert(0, handover.Diversion{})
		h.gateway(1)
		var far *net.UDPConn
		if err := h.isps[1].Do(func() (err error) {
			far, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP("9.9.9.6"), Port: 99})
			return err
		}); err != nil {
			t.Fatal(err)
		}
		near := h.dial("udp", "9.9.9.6:99", 1)
		if _, err := near.conn.Write([]byte{1}); err != nil {
			t.Fatal(err)
		}
		_ = far.SetDeadline(time.Now().Add(patience))
		_, caller, err := far.ReadFrom(make([]byte, 9))
		if err != nil {
			t.Fatal(err)
		}
		_ = far.Close()
		h.divert(0, h.diversion(0, mode, false))
		h.gateway(0)
		_ = near.conn.Close()
		err = h.isps[1].Do(func() error {
			c, err := net.DialUDP("udp4", &net.UDPAddr{IP: net.ParseIP("9.9.9.6"), Port: 99}, caller.(*net.UDPAddr))
			if err != nil {
				return err
			}
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(patience))
			if _, err := c.Write([]byte{1}); err != nil {
				return err
			}
			_, err = c.Read(make([]byte, 9))
			return err
		})
		if err == nil || !strings.Contains(err.Error(), unix.ECONNREFUSED.Error()) {
			t.Errorf("%s: the sender hears %v, want that nobody listens", mode, err)
		}
	}
}
