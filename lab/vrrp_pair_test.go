package lab

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// calm is the interval of most fault tests: short, and long enough for a machine that others use too.
const calm = 500 * time.Millisecond

// shared is the virtual router of the fault tests.
func shared(priority int) Virtual {
	return Virtual{ID: 51, Version: 3, Priority: priority, Interval: calm, Addresses: []netip.Prefix{virtual}}
}

// brothers is a pair of Twinpath boxes, the main one Active.
func brothers(tb testing.TB, home Home, main, backup Virtual) *pair {
	tb.Helper()
	p := raised(tb, home)
	p.chatter(tb)
	ourDaemon.start(tb, p.main, main)
	ourDaemon.start(tb, p.backup, backup)
	p.held(tb, "main")
	p.await(tb, "main alone speaks", func() bool { return p.speaksAlone("main", main.Interval) })
	return p
}

// usual is brothers with the usual priorities.
func usual(tb testing.TB) *pair { return brothers(tb, pairHome(), shared(high), shared(low)) }

// speaksAlone reports whether only one router has spoken during the last three intervals.
func (p *pair) speaksAlone(router string, interval time.Duration) bool {
	all := p.recorder.Adverts(time.Now().Add(-3*interval-look), "")
	return len(all) >= 2 && !slices.ContainsFunc(all, func(a Advert) bool { return a.From != router || a.Priority == 0 })
}

// steady is what must hold while nothing should be noticed.
type steady struct {
	p     *pair
	from  time.Time
	probe *AddressProbe
}

func (p *pair) steady(tb testing.TB) steady {
	tb.Helper()
	probe, err := p.laptop.startAddress(virtual.Addr(), 20*time.Millisecond, 20*time.Millisecond)
	must(tb, err)
	eventually(tb, "the address answers", func() bool { r := probe.udp.Since(probe.udp.start); return r.Sent > 10 && r.Lost < r.Sent/2 })
	return steady{p, time.Now(), probe}
}

// wantUnnoticed ends it: one router held the address and spoke all the time, with no pause of more than two intervals.
func (s steady) wantUnnoticed(tb testing.TB, router string, interval time.Duration) {
	tb.Helper()
	times := s.p.holders.Since(s.from)
	ping, query := s.probe.Stop()
	pause := longestPause(s.p.recorder.Adverts(s.from, router), s.from, time.Now())
	tb.Logf("%s; ping %s; query %s; longest pause of adverts %s", times, ping, query, round(pause))
	if times.LongestNone > 20*time.Millisecond || times.Several > 100*time.Millisecond {
		tb.Errorf("the address: %s\n%s", times, s.p.holders.Story())
	}
	if pause > 2*interval+slackHere {
		tb.Errorf("adverts paused for %s, want %s at most\n%s", pause, 2*interval, lastLines(s.p.recorder.Story(s.from), 60))
	}
	if others := slices.DeleteFunc(s.p.recorder.Adverts(s.from, ""), func(a Advert) bool { return a.From == router }); len(others) > 0 {
		tb.Errorf("somebody else spoke: %s", others[0])
	}
	if ping.Gap > deaf {
		tb.Errorf("the address was silent for %s", ping.Gap)
	}
}

// deaf is how long an address is silent when its client asks the wrong router; less than that says more of a busy test
// machine than of the routers. The benchmarks measure it.
const deaf = time.Second

// slackHere is what a busy test machine may add to an interval.
const slackHere = 200 * time.Millisecond

// longestPause is the longest time without an advert.
func longestPause(all []Advert, from, to time.Time) (longest time.Duration) {
	last := from
	for _, a := range all {
		longest = max(longest, a.Time.Sub(last))
		last = a.Time
	}
	return max(longest, to.Sub(last))
}

// reconfigure gives a running box another config.
func reconfigure(tb testing.TB, b *Box, sections ...Virtual) {
	tb.Helper()
	text := named(b)
	for _, v := range sections {
		text += v.TOML()
	}
	must(tb, os.WriteFile(b.Config(), []byte(text), 0o600))
	must(tb, b.Reload())
}

// election waits for a state of a box's virtual router.
func election(tb testing.TB, b *Box, state string) Election {
	tb.Helper()
	s := await(tb, b, "it is "+state, func(s Status) bool { return len(s.VRRP) > 0 && s.VRRP[0].State == state })
	return s.VRRP[0]
}

// told waits until the log of a box or its events say a phrase.
func told(tb testing.TB, b *Box, phrase string) {
	tb.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(look) {
		body, err := b.Get(tb.Context(), "/api/v1/events")
		if err == nil && strings.Contains(string(body), phrase) || strings.Contains(b.Log(), phrase) {
			return
		}
		if time.Now().After(end) {
			tb.Fatalf("%s never says %q:\n%s\n%s", b.Name, phrase, body, tail(b.Log()))
		}
	}
}

// moved is how long a virtual address had nobody and several, from a deed until a router has it alone.
func (p *pair) moved(tb testing.TB, from time.Time, to string) HolderTimes {
	tb.Helper()
	p.held(tb, to)
	times := p.holders.Since(from)
	tb.Logf("to %s: %s", to, times)
	return times
}

func (p *pair) mac(tb testing.TB, b *Box) string {
	tb.Helper()
	out, err := b.Run("ip -o link show dev lan0")
	must(tb, err)
	_, rest, _ := strings.Cut(out, "link/ether ")
	mac, _, _ := strings.Cut(rest, " ")
	return mac
}

// neighbour is the MAC address that the client has for the virtual address.
func (p *pair) neighbour(tb testing.TB) string {
	tb.Helper()
	out, err := p.laptop.Run(fmt.Sprintf("ip neigh show %s", virtual.Addr()))
	must(tb, err)
	_, rest, _ := strings.Cut(out, "lladdr ")
	mac, _, _ := strings.Cut(rest, " ")
	return mac
}
