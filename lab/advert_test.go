package lab

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The networks of the two providers.
var (
	fibre6 = netip.MustParsePrefix("2001:db8:f::/48")
	lte6   = netip.MustParsePrefix("2001:db8:e::/48")
)

// sixfold is a home whose providers have IPv6: both, or the first alone.
func sixfold(h Home, both bool) Home {
	h = tagged(h)
	h.ISPs[0].IPv6 = fibre6.String()
	if both {
		h.ISPs[1].IPv6 = lte6.String()
	}
	return h
}

// leads returns the router that a device sends IPv6 to; empty: it has none.
func (d *Device) leads() string {
	out, _ := d.Run("ip -6 route show default")
	_, rest, _ := strings.Cut(out, "default via ")
	via, _, _ := strings.Cut(rest, " ")
	return via
}

// leaves reports whether a device has an address in a network that it does not use for new connections.
func (d *Device) leaves(network netip.Prefix) bool {
	all, _ := d.Addresses6()
	for _, a := range all {
		if network.Contains(a.Address) {
			return a.Deprecated
		}
	}
	return false
}

// turns waits until it is so, and returns how long that took. The limit is what only a fault takes.
func turns(tb testing.TB, d *Device, what string, is func() bool) time.Duration {
	tb.Helper()
	start := time.Now()
	for !is() {
		if time.Since(start) > 30*time.Second {
			addresses, _ := d.Run("ip -6 addr show dev eth0")
			tb.Fatalf("never: %s\nrouter %q\n%s", what, d.leads(), addresses)
		}
		time.Sleep(10 * time.Millisecond)
	}
	return time.Since(start).Round(time.Millisecond)
}

// The dead prefix is left within a second of the switch, for the backup's or for none.
func TestAFailoverIsAnnounced(t *testing.T) {
	t.Parallel()
	for _, both := range []bool{true, false} {
		t.Run(fmt.Sprintf("backup with IPv6: %t", both), func(t *testing.T) {
			t.Parallel()
			h, b, laptop := home(t, sixfold(Default(), both), quick())
			turns(t, laptop, "it uses fibre's prefix", func() bool { return laptop.Preferred6(fibre6).IsValid() && laptop.leads() != "" })
			if both {
				turns(t, laptop, "it has lte's at hand", func() bool { return laptop.leaves(lte6) })
			}
			must(t, h.Blackhole("fibre", Beyond))
			await(t, b, "lte carries", func(s Status) bool { return s.Active() == "lte" })
			took := turns(t, laptop, "it leaves fibre's prefix", func() bool {
				return laptop.leaves(fibre6) && laptop.Preferred6(lte6).IsValid() == both
			})
			t.Logf("after the switch the house knew within %s", took)
			if took > time.Second {
				t.Errorf("it took %s, want 1 s at most", took)
			}
			// The router stays until the connections of before have been told, and meanwhile refuses new ones.
			turns(t, laptop, "it has no IPv6 router without IPv6", func() bool { return (laptop.leads() != "") == both })
			must(t, h.Heal("fibre"))
			turns(t, laptop, "it is back", func() bool {
				return laptop.Preferred6(fibre6).IsValid() && !laptop.Preferred6(lte6).IsValid() && laptop.leads() != ""
			})
		})
	}
}

// A power cut, and the provider gives another prefix afterwards: what devices still have is retired.
func TestAfterAPowerCutWithAnotherPrefix(t *testing.T) {
	t.Parallel()
	h, b, laptop := home(t, sixfold(Default(), false), quick())
	turns(t, laptop, "it uses fibre's prefix", func() bool { return laptop.Preferred6(fibre6).IsValid() })
	eventually(t, "that is kept", func() bool {
		text, _ := os.ReadFile(filepath.Join(b.State(), "advert.json"))
		return strings.Contains(string(text), "2001:db8:f:")
	})
	must(t, h.PowerOff("main"))
	must(t, h.Renumber6(t.Context(), "fibre", lte6.String()))
	must(t, h.PowerOn("main"))
	must(t, b.Restart(t.Context()))
	turns(t, laptop, "it uses the new prefix", func() bool { return laptop.Preferred6(lte6).IsValid() })
	turns(t, laptop, "it leaves the old one", func() bool { return laptop.leaves(fibre6) })
}

