package advert

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mdlayher/ndp"

	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/vrrp"
)

// tester drives a Machine by a clock of its own. A packet or an event that nobody claims fails the test.
type tester struct {
	*Machine
	t      *testing.T
	clock  time.Time
	notes  []string
	booted time.Time
}

func newTester(t *testing.T, remembers ...mark) *tester {
	x := &tester{Machine: newMachine(noon, memory{remembers}, noDelay), t: t, clock: noon, booted: noon}
	t.Cleanup(func() { x.expect() })
	return x
}

// run lets time pass, with every step at its time.
func (x *tester) run(d time.Duration) {
	x.t.Helper()
	end := x.clock.Add(d)
	for range 10000 {
		x.step()
		next := x.Next(x.clock)
		if next.IsZero() || next.After(end) {
			x.clock = end
			return
		}
		if next.After(x.clock) {
			x.clock = next
		}
	}
	x.t.Fatalf("it never rests: next is %s at %s", x.Next(x.clock), x.clock)
}

func (x *tester) step() {
	for _, p := range x.Step(x.clock) {
		x.notes = append(x.notes, x.clock.Sub(x.booted).String()+" "+describe(x.t, p))
	}
	for _, e := range x.Events() {
		x.notes = append(x.notes, e.Sentence)
	}
}

// expect claims everything since the last time.
func (x *tester) expect(want ...string) {
	x.t.Helper()
	x.step()
	if !slices.Equal(x.notes, want) {
		x.t.Errorf("got\n%s\nwant\n%s", strings.Join(x.notes, "\n"), strings.Join(want, "\n"))
	}
	x.notes = nil
}

// describe is a packet in one line: "fe80::aa > ff02::1 router 3m0s, 2001:db8:f00::/64 45m0s/1h30m0s".
func describe(t *testing.T, p Packet) string {
	t.Helper()
	m, err := ndp.ParseMessage(p.Message)
	if err != nil {
		t.Fatalf("%v in %x", err, p.Message)
	}
	ra, ok := m.(*ndp.RouterAdvertisement)
	if !ok {
		return fmt.Sprintf("%s > %s who is there?", p.From, p.To)
	}
	out := fmt.Sprintf("%s > %s router %s", p.From, p.To, ra.RouterLifetime)
	for _, o := range ra.Options {
		if i, ok := o.(*ndp.PrefixInformation); ok {
			out += fmt.Sprintf(", %s/%d %s/%s", i.Prefix, i.PrefixLength, i.PreferredLifetime, i.ValidLifetime)
		}
	}
	return out
}

func (x *tester) wants(cfg router.Config, snap *router.Snapshot) {
	x.t.Helper()
	x.Want(x.clock, For(cfg, house(), snap))
}

// solicits lets a device ask.
func (x *tester) solicits(from, mac string) {
	x.t.Helper()
	m := &ndp.RouterSolicitation{}
	if mac != "" {
		m.Options = []ndp.Option{&ndp.LinkLayerAddress{Direction: ndp.Source, Addr: hardware(x.t, mac)}}
	}
	x.hears(from, m)
}

// announces lets another router speak.
func (x *tester) announces(from, mac string, life time.Duration, told ...Told) {
	x.t.Helper()
	x.hears(from, Advert{Life: life, Prefixes: told, MAC: hardware(x.t, mac)}.message())
}

func (x *tester) hears(from string, m ndp.Message) {
	x.t.Helper()
	raw, err := ndp.MarshalMessage(m)
	must(x.t, err)
	x.Hear(x.clock, Heard{From: address(from), Message: raw})
}

func hardware(t *testing.T, s string) net.HardwareAddr {
	t.Helper()
	mac, err := net.ParseMAC(s)
	must(t, err)
	return mac
}

const (
	f  = "2001:db8:f00::/64"
	l  = "2001:db8:17e::/64"
	pp = "2001:db8:99::/64" // of the other router
)

