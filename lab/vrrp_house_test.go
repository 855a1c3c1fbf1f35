package lab

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// The story's targets: four of each line, so that one line's can die alone.
var (
	mainTargets   = []string{"1.1.1.1", "8.8.8.8", "9.9.9.9", "203.0.113.1"}
	backupTargets = []string{"1.0.0.1", "8.8.4.4", "149.112.112.112", "203.0.113.2"}
)

// houseHome is the home that the project began with: two routers, each with a line of its own, one address.
func houseHome() Home {
	return Home{
		Tag: fmt.Sprintf("h%d-", tags.Add(1)),
		ISPs: []ISP{
			{Name: "fibre", Network: "198.51.100.0/24"},
			{Name: "lte", Network: "192.0.2.0/24"},
		},
		Routers: []Router{
			{Name: "main", WANs: []string{"fibre"}, LAN: "192.168.1.2/24"},
			{Name: "backup", WANs: []string{"lte"}, LAN: "192.168.1.3/24"},
		},
		Clients: []Client{{Name: "laptop", Address: "192.168.1.100/24", Gateway: "192.168.1.1"}},
	}
}

// health is how a line is checked.
type health struct {
	interval, timeout time.Duration
	fall, rise        int
}

// section is a [wan.health] section; none for Twinpath's default.
func (h health) section() string {
	if h == (health{}) {
		return ""
	}
	return fmt.Sprintf("  [wan.health]\n  interval = %q\n  timeout = %q\n  fall = %d\n  rise = %d\n", h.interval, h.timeout, h.fall, h.rise)
}

// quickHealth is for tests: whole seconds, as keepalived's scripts have them.
var quickHealth = health{interval: time.Second, timeout: time.Second, fall: 2, rise: 2}

// houseTOML is the config of one of the house's routers.
func houseTOML(b *Box, v Virtual, targets []string, h health) string {
	var s strings.Builder
	fmt.Fprintf(&s, "[router]\nname = %q\n\n[lan]\ninterface = \"lan0\"\naddress = \"%s\"\n\n", b.Name, b.lan)
	fmt.Fprintf(&s, "[[wan]]\nname = \"line\"\ninterface = \"wan0\"\nkind = \"dhcp\"\n%s", h.section())
	for _, target := range targets {
		fmt.Fprintf(&s, "  [[wan.check]]\n  ping = %q\n  weight = 20\n", target)
	}
	v.Extra += "track = [\"line\"]\n"
	return s.String() + v.TOML()
}

// houseKeepalived is the same for keepalived: a ping script for each target.
func houseKeepalived(v Virtual, targets []string, h health) string {
	var s strings.Builder
	var track string
	for i, target := range targets {
		fmt.Fprintf(&s, "vrrp_script check%d {\n script \"/usr/bin/ping -n -q -c 1 -W %g %s\"\n interval %g\n timeout 2\n weight -20\n fall %d\n rise %d\n}\n",
			i, h.timeout.Seconds(), target, h.interval.Seconds(), h.fall, h.rise)
		track += fmt.Sprintf("  check%d\n", i)
	}
	v.Extra += " track_script {\n" + track + " }\n"
	return s.String() + v.Keepalived()
}

// resident is a router of the house with its daemon.
type resident struct {
	kind  string // twinpath or keepalived
	check health
}

// moveIn starts a router of the house.
func (r resident) moveIn(tb testing.TB, b *Box, v Virtual, targets []string) {
	tb.Helper()
	if r.kind == "keepalived" {
		must(tb, b.SetUp(ByHand{ISP: b.wans[0], Masquerade: true}))
		must(tb, b.StartKeepalived(tb.Context(), houseKeepalived(v, targets, r.check)))
		return
	}
	must(tb, b.Start(tb.Context(), built(tb), houseTOML(b, v, targets, r.check)))
}

// household builds the house with a daemon on each side, and waits until the main one carries.
func household(tb testing.TB, main, backup resident, v Virtual) *pair {
	tb.Helper()
	p := build(tb, houseHome())
	p.chatter(tb)
	for _, b := range p.Boxes {
		must(tb, b.ServeEcho())
	}
	v.ID = 51
	backup.moveIn(tb, p.backup, v.with(low), backupTargets)
	main.moveIn(tb, p.main, v.with(high), mainTargets)
	p.held(tb, "main")
	p.saying(tb, high)
	p.carried(tb, "fibre")
	return p
}

// saying waits until main's newest advert has a priority.
func (p *pair) saying(tb testing.TB, priority int) {
	tb.Helper()
	p.await(tb, fmt.Sprintf("main's priority is %d", priority), func() bool {
		all := p.recorder.Adverts(time.Now().Add(-5*time.Second), "main")
		return len(all) > 0 && all[len(all)-1].Priority == priority
	})
}

// carried waits until the Internet sees the house by a line.
func (p *pair) carried(tb testing.TB, isp string) {
	tb.Helper()
	p.await(tb, "the house is on "+isp, func() bool {
		from, err := p.laptop.Seen(tb.Context())
		return err == nil && p.LineOf(from) == isp
	})
}

// TestHouse is the story that the project began with: two dead targets change nothing, the third moves the house,
// and it moves back.
func TestHouse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ main, backup string }{
		{"twinpath", "twinpath"}, {"twinpath", "keepalived"}, {"keepalived", "twinpath"},
	} {
		t.Run(c.main+" and "+c.backup, func(t *testing.T) {
			t.Parallel()
			v := Virtual{Version: 3, Interval: calm, Addresses: []netip.Prefix{virtual}}
			p := household(t, resident{c.main, quickHealth}, resident{c.backup, quickHealth}, v)
			for lost, target := range mainTargets[:2] {
				must(t, p.KillTarget(target))
				p.saying(t, high-20*(lost+1))
			}
			mark := time.Now()
			must(t, pause(t.Context(), 4*time.Second)) // two rounds of checks and more than a down-interval
			if times := p.holders.Since(mark); times.Changes > 0 {
				t.Errorf("two dead targets: %s\n%s", times, p.holders.Story())
			}
			p.carried(t, "fibre")

			must(t, p.KillTarget(mainTargets[2]))
			p.held(t, "backup")
			p.carried(t, "lte")

			for _, target := range mainTargets[:3] {
				must(t, p.ReviveTarget(target))
			}
			p.held(t, "main")
			p.saying(t, high)
			p.carried(t, "fibre")
		})
	}
}
