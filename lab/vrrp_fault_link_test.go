package lab

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestPartitionAndHeal(t *testing.T) {
	t.Parallel()
	home := pairHome()
	home.Routers[1].Upstairs = true
	home.Clients[0].Upstairs = true // with the backup
	p := brothers(t, home, shared(high), shared(low))
	s := p.steady(t)
	main, backup := p.mac(t, p.main), p.mac(t, p.backup)
	must(t, p.CutTrunk())
	p.await(t, "both have the address", func() bool { return len(p.holders.Now()) == 2 })
	p.await(t, "the client uses backup", func() bool { return p.neighbour(t) == backup })
	for range 3 {
		healed := time.Now()
		must(t, p.PlugTrunk())
		p.held(t, "main")
		p.await(t, "the client uses main again", func() bool { return p.neighbour(t) == main })
		p.await(t, "main has announced the address again", func() bool { return len(p.recorder.Announcements(healed, "main")) > 0 })
		told(t, p.main, "is Active, too")
		must(t, p.CutTrunk())
		p.await(t, "both have the address", func() bool { return len(p.holders.Now()) == 2 })
		p.await(t, "the client uses backup", func() bool { return p.neighbour(t) == backup })
	}
	s.probe.Stop()
}

func TestOneSidedDeafness(t *testing.T) {
	t.Parallel()
	p := usual(t)
	s := p.steady(t)
	main := p.mac(t, p.main)
	must(t, p.Deafen("backup"))
	p.await(t, "both have the address", func() bool { return len(p.holders.Now()) == 2 })
	told(t, p.main, "is Active, too")
	p.await(t, "the client uses main, which is the better one", func() bool { return p.neighbour(t) == main })
	must(t, p.Undeafen("backup"))
	p.held(t, "main")
	p.await(t, "main alone speaks", func() bool { return p.speaksAlone("main", calm) })
	s.probe.Stop()
}

func TestLinkFlap(t *testing.T) {
	t.Parallel()
	p := usual(t)
	for i := range 10 {
		must(t, p.CutLAN("main"))
		if i%2 == 1 {
			p.held(t, "backup")
		}
		must(t, p.PlugLAN("main"))
		if i%3 == 2 {
			p.held(t, "main")
		}
	}
	p.held(t, "main")
	p.await(t, "main alone speaks", func() bool { return p.speaksAlone("main", calm) })
	mark := time.Now()
	must(t, p.CutLAN("main"))
	if e := election(t, p.main, "fault"); e.Reason == "" {
		t.Errorf("without a cable: %+v, want a reason", e)
	}
	times := p.moved(t, mark, "backup")
	if times.Several > 0 {
		t.Errorf("a router without cable keeps the address: %s", times)
	}
}

func TestDeviceDeletedAndRecreated(t *testing.T) {
	t.Parallel()
	p := usual(t)
	for range 3 {
		_, err := p.main.Run("ip link del lan0")
		must(t, err)
		p.held(t, "backup")
		election(t, p.main, "fault")
		must(t, p.main.wire())
		must(t, p.main.Raise())
		p.held(t, "main")
	}
	p.await(t, "main alone speaks", func() bool { return p.speaksAlone("main", calm) })
}

func TestAddressRemovedByHand(t *testing.T) {
	t.Parallel()
	p := usual(t)
	mark := time.Now()
	for range 6 {
		before := p.holders.Since(mark).Changes
		out, err := p.main.Run("ip -o addr show dev lan0 to " + virtual.Addr().String())
		must(t, err)
		_, err = p.main.Run("ip addr del " + strings.Fields(out)[3] + " dev lan0")
		must(t, err)
		p.await(t, "the address is back", func() bool {
			n := p.holders.Since(mark).Changes
			return n > before && n%2 == 0
		})
	}
	times := p.holders.Since(mark)
	t.Logf("%s", times)
	if times.LongestNone > slackHere {
		t.Errorf("%s, want 6 short gaps\n%s", times, p.holders.Story())
	}
	if said := p.recorder.Adverts(mark, "backup"); len(said) > 0 {
		t.Errorf("backup spoke: %s", said[0])
	}
	told(t, p.main, "somebody removed 192.168.1.1")
}

func TestAddressConflict(t *testing.T) {
	t.Parallel()
	home := pairHome()
	home.Clients = append(home.Clients, Client{Name: "printer", Address: "192.168.1.50/24", Gateway: "192.168.1.1"})
	p := brothers(t, home, shared(high), shared(low))
	s := p.steady(t)
	main := p.mac(t, p.main)
	printer := p.Devices[1]
	_, err := printer.Run("ip addr add 192.168.1.1/24 dev eth0")
	must(t, err)
	// It says so to everybody, as systems do that bring an address up.
	if _, err := printer.Inject(until(t, 300*time.Millisecond), 100, func(int) []byte { return claim("192.168.1.1") }); err != nil {
		t.Fatal(err)
	}
	told(t, p.main, "uses 192.168.1.1, too")
	p.await(t, "the client uses main", func() bool { return p.neighbour(t) == main })
	_, err = printer.Run("ip addr del 192.168.1.1/24 dev eth0")
	must(t, err)
	if held := p.holders.Now(); !slices.Equal(held, []string{"main"}) {
		t.Errorf("the address is on %v", held)
	}
	s.probe.Stop()
}

// claim is a gratuitous ARP for an address from a stranger.
func claim(address string) []byte {
	a := netip.MustParseAddr(address).As4()
	mac := []byte{2, 0x66, 0, 0, 0, 2}
	frame := append([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, mac...)
	frame = append(frame, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1)
	frame = append(append(frame, mac...), a[:]...)
	return append(append(frame, 0, 0, 0, 0, 0, 0), a[:]...)
}

func TestBothBootAtOnce(t *testing.T) {
	t.Parallel()
	for i := range 3 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			p := raised(t, pairHome())
			p.chatter(t)
			done := make(chan struct{})
			go func() {
				defer close(done)
				ourDaemon.start(t, p.main, shared(high))
			}()
			ourDaemon.start(t, p.backup, shared(low))
			<-done
			p.held(t, "main")
			p.await(t, "main alone speaks", func() bool { return p.speaksAlone("main", calm) })
			if times := p.holders.Since(p.holders.start); times.Several > 100*time.Millisecond {
				t.Errorf("%s", times)
			}
		})
	}
}