func TestAShoutThenNowAndThen(t *testing.T) {
	x := newTester(t)
	x.wants(alone(), with(line("fibre", fibre, true)))
	x.run(2 * time.Second)
	x.expect(
		"0s fe80::aa > ff02::1 router 3m0s, "+f+" 45m0s/1h30m0s",
		"500ms fe80::aa > ff02::1 router 3m0s, "+f+" 45m0s/1h30m0s",
		"1.5s fe80::aa > ff02::1 router 3m0s, "+f+" 45m0s/1h30m0s",
	)
	x.run(time.Minute)
	x.expect("31.5s fe80::aa > ff02::1 router 3m0s, "+f+" 45m0s/1h30m0s", "1m1.5s fe80::aa > ff02::1 router 3m0s, "+f+" 45m0s/1h30m0s")
	x.run(time.Hour)
	last := x.notes[len(x.notes)-1]
	x.notes = nil
	if want := " router 3m0s, " + f + " 28m58s/58m58s"; !strings.HasSuffix(last, want) {
		t.Errorf("after an hour: %s, want %s: it counts down", last, want)
	}
}

func TestAHouseWithoutIPv6HearsNothing(t *testing.T) {
	x := newTester(t)
	x.wants(alone(), with(router.WANSnapshot{Name: "fibre", Active: true}))
	x.solicits("fe80::1:1", "02:00:00:00:01:01")
	x.solicits("::", "")
	x.run(time.Hour)
	x.expect()
}

func TestAFailoverDeprecatesAtOnce(t *testing.T) {
	for name, c := range map[string]struct {
		backup []router.WANSnapshot
		want   string
	}{
		"backup with IPv6":    {[]router.WANSnapshot{line("fibre", fibre, false), line("lte", lte, true)}, "router 3m0s, " + f + " 0s/1h29m50s, " + l + " 45m0s/1h30m0s"},
		"backup without":      {[]router.WANSnapshot{line("fibre", fibre, false)}, "router 0s, " + f + " 0s/1h29m50s"},
		"the lease went with": {nil, "router 0s, " + f + " 0s/1h29m50s"}, // what devices heard last counts
	} {
		t.Run(name, func(t *testing.T) {
			x := newTester(t)
			home := line("fibre", fibre, true)
			home.Lease6.Prefixes[0].Valid = noon.Add(90 * time.Minute)
			for i := range c.backup {
				if c.backup[i].Name == "fibre" {
					c.backup[i].Lease6 = home.Lease6
				}
			}
			x.wants(alone(), with(home))
			x.run(10 * time.Second)
			x.notes = nil
			x.wants(alone(), with(c.backup...))
			x.expect("10s fe80::aa > ff02::1 " + c.want)
		})
	}
}

func TestALineThatFlapsDoesNotFlood(t *testing.T) {
	x := newTester(t)
	for i := range 100 {
		x.wants(alone(), with(line("fibre", fibre, i%2 == 0)))
		x.run(20 * time.Millisecond)
	}
	if n := len(x.notes); n > 9 || n < 5 {
		t.Errorf("%d adverts in two seconds", n)
	}
	x.notes = nil
}

func TestWhoAsksIsAnswered(t *testing.T) {
	x := newTester(t)
	x.wants(alone(), with(line("fibre", fibre, true)))
	x.run(10 * time.Second)
	x.notes = nil
	x.solicits("fe80::1:1", "02:00:00:00:01:01")
	x.solicits("fe80::1:2", "02:00:00:00:01:02")
	x.solicits("fe80::1:1", "02:00:00:00:01:01")
	answer := " router 3m0s, " + f + " 45m0s/1h30m0s"
	x.expect("10s fe80::aa > fe80::1:1"+answer, "10s fe80::aa > fe80::1:2"+answer)

	x.solicits("::", "") // nobody to answer to
	x.expect("10s fe80::aa > ff02::1" + answer)
	x.solicits("::", "")
	x.run(5 * time.Second)
	x.expect("13s fe80::aa > ff02::1" + answer) // not sooner than three seconds after the one before
	for i := range 100 {
		x.solicits(fmt.Sprintf("fe80::2:%x", i), fmt.Sprintf("02:00:00:00:02:%02x", i))
	}
	x.run(5 * time.Second)
	if len(x.notes) > askers+1 {
		t.Errorf("a hundred devices get %d adverts", len(x.notes))
	}
	x.notes = nil
}

