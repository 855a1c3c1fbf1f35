package lab

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// TestAnotherDHCPServerIsLeftAlone has somebody's old router hand out addresses in the house.
func TestAnotherDHCPServerIsLeftAlone(t *testing.T) {
	t.Parallel()
	plan := twoTenants()
	plan.Clients[1].Name = "stray"
	h, err := Build(t.Context(), plan)
	must(t, err)
	t.Cleanup(h.Close)
	b, stray := h.Boxes[0], h.Devices[1]
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log:\n%s", b.Log())
		}
	})
	other, err := start(stray.space, h.dir+"/stray.log", "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--user=root", "--group=", "--pid-file=",
		"--log-facility=-", "--port=0", "--interface=eth0", "--bind-dynamic", "--no-ping", "--dhcp-leasefile="+h.dir+"/stray.leases",
		"--dhcp-range=192.168.1.70,192.168.1.79,1h", "--dhcp-option=option:router,192.168.1.1", "--dhcp-option=option:dns-server,192.168.1.1", "--domain=stray.example")
	must(t, err)
	t.Cleanup(other.kill)
	must(t, other.awaitLog(t.Context(), "started"))

	must(t, b.Start(t.Context(), built(t), served(quick())))
	says(t, b, "/api/v1/events", "Another DHCP server answers in the house: 192.168.1.60 (")
	await(t, b, "fibre carries", func(s Status) bool { return s.Active() == "fibre" })
	laptop := newTenant(t, h.Devices[0], "laptop")
	for range 3 {
		must(t, laptop.ask())
		if a := laptop.address.String(); !strings.HasPrefix(a, "192.168.1.7") {
			t.Errorf("both hand out addresses: %s", a)
		}
	}
	laptop.knows(publicName, publicAddress) // names are answered all the same
	says(t, b, "/api/v1/status", `"stranger":{"server":"192.168.1.60","mac":"`)

	other.kill()
	must(t, h.CutLAN("main")) // the owner pulls cables: it is looked at once, and not in a minute
	time.Sleep(time.Second)   // a cable that is in again within milliseconds was never out, to the daemon
	must(t, h.PlugLAN("main"))
	says(t, b, "/api/v1/events", "The other DHCP server in the house, 192.168.1.60, does not answer any more")
	must(t, laptop.ask())
	if a := laptop.address.String(); !strings.HasPrefix(a, "192.168.1.15") {
		t.Errorf("it is gone, and the house gets %s", a)
	}
}

// says waits until a router says something there: it looks in the house for seconds.
func says(t *testing.T, b *Box, path, phrase string) {
	t.Helper()
	var text []byte
	var err error
	for end := time.Now().Add(40 * time.Second); time.Now().Before(end); time.Sleep(10 * look) {
		if text, err = b.Get(t.Context(), path); err == nil && strings.Contains(string(text), phrase) {
			return
		}
	}
	t.Fatalf("not within 40 s at %s: %s (%v)\n%s", path, phrase, err, text)
}

// TestNamesAreRememberedWhileNoLineWorks: what has run out a moment ago is better than nothing while the house looks for a line.
func TestNamesAreRememberedWhileNoLineWorks(t *testing.T) {
	t.Parallel()
	h, b, d := home(t, tagged(Default()), served(quick()))
	await(t, b, "fibre carries", func(s Status) bool { return s.Active() == "fibre" })
	laptop := newTenant(t, d, "laptop")
	must(t, laptop.ask())
	laptop.knows("brief.quad9.net.", publicAddress) // good for a second
	must(t, h.Blackhole("fibre", Beyond))
	must(t, h.Blackhole("lte", Beyond))
	await(t, b, "no line works", func(s Status) bool { return s.All("down") })
	sleepUntil(time.Now().Add(time.Second))
	asked := time.Now()
	laptop.knows("brief.quad9.net.", publicAddress)
	t.Logf("with both lines dead a name that has run out is answered after %s", round(time.Since(asked)))
	if got, err := laptop.resolve("never-heard-of.quad9.net."); err == nil {
		t.Errorf("with both lines dead a name that nobody knows is %s", got)
	}
	laptop.knows("laptop.home.arpa.", laptop.address.String())
	must(t, h.Heal("lte"))
	must(t, h.Heal("fibre"))
	await(t, b, "a line works", func(s Status) bool { return s.Active() != "" && !s.All("down") })
	eventually(t, "what failed while no line worked is not remembered", func() bool {
		got, err := laptop.resolve("never-heard-of.quad9.net.")
		return err == nil && got == publicAddress
	})
}

// TestNamesAreAnsweredOverIPv6: at the router's own address on the link, and at the one that two routers share.
func TestNamesAreAnsweredOverIPv6(t *testing.T) {
	t.Parallel()
	const virtual = `
[[vrrp]]
name      = "lan"
id        = 51
addresses = ["192.168.1.254/24", "fe80::51/64"]
interval  = "100ms"
`
	_, b, d := home(t, tagged(Default()), served(quick())+virtual)
	await(t, b, "it is active", func(s Status) bool {
		return len(s.VRRP) == 2 && s.VRRP[0].State == "active" && s.VRRP[1].State == "active"
	})
	laptop := newTenant(t, d, "laptop")
	must(t, laptop.ask())
	must(t, ip(d.space, "addr add fe80::77/64 dev eth0 nodad")) // the lease's script has flushed the device's own
	var own netip.Addr
	var zone int
	must(t, b.space.Do(func() error {
		lan0, err := net.InterfaceByName("lan0")
		if err != nil {
			return err
		}
		all, err := lan0.Addrs()
		for _, a := range all {
			if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is6() && p.Addr().IsLinkLocalUnicast() && p.Addr() != netip.MustParseAddr("fe80::51") {
				own = p.Addr()
			}
		}
		return err
	}))
	must(t, d.space.Do(func() error {
		eth0, err := net.InterfaceByName("eth0")
		if err == nil {
			zone = eth0.Index
		}
		return err
	}))
	for what, at := range map[string]netip.Addr{"its own": own, "the shared": netip.MustParseAddr("fe80::51")} {
		r := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return d.Dial(ctx, "udp6", netip.AddrPortFrom(at.WithZone(fmt.Sprint(zone)), 53).String())
		}}
		eventually(t, "names are answered at "+what+" address "+at.String(), func() bool {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			got, err := r.LookupNetIP(ctx, "ip4", "laptop.home.arpa.")
			return err == nil && len(got) == 1 && got[0].Unmap() == laptop.address
		})
	}
}