// A daemon that starts again is not felt: no device is told to leave what it has.
func TestARestartRetiresNothing(t *testing.T) {
	t.Parallel()
	_, b, laptop := home(t, sixfold(Default(), false), quick())
	turns(t, laptop, "it uses fibre's prefix", func() bool { return laptop.Preferred6(fibre6).IsValid() && laptop.leads() != "" })
	must(t, b.Kill())
	must(t, b.Restart(t.Context()))
	for end := time.Now().Add(4 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if !laptop.Preferred6(fibre6).IsValid() || laptop.leads() == "" {
			t.Fatal("the laptop was told to leave")
		}
	}
}

// A device that comes asks, and need not wait for the next advert, which may take a minute.
func TestADeviceThatComesIsAnswered(t *testing.T) {
	t.Parallel()
	_, _, laptop := home(t, sixfold(Default(), false), quick())
	turns(t, laptop, "it uses fibre's prefix", func() bool { return laptop.Preferred6(fibre6).IsValid() })
	time.Sleep(2 * time.Second) // what news cause is over
	must(t, ip(laptop.space, "link set eth0 down"))
	must(t, ip(laptop.space, "link set eth0 up"))
	took := turns(t, laptop, "it has its address again", func() bool { return laptop.Preferred6(fibre6).IsValid() && laptop.leads() != "" })
	t.Logf("a device that comes has IPv6 after %s", took)
	if took > 10*time.Second {
		t.Errorf("it took %s: nobody answered", took)
	}
}

// sharedRouter is the link-local address that the routers of a pair share.
const sharedRouter = "fe80::5:1"

// sixPair is the config of a router of a pair whose IPv6 moves along.
func sixPair(router string) string {
	return strings.Replace(quickPair(router), `["192.168.1.1/24"]`, `["192.168.1.1/24", "`+sharedRouter+`/64"]`, 1)
}

// The router of the house has no power any more: devices keep their router's address, and leave its prefix.
func TestAPairAnnouncesAsOne(t *testing.T) {
	t.Parallel()
	for _, both := range []bool{true, false} {
		t.Run(fmt.Sprintf("backup with IPv6: %t", both), func(t *testing.T) {
			t.Parallel()
			h, err := Build(t.Context(), sixfold(Pair(), both))
			must(t, err)
			t.Cleanup(h.Close)
			must(t, startPair(t.Context(), h, built(t), sixPair))
			laptop, backup := h.Devices[0], h.Boxes[1]
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("log of backup:\n%s", backup.Log())
				}
			})
			turns(t, laptop, "it uses fibre's prefix", func() bool { return laptop.Preferred6(fibre6).IsValid() && laptop.leads() == sharedRouter })
			turns(t, laptop, "the backup has heard it", func() bool {
				text, _ := os.ReadFile(filepath.Join(backup.State(), "advert.json"))
				return strings.Contains(string(text), "2001:db8:f:")
			})
			must(t, h.PowerOff("main"))
			await(t, backup, "the backup serves", func(s Status) bool { return elections(s) == 2 })
			took := turns(t, laptop, "it leaves what main announced", func() bool {
				want := ""
				if both {
					want = sharedRouter
				}
				return laptop.leaves(fibre6) && laptop.leads() == want
			})
			more := turns(t, laptop, "it takes the backup's prefix", func() bool { return laptop.Preferred6(lte6).IsValid() == both })
			t.Logf("after the take-over the house knew within %s; an address of the backup's took %s more, most of it to make sure that nobody has it", took, more)
			if took > time.Second {
				t.Errorf("it took %s, want 1 s at most", took)
			}
		})
	}
}

