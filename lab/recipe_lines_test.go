package lab

import (
	"fmt"
	"testing"
	"time"
)

// twoLines are two routers with a line each, and a device for each of two gateways.
func twoLines() Home {
	home := houseHome()
	home.ISPs[1].Name = "cable"
	home.Routers = []Router{
		{Name: "left", WANs: []string{"fibre"}, LAN: "192.168.1.2/24"},
		{Name: "right", WANs: []string{"cable"}, LAN: "192.168.1.3/24"},
	}
	home.Clients = append(home.Clients, Client{Name: "tablet", Address: "192.168.1.101/24", Gateway: "192.168.1.254"})
	return home
}

// witness counts the calls' packets that a router gets from the other one, and those that have been on the way too often.
func witness(tb testing.TB, b, other *Box) {
	tb.Helper()
	_, err := b.space.Feed("nft -f -", fmt.Sprintf(`
table ip weather {
	counter neighbour { }
	counter tired { }
	chain seen {
		type filter hook prerouting priority -500;
		iifname "lan0" ether saddr %s udp dport 7 counter name neighbour
		udp dport 7 ip ttl < 60 counter name tired
	}
}`, other.macs["lan0"]))
	must(tb, err)
}

// crossed is what a witness has counted.
func crossed(tb testing.TB, b *Box) (neighbour, tired int) {
	tb.Helper()
	neighbour, err := counter(b.space, "weather", "neighbour")
	must(tb, err)
	tired, err = counter(b.space, "weather", "tired")
	must(tb, err)
	return neighbour, tired
}

// lines is the recipe's pair, with a call from each device that goes on all the time.
type lines struct {
	*show
	calls [2]*UDPProbe
}

func (l *lines) seen(tb testing.TB, device int, isp string) {
	tb.Helper()
	l.await(tb, l.Devices[device].Name+" is on "+isp, func() bool {
		from, err := l.Devices[device].Seen(tb.Context())
		return err == nil && l.LineOf(from) == isp
	})
}

// quiet waits until no packet of the devices' passes both routers for a second: each is sent on by the one that it came to.
func (l *lines) quiet(tb testing.TB, when string) {
	tb.Helper()
	now, before := [2]int{-1}, [2]int{}
	for range 8 {
		before = now
		for i, b := range l.Boxes {
			now[i], _ = crossed(tb, b)
		}
		if now == before {
			return
		}
		must(tb, pause(tb.Context(), time.Second))
	}
	tb.Errorf("%s: packets of the devices reach the routers from each other, at last %v, then %v", when, before, now)
}

// untired wants that no packet has passed the routers more than once each.
func (l *lines) untired(tb testing.TB, when string) {
	tb.Helper()
	for _, b := range l.Boxes {
		neighbour, tired := crossed(tb, b)
		tb.Logf("%s: %s has got %d packets from the other router, %d of them tired", when, b.Name, neighbour, tired)
		if tired > 0 {
			tb.Errorf("%s: %d packets went round in circles at %s", when, tired, b.Name)
		}
	}
}

func TestRecipeTwoLines(t *testing.T) {
	t.Parallel()
	const a, b = "192.168.1.1", "192.168.1.254"
	p := build(t, twoLines())
	p.chatter(t)
	l := &lines{show: p.show(t, a, b)}
	witness(t, p.main, p.backup)
	witness(t, p.backup, p.main)
	one, other := recipe(t, "Two routers on two ISPs, each using both")
	begin(t, p.backup, other)
	begin(t, p.main, one)
	l.on("left", a)
	l.on("right", b)
	l.seen(t, 0, "fibre")
	l.seen(t, 1, "cable")
	for i, d := range p.Devices {
		call, err := d.StartUDP(10 * time.Millisecond)
		must(t, err)
		l.calls[i] = call
	}
	l.quiet(t, "all is well")

	// A dead line's half goes to the other box.
	mark := time.Now()
	must(t, p.Blackhole("fibre", Beyond))
	l.on("right", a)
	l.took("a dead line", mark, "right", a)
	l.seamless(mark, a)
	l.still(mark, b)
	l.seen(t, 0, "cable")
	l.seen(t, 1, "cable")
	must(t, pause(t.Context(), time.Second)) // the device has heard where its gateway is
	l.quiet(t, "one line is dead")
	t.Logf("the calls: %s; %s", l.calls[0].Since(mark), l.calls[1].Since(mark))
	if gap := l.calls[1].Since(mark).Gap; gap > deaf {
		t.Errorf("the other half was without Internet for %s", gap)
	}
	// The box without a line uses the other's for itself.
	await(t, p.main, "left uses its neighbour", func(s Status) bool { return s.Active() == "neighbour" })

	// Both dead: nothing goes round in circles, whether the lines are silent or their cables out.
	must(t, p.Blackhole("cable", Beyond))
	must(t, pause(t.Context(), hours))
	l.untired(t, "both lines are silent")
	must(t, p.Cut("left", "fibre"))
	must(t, p.Cut("right", "cable"))
	must(t, pause(t.Context(), hours))
	l.untired(t, "both cables are out")
	must(t, p.Plug("left", "fibre"))
	must(t, p.Plug("right", "cable"))

	must(t, p.Heal("cable"))
	must(t, p.Heal("fibre"))
	l.on("left", a)
	l.on("right", b)
	l.seen(t, 0, "fibre")
	l.seen(t, 1, "cable")

	// A dead box's half goes to the other box, too.
	mark = time.Now()
	must(t, p.PowerOff("right"))
	l.on("left", b)
	l.still(mark, a)
	l.seen(t, 1, "fibre")
	for i, call := range l.calls {
		r := call.Stop()
		t.Logf("%s: %s", p.Devices[i].Name, r)
	}
}
