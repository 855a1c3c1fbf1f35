package lab

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"
)

// duo is the house of the story with a pair that hands its connections over, and IPv6 by both lines.
type duo struct {
	*pair
	witness *Witness
}

// duoSecret is what both routers of a duo know.
const duoSecret = "a secret of the house"

// servicePort is forwarded to the laptop on each line of a duo.
const servicePort = 8022

// duoHome is houseHome with IPv6.
func duoHome() Home {
	home := houseHome()
	home.ISPs[0].IPv6, home.ISPs[1].IPv6 = "2001:db8:f::/48", "2001:db8:e::/48"
	return home
}

// duoHealth proves a line soon: how long that takes is not what is measured.
var duoHealth = health{interval: 500 * time.Millisecond, timeout: 500 * time.Millisecond, fall: 2, rise: 3}

// duoTOML is the config of one router of a duo.
func duoTOML(b *Box) string {
	priority, targets, other := high, mainTargets, "192.168.1.3"
	if b.Name != "main" {
		priority, targets, other = low, backupTargets, "192.168.1.2"
	}
	v := Virtual{ID: 51, Version: 3, Priority: priority, Interval: time.Second,
		Addresses: []netip.Prefix{virtual, netip.MustParsePrefix("fe80::51/64")}}
	return houseTOML(b, v, targets, duoHealth) + fmt.Sprintf(`
[pair]
peer = %q
secret = %q

[[firewall.forward]]
proto = "tcp"
port = "%d"
to = "192.168.1.100:%[3]d"
`, other, duoSecret, servicePort)
}

// openDuo builds the house, and waits until main carries both families and the two routers are linked.
func openDuo(t *testing.T) *duo {
	t.Helper()
	p := &duo{pair: build(t, duoHome())}
	var err error
	p.witness, err = p.Witness(p.main, p.backup)
	must(t, err)
	must(t, p.ServeInside(p.laptop, servicePort))
	for _, b := range []*Box{p.backup, p.main} {
		must(t, b.Start(t.Context(), built(t), duoTOML(b)))
	}
	p.serves(t, "main")
	p.linked(t)
	return p
}

// serves waits until a router has the address and its line carries new flows of both families.
func (p *duo) serves(t *testing.T, router string) {
	t.Helper()
	p.held(t, router)
	line := p.lineOf(router)
	p.carried(t, line)
	awaitOpen(t, p.House, p.laptop, line)
}

func (p *duo) lineOf(router string) string {
	return map[string]string{"main": "fibre", "backup": "lte"}[router]
}

// linked waits until each router hears the other one's connections.
func (p *duo) linked(t *testing.T) {
	t.Helper()
	for _, b := range p.Boxes {
		await(t, b, b.Name+" is linked", func(s Status) bool { return s.Pair.Linked })
	}
}

// leaves has main's provider die, and the house go to the backup.
func (p *duo) leaves(t *testing.T) {
	t.Helper()
	must(t, p.Blackhole("fibre", Beyond))
	p.serves(t, "backup")
}

// returns has main's provider come back, and the house go back to main. It says when main had the address.
func (p *duo) returns(t *testing.T) time.Time {
	t.Helper()
	mark := time.Now()
	must(t, p.Heal("fibre"))
	p.held(t, "main")
	return p.holders.Taken(mark, "main")
}

// keeps has the house be back on main while a load that began on the backup is left there.
func (p *duo) keeps(t *testing.T, l Load) *Traffic {
	t.Helper()
	p.leaves(t)
	traffic := p.traffic(t, l)
	p.returns(t)
	p.serves(t, "main")
	p.handed(t, "main", traffic.Alive())
	return traffic
}

// traffic starts a load and gives it a moment.
func (p *pair) traffic(t *testing.T, l Load) *Traffic {
	t.Helper()
	traffic, err := p.StartTraffic(t.Context(), p.laptop, l)
	must(t, err)
	must(t, pause(t.Context(), 500*time.Millisecond)) // what is measured is that it goes on, so it has to be on its way
	return traffic
}

// handed waits until a router says that at least so many flows stay with the other one.
func (p *duo) handed(t *testing.T, to string, flows int) {
	t.Helper()
	b, err := p.Box(to)
	must(t, err)
	await(t, b, fmt.Sprintf("%s knows of %d flows of the other router", to, flows), func(s Status) bool {
		return s.Pair.Phase == "keeps" && s.Pair.FlowsHandedOver >= flows
	})
}

// inbound is where a line's customer is reached from the Internet.
func (p *duo) inbound(t *testing.T, b *Box) netip.AddrPort {
	t.Helper()
	s, err := b.Status(t.Context())
	must(t, err)
	a, err := netip.ParseAddr(s.WANs[0].Address)
	must(t, err)
	return netip.AddrPortFrom(a, servicePort)
}

// tidy waits until a router has nothing left of a hand-over in its kernel.
func (p *duo) tidy(t *testing.T, b *Box) {
	t.Helper()
	var left string
	defer func() {
		if t.Failed() {
			t.Logf("%s still has: %s", b.Name, left)
		}
	}()
	p.await(t, b.Name+" has nothing left of the hand-over", func() bool {
		left = leftovers(t, b)
		return left == ""
	})
}

// leftovers are a router's table, rules and routes for what is the other one's.
func leftovers(t *testing.T, b *Box) (left string) {
	t.Helper()
	for what, word := range map[string]string{
		"nft list tables": "twinpath_pair", "ip rule list": "20050:", "ip -6 rule list": "20050:",
		"ip route list table all": "table 20050", "ip -6 route list table all": "table 20050",
	} {
		out, err := b.Run(what)
		must(t, err)
		for line := range strings.Lines(out) {
			if strings.Contains(line, word) {
				left += line
			}
		}
	}
	return left
}

// straight sees that no packet went from router to router twice.
func (p *duo) straight(t *testing.T) Crossings {
	t.Helper()
	c, err := p.witness.Count()
	must(t, err)
	t.Logf("crossed the LAN from router to router: %+v", c)
	if c.Twice > 0 {
		t.Errorf("packets went in circles: %+v", c)
	}
	return c
}

// runsOr is LAB_RUNS, or fewer where nobody asked for figures.
func runsOr(t *testing.T, usual int) int {
	t.Helper()
	if os.Getenv("LAB_RUNS") == "" {
		return usual
	}
	return runs(t)
}
