package incident

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/health"
)

// hops are routers at the distances 1, 2 …; "" is one that does not answer.
func hops(addresses ...string) []health.Hop {
	var all []health.Hop
	for i, a := range addresses {
		if a != "" {
			all = append(all, health.Hop{Distance: i + 1, Address: netip.MustParseAddr(a)})
		}
	}
	return all
}

func TestTheLadder(t *testing.T) {
	ok := Answer{Asked: true, OK: true}
	silent := Answer{Asked: true, Detail: "no answer"}
	// A line behind a modem that works: each test breaks one thing of it.
	well := Looked{
		Device: "wan0", There: true, Carrier: true, Address: netip.MustParseAddr("192.168.178.20"), Gateway: netip.MustParseAddr("192.168.178.1"),
		Target: netip.MustParseAddr("1.1.1.1"), Traced: true, Reached: true, DNS: ok, Web: ok,
		Hops:  hops("192.168.178.1", "203.0.113.1", "203.0.113.9", "1.1.1.1"),
		Known: Way{At: time.Date(2026, 11, 20, 14, 2, 0, 0, time.UTC), Hops: hops("192.168.178.1", "203.0.113.1", "203.0.113.9", "1.1.1.1")},
	}
	dead := well
	dead.Reached, dead.DNS, dead.Web, dead.Hops = false, silent, silent, nil
	for _, test := range []struct {
		name   string
		looked Looked
		change func(*Looked)
		want   string
		last   string
	}{
		{"all well", well, func(*Looked) {}, `cable ok: wan0 has a link
address ok 192.168.178.20: private: a modem or another router before the line translates it
modem ok 192.168.178.1
first hop ok 203.0.113.1
outside ok 1.1.1.1
dns ok
web ok`, "1.1.1.1"},
		{"no cable", dead, func(l *Looked) { l.Carrier, l.Traced = false, false }, `cable broken: no cable in wan0, or nothing behind it has power
address unknown
modem unknown
first hop unknown
outside unknown
dns unknown
web unknown`, "invalid IP"},
		{"no interface, no lease", dead, func(l *Looked) { l.There, l.Address = false, netip.Addr{} }, `cable broken: there is no interface wan0
address unknown
first hop unknown
outside unknown
dns unknown
web unknown`, "invalid IP"},
		{"no address", dead, func(l *Looked) { l.Address, l.Asking, l.Traced = netip.Addr{}, "nobody answers DHCP", false }, `cable ok: wan0 has a link
address broken: nobody answers DHCP
first hop unknown
outside unknown
dns unknown
web unknown`, "invalid IP"},
		{"the modem is dead", dead, func(*Looked) {}, `cable ok: wan0 has a link
address ok 192.168.178.20: private: a modem or another router before the line translates it
modem broken 192.168.178.1: it does not answer; it did on Fri 20 Nov 14:02:00
first hop broken 203.0.113.1: it does not answer; it did on Fri 20 Nov 14:02:00
outside broken 1.1.1.1: no router on the way answers; on Fri 20 Nov 14:02:00 4 routers did
dns broken: no answer
web broken: no answer`, "invalid IP"},
		{"the line behind the modem is dead", dead, func(l *Looked) { l.Hops = hops("192.168.178.1") }, `cable ok: wan0 has a link
address ok 192.168.178.20: private: a modem or another router before the line translates it
modem ok 192.168.178.1
first hop broken 203.0.113.1: it does not answer; it did on Fri 20 Nov 14:02:00
outside broken 1.1.1.1: the last router that answers is number 1 on the way (192.168.178.1); on Fri 20 Nov 14:02:00 number 2 (203.0.113.1) did, too
dns broken: no answer
web broken: no answer`, "192.168.178.1"},
		{"dead beyond the provider's first router", dead, func(l *Looked) { l.Hops = hops("192.168.178.1", "203.0.113.1") }, `cable ok: wan0 has a link
address ok 192.168.178.20: private: a modem or another router before the line translates it
modem ok 192.168.178.1
first hop ok 203.0.113.1
outside broken 1.1.1.1: the last router that answers is number 2 on the way (203.0.113.1); on Fri 20 Nov 14:02:00 number 3 (203.0.113.9) did, too
dns broken: no answer
web broken: no answer`, "203.0.113.1"},
		{"a first hop that never answers", well, func(l *Looked) {
			l.Address, l.Gateway, l.Known = netip.MustParseAddr("203.0.113.7"), netip.MustParseAddr("203.0.113.1"), Way{}
			l.Hops = hops("", "198.51.100.1", "1.1.1.1")
		}, `cable ok: wan0 has a link
address ok 203.0.113.7
first hop ok 203.0.113.1: it does not answer itself, but lets packets through
outside ok 1.1.1.1
dns ok
web ok`, "1.1.1.1"},
		{"nothing answers, and nobody knows what did", dead, func(l *Looked) {
			l.Address, l.Gateway, l.Known = netip.MustParseAddr("100.64.3.7"), netip.MustParseAddr("100.64.0.1"), Way{}
		}, `cable ok: wan0 has a link
address ok 100.64.3.7: shared with other customers of the provider (CGNAT)
first hop unknown 100.64.0.1: it does not answer; whether it ever does is not known
outside broken 1.1.1.1: no router on the way answers
dns broken: no answer
web broken: no answer`, "invalid IP"},
		{"the name server is dead", well, func(l *Looked) { l.DNS = silent }, `cable ok: wan0 has a link
address ok 192.168.178.20: private: a modem or another router before the line translates it
modem ok 192.168.178.1
first hop ok 203.0.113.1
outside ok 1.1.1.1
dns broken: no answer
web ok`, "1.1.1.1"},
		{"only the web is dead", well, func(l *Looked) { l.Web = silent }, `cable ok: wan0 has a link
address ok 192.168.178.20: private: a modem or another router before the line translates it
modem ok 192.168.178.1
first hop ok 203.0.113.1
outside ok 1.1.1.1
dns ok
web broken: no answer`, "1.1.1.1"},
		{"two routers of the house", well, func(l *Looked) { l.Hops = hops("192.168.178.1", "192.168.1.1", "203.0.113.1", "1.1.1.1") }, `cable ok: wan0 has a link
address ok 192.168.178.20: private: a modem or another router before the line translates it
modem ok 192.168.178.1
first hop ok 192.168.1.1: private as well: a second router of the house, or the provider's own network
outside ok 1.1.1.1
dns ok
web ok`, "1.1.1.1"},
		{"the other router", well, func(l *Looked) {
			l.Peer, l.Gateway, l.DNS = true, netip.MustParseAddr("192.168.178.1"), Answer{Detail: "the lease names no name server"}
		}, `cable ok: wan0 has a link
address ok 192.168.178.20
first hop ok 192.168.178.1: the other router
outside ok 1.1.1.1
dns unknown: the lease names no name server
web ok`, "1.1.1.1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.change(&test.looked)
			rungs, last := Climb(test.looked)
			var lines []string
			for _, r := range rungs {
				line := r.What + " " + r.State
				if r.Address.IsValid() {
					line += " " + r.Address.String()
				}
				if r.Detail != "" {
					line += ": " + r.Detail
				}
				lines = append(lines, line)
			}
			if got := strings.Join(lines, "\n"); got != test.want || fmt.Sprint(last) != test.last {
				t.Errorf("got %s\n%s\nwant %s\n%s", last, got, test.last, test.want)
			}
		})
	}
}