// A pair that shares no IPv6 address: devices leave the router without power for the other one, which says good-bye in its name.
func TestAPairWithoutASharedIPv6Address(t *testing.T) {
	t.Parallel()
	h, err := Build(t.Context(), sixfold(Pair(), true))
	must(t, err)
	t.Cleanup(h.Close)
	must(t, startPair(t.Context(), h, built(t), quickPair))
	laptop, backup := h.Devices[0], h.Boxes[1]
	turns(t, laptop, "it uses fibre's prefix", func() bool { return laptop.Preferred6(fibre6).IsValid() && laptop.leads() != "" })
	main := laptop.leads()
	turns(t, laptop, "the backup has heard it", func() bool {
		text, _ := os.ReadFile(filepath.Join(backup.State(), "advert.json"))
		return strings.Contains(string(text), "2001:db8:f:")
	})
	must(t, h.PowerOff("main"))
	await(t, backup, "the backup serves", func(s Status) bool { return elections(s) == 1 })
	took := turns(t, laptop, "it leaves the router without power", func() bool {
		via := laptop.leads()
		return laptop.leaves(fibre6) && via != "" && via != main
	})
	t.Logf("after the take-over the house knew within %s", took)
	if took > time.Second {
		t.Errorf("it took %s, want 1 s at most", took)
	}
	if text, err := backup.Get(t.Context(), "/api/v1/events"); err != nil || strings.Contains(string(text), "Another router") {
		t.Errorf("the routers of a pair are strangers to each other: %s, %v", text, err)
	}
}

// With an Ethernet address that moves along no device has to learn anything but the prefix.
func TestAPairWithAVirtualEthernetAddress(t *testing.T) {
	t.Parallel()
	h, err := Build(t.Context(), sixfold(Pair(), true))
	must(t, err)
	t.Cleanup(h.Close)
	must(t, startPair(t.Context(), h, built(t), func(router string) string {
		return strings.Replace(sixPair(router), "[[vrrp]]\n", "[[vrrp]]\nvirtual_mac = true\n", 1)
	}))
	laptop, backup := h.Devices[0], h.Boxes[1]
	neighbour := func() string { out, _ := laptop.Run("ip -6 neighbor show " + sharedRouter); return out }
	turns(t, laptop, "it uses fibre's prefix", func() bool { return laptop.Preferred6(fibre6).IsValid() && laptop.leads() == sharedRouter })
	turns(t, laptop, "the router has its own Ethernet address", func() bool { return strings.Contains(neighbour(), "00:00:5e:00:02:33 router") })
	must(t, h.PowerOff("main"))
	await(t, backup, "the backup serves", func(s Status) bool { return elections(s) == 2 })
	turns(t, laptop, "it leaves what main announced", func() bool { return laptop.leaves(fibre6) && laptop.leads() == sharedRouter })
	turns(t, laptop, "IPv6 works by the backup", func() bool {
		from, err := laptop.Seen6(t.Context())
		return err == nil && lte6.Contains(from)
	})
	if !strings.Contains(neighbour(), "00:00:5e:00:02:33") {
		t.Errorf("the router is now %s", neighbour())
	}
}

// resolves6 asks the resolver at a link-local address for a name of the house.
func (d *Device) resolves6(ctx context.Context, server string) error {
	out, err := d.Run("ip -o link show dev eth0")
	if err != nil {
		return err
	}
	index, _, _ := strings.Cut(out, ":") // its name would be looked up in the machine's own network
	r := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return d.Dial(ctx, "udp6", "["+server+"%"+strings.TrimSpace(index)+"]:53")
	}}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	_, err = r.LookupNetIP(ctx, "ip4", "nas.home.arpa.")
	return err
}

// The resolver that adverts name answers, also on the router that has just taken over.
func TestTheAnnouncedResolverAnswers(t *testing.T) {
	t.Parallel()
	h, err := Build(t.Context(), sixfold(Pair(), false))
	must(t, err)
	t.Cleanup(h.Close)
	must(t, startPair(t.Context(), h, built(t), func(router string) string { return served(sixPair(router)) }))
	laptop, backup := h.Devices[0], h.Boxes[1]
	turns(t, laptop, "it has the shared router", func() bool { return laptop.leads() == sharedRouter })
	turns(t, laptop, "that answers names", func() bool { return laptop.resolves6(t.Context(), sharedRouter) == nil })
	must(t, h.PowerOff("main"))
	await(t, backup, "the backup serves", func(s Status) bool { return elections(s) == 2 })
	took := turns(t, laptop, "the other one answers names", func() bool { return laptop.resolves6(t.Context(), sharedRouter) == nil })
	t.Logf("names by IPv6 %s after the take-over", took)
}

// elections is how many a router has won.
func elections(s Status) (won int) {
	for _, e := range s.VRRP {
		if e.State == "active" {
			won++
		}
	}
	return won
}