func TestARestartIsNotFelt(t *testing.T) {
	x := newTester(t, mark{prefix(f), noon.Add(time.Hour), true})
	x.wants(alone(), with(router.WANSnapshot{Name: "fibre", Active: true})) // which has not spoken yet
	x.solicits("fe80::1:1", "02:00:00:00:01:01")
	x.run(3 * time.Second)
	x.expect()
	x.wants(alone(), with(line("fibre", fibre, true)))
	x.expect("3s fe80::aa > ff02::1 router 3m0s, " + f + " 45m0s/1h30m0s")
}

// A failover in the first seconds of a daemon is none of a line that has not spoken yet.
func TestTheMomentOfAStartDelaysNoFailover(t *testing.T) {
	x := newTester(t, mark{prefix(f), noon.Add(time.Hour), true})
	x.wants(alone(), with(line("fibre", fibre, true)))
	x.run(time.Second)
	x.notes = nil
	x.wants(alone(), with(line("fibre", fibre, false)))
	x.expect("1s fe80::aa > ff02::1 router 0s, " + f + " 0s/1h30m0s")

	x = newTester(t)
	x.wants(paired(), elected(vrrp.Backup, vrrp.Backup))
	x.announces(virtual, peerMAC, 3*time.Minute, Told{prefix(pp), 45 * time.Minute, 90 * time.Minute})
	x.run(time.Second)
	x.wants(paired(), elected(vrrp.Active, vrrp.Active))
	x.expect("1s fe80::5:1 > ff02::1 router 0s, " + pp + " 0s/1h29m59s")
}

func TestAPrefixThatNeverComesBackIsRetired(t *testing.T) {
	x := newTester(t, mark{prefix(f), noon.Add(time.Hour), true})
	x.wants(alone(), with(router.WANSnapshot{Name: "fibre", Active: true}))
	x.run(grace)
	x.expect("10s fe80::aa > ff02::1 router 0s, " + f + " 0s/59m50s")
	x.run(2 * time.Hour)
	last := x.notes[len(x.notes)-1]
	x.notes = nil
	if !strings.HasPrefix(last, "59m") {
		t.Errorf("the last advert is %q: want one before everybody has forgotten it, and none after", last)
	}
}

func TestAnotherPrefixAfterAReboot(t *testing.T) {
	x := newTester(t, mark{prefix(pp), noon.Add(time.Hour), true})
	x.wants(alone(), with(line("fibre", fibre, true)))
	x.expect("0s fe80::aa > ff02::1 router 3m0s, " + f + " 45m0s/1h30m0s, " + pp + " 0s/1h0m0s")
}

func TestARouterThatStopsServingSaysGoodBye(t *testing.T) {
	cfg := paired()
	cfg.VRRP[0].Addresses = cfg.VRRP[0].Addresses[:1] // no virtual address of IPv6
	x := newTester(t)
	x.wants(cfg, elected(vrrp.Active, vrrp.Unknown, line("fibre", fibre, true)))
	x.run(10 * time.Second)
	x.notes = nil
	x.wants(cfg, elected(vrrp.Backup, vrrp.Unknown, line("fibre", fibre, true)))
	x.run(time.Minute)
	bye := " fe80::aa > ff02::1 router 0s, " + f + " 0s/1h30m0s"
	const question = " fe80::aa > ff02::2 who is there?"
	x.expect("10s"+bye, "10s"+question, "10.5s"+bye, "11.5s"+bye, "14s"+question, "18s"+question)
}

func TestSwitchedOffItSaysGoodBye(t *testing.T) {
	x := newTester(t)
	x.wants(alone(), with(line("fibre", fibre, true)))
	x.run(10 * time.Second)
	x.notes = nil
	x.Want(x.clock, Wanted{})
	x.expect("10s fe80::aa > ff02::1 router 0s, " + f + " 0s/1h30m0s")
	x.run(2 * time.Second)
	x.notes = nil
}

func TestTheVirtualAddressSaysNoGoodBye(t *testing.T) {
	x := newTester(t)
	x.wants(paired(), elected(vrrp.Active, vrrp.Active, line("fibre", fibre, true)))
	x.run(10 * time.Second)
	x.notes = nil
	x.wants(paired(), elected(vrrp.Backup, vrrp.Backup, line("fibre", fibre, true)))
	x.announces(virtual, peerMAC, 3*time.Minute)
	x.run(time.Hour)
	x.expect()
}

// The other router has power, a line and the address; then it has none.
func TestTheNewActiveRetiresWhatTheOtherAnnounced(t *testing.T) {
	theirs := Told{prefix(pp), 45 * time.Minute, 90 * time.Minute}
	for name, c := range map[string]struct {
		lines []router.WANSnapshot
		want  string
	}{
		"without IPv6":     {nil, "router 0s, " + pp + " 0s/1h29m0s"},
		"with its own":     {[]router.WANSnapshot{line("lte", lte, true)}, "router 3m0s, " + l + " 45m0s/1h30m0s, " + pp + " 0s/1h29m0s"},
		"with one in need": {[]router.WANSnapshot{line("lte", lte, false)}, "router 0s, " + l + " 0s/1h30m0s, " + pp + " 0s/1h29m0s"},
	} {
		t.Run(name, func(t *testing.T) {
			x := newTester(t)
			x.wants(paired(), elected(vrrp.Backup, vrrp.Backup, c.lines...))
			x.announces(virtual, peerMAC, 3*time.Minute, theirs)
			x.run(time.Minute)
			x.expect()
			if !x.unsaved {
				t.Error("nothing is kept for a restart")
			}
			x.wants(paired(), elected(vrrp.Active, vrrp.Active, c.lines...))
			x.expect("1m0s fe80::5:1 > ff02::1 " + c.want)
			x.run(2 * time.Second)
			x.notes = nil
			if v := x.View(x.clock); !slices.Contains(v.Retired, pp) || v.Router6 != virtual {
				t.Errorf("the page shows %+v", v)
			}
		})
	}
}

func TestWithoutACableOrAnAddressItWaits(t *testing.T) {
	x := newTester(t)
	h := house()
	h.Carrier = false
	x.Want(x.clock, For(alone(), h, with(line("fibre", fibre, true))))
	x.run(time.Minute)
	h.Carrier, h.Own = true, netip.Addr{}
	x.Want(x.clock, For(alone(), h, with(line("fibre", fibre, true))))
	x.run(time.Minute)
	x.expect()
	x.wants(alone(), with(line("fibre", fibre, true)))
	x.expect("2m0s fe80::aa > ff02::1 router 3m0s, " + f + " 45m0s/1h30m0s")
}

// Every name and every number of prefixes that a house can have fits into the smallest packet.
func TestEveryAdvertCanBeSent(t *testing.T) {
	label := strings.Repeat("a", 63)
	for size := range 253 {
		a := Advert{Life: routerLife, MTU: 1280, DNS: address(own), DNSLife: routerLife, MAC: hardware(t, lanMAC)}
		a.Domain = strings.Trim(strings.Join([]string{label, label, label, label}, ".")[:size], ".")
		for i := range remembered + 1 {
			a.Prefixes = append(a.Prefixes, Told{prefix(fmt.Sprintf("2001:db8:%x::/64", i)), time.Hour, time.Hour})
		}
		p := packet(a, address(own), a.MAC, everybody(), nil)
		if n := len(p.Message); n == 0 || n > 1280-40 {
			t.Fatalf("%d bytes with a domain of %d", n, size)
		}
		describe(t, p)
	}
}

func FuzzHear(f *testing.F) {
	raw, err := ndp.MarshalMessage(Advert{Life: time.Hour, Prefixes: []Told{{prefix(pp), time.Hour, time.Hour}}}.message())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte{133, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, message []byte) {
		m := newMachine(noon, memory{}, noDelay)
		m.Want(noon, For(paired(), house(), elected(vrrp.Active, vrrp.Active, line("fibre", fibre, true))))
		m.Step(noon)
		for _, from := range []string{virtual, "fe80::dead", "::"} {
			m.Hear(noon, Heard{From: address(from), Message: message})
		}
		for _, p := range m.Step(noon.Add(time.Second)) {
			describe(t, p)
		}
		for _, k := range m.memory.all {
			if k.Until.After(noon.Add(longest)) {
				t.Errorf("%s is remembered until %s", k.Prefix, k.Until)
			}
		}
	})
}
