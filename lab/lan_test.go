package lab

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/lan"
)

// serving is what makes a router's configuration one that hands out addresses and names.
const serving = `dhcp = { range = ["192.168.1.150", "192.168.1.159"], lease = "1h" }
dns  = { domain = "home.arpa" }

[[lan.host]]
mac     = "02:00:00:00:00:10"
address = "192.168.1.10"
name    = "nas"

[[wan]]
`

// served is a configuration whose router serves its house.
func served(config string) string { return strings.Replace(config, "[[wan]]\n", serving, 1) }

// tenant is a device that asks for everything: its address by udhcpc, names of the resolver it is told.
type tenant struct {
	*Device
	t        testing.TB
	name     string
	address  netip.Addr
	gateway  netip.Addr
	resolver netip.Addr
	domain   string
}

func newTenant(t testing.TB, d *Device, name string) *tenant {
	return &tenant{Device: d, t: t, name: name}
}

// ask gets an address, or none within a few seconds.
func (n *tenant) ask() error {
	n.t.Helper()
	script := filepath.Join(n.t.TempDir(), "lease")
	must(n.t, os.WriteFile(script, []byte(`#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr flush dev eth0
ip addr add "$ip/$mask" dev eth0
ip route replace default via "$router"
echo "bound: $ip $router $dns $domain"
`), 0o700))
	n.address = netip.Addr{}
	_, err := n.Run("ip addr flush dev eth0")
	must(n.t, err)
	out, err := n.Run(fmt.Sprintf("busybox udhcpc -f -q -n -t 12 -T 1 -i eth0 -x hostname:%s -s %s", n.name, script))
	if err != nil {
		return err
	}
	_, lease, _ := strings.Cut(out, "bound: ")
	var texts [3]string
	if _, err := fmt.Sscan(lease, &texts[0], &texts[1], &texts[2], &n.domain); err != nil {
		return fmt.Errorf("%w in %q", err, out)
	}
	for i, a := range []*netip.Addr{&n.address, &n.gateway, &n.resolver} {
		*a = netip.MustParseAddr(texts[i])
	}
	return nil
}

// resolve asks the resolver of the lease for a whole name, once.
func (n *tenant) resolve(name string) (string, error) {
	r := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return n.Dial(ctx, "udp4", netip.AddrPortFrom(n.resolver, 53).String())
	}}
	ctx, cancel := context.WithTimeout(n.t.Context(), 2*time.Second)
	defer cancel()
	all, err := r.LookupNetIP(ctx, "ip4", name)
	return strings.Trim(fmt.Sprint(all), "[]"), err
}

func (n *tenant) knows(name, address string) {
	n.t.Helper()
	if got, err := n.resolve(name); err != nil || got != address {
		n.t.Errorf("%s is %q (%v), want %s", name, got, err, address)
	}
}

// asked counts a provider's queries from now on, and returns how to read the count.
func asked(t testing.TB, h *House, isp string) func() int {
	t.Helper()
	l, err := h.Line(isp)
	must(t, err)
	_, err = l.space.Feed("nft -f -", `
table ip asked {
	counter names { }
	chain input {
		type filter hook input priority 0;
		udp dport 53 counter name names
	}
}`)
	must(t, err)
	return func() int {
		n, err := counter(l.space, "asked", "names")
		must(t, err)
		return n
	}
}

// dnsmasqs are the box's that serve the house.
func dnsmasqs(t testing.TB, b *Box) (pids []int) {
	t.Helper()
	all, err := b.processes()
	must(t, err)
	for _, pid := range all {
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err == nil && slices.ContainsFunc(bytes.Split(line, []byte{0}), func(word []byte) bool {
			return string(word) == "--dhcp-leasefile="+lan.Leases(b.State())
		}) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// tagged is a home that stands beside others.
func tagged(h Home) Home {
	h.Tag = fmt.Sprintf("l%d-", tags.Add(1))
	return h
}

// twoTenants is the Default home with a second device.
func twoTenants() Home {
	h := tagged(Default())
	h.Clients = append(h.Clients, Client{Name: "nas", Address: "192.168.1.60/24", Gateway: "192.168.1.1"})
	return h
}

func TestTheHouseGetsAddressesAndNames(t *testing.T) {
	t.Parallel()
	h, b, _ := home(t, twoTenants(), served(quick()))
	laptop, nas := newTenant(t, h.Devices[0], "laptop"), newTenant(t, h.Devices[1], "ignored")

	must(t, laptop.ask())
	if a := laptop.address; a.Less(netip.MustParseAddr("192.168.1.150")) || netip.MustParseAddr("192.168.1.159").Less(a) {
		t.Errorf("address %s is not in the range", a)
	}
	if laptop.gateway != PairGateway || laptop.resolver != PairGateway || laptop.domain != "home.arpa" {
		t.Errorf("told gateway %s, resolver %s, domain %s", laptop.gateway, laptop.resolver, laptop.domain)
	}
	_, err := nas.Run("ip link set eth0 address 02:00:00:00:00:10")
	must(t, err)
	must(t, nas.ask())
	if nas.address != netip.MustParseAddr("192.168.1.10") {
		t.Errorf("the fixed host got %s", nas.address)
	}
	await(t, b, "fibre carries", func(s Status) bool { return s.Active() == "fibre" })

	fibre, lte := asked(t, h, "fibre"), asked(t, h, "lte")
	for name, address := range map[string]string{
		"laptop.home.arpa.": laptop.address.String(), "nas.home.arpa.": "192.168.1.10",
		"main.home.arpa.": "192.168.1.1", "twinpath.home.arpa.": "192.168.1.1", publicName: publicAddress,
	} {
		nas.knows(name, address)
	}
	if fibre() == 0 || lte() > 0 {
		t.Errorf("fibre's resolver was asked %d times, that of the idle line %d times", fibre(), lte())
	}
	if got, err := laptop.resolve("rebind.example."); err == nil {
		t.Errorf("a name from outside leads to %s, an address that is no host's on the Internet", got)
	}
	if got, err := laptop.resolve("nobody.home.arpa."); err == nil {
		t.Errorf("an unknown name of the house is %s", got)
	}
	if dnsmasqs(t, b) == nil {
		t.Error("nothing of ours serves the house")
	}
}

func TestNamesFollowTheLine(t *testing.T) {
	t.Parallel()
	h, b, d := home(t, tagged(Default()), served(quick()))
	await(t, b, "fibre carries", func(s Status) bool { return s.Active() == "fibre" })
	laptop := newTenant(t, d, "laptop")
	must(t, laptop.ask())
	laptop.knows(publicName, publicAddress)
	before := dnsmasqs(t, b)
	lte := asked(t, h, "lte")
	must(t, h.Cut("main", "fibre"))
	await(t, b, "lte carries", func(s Status) bool { return s.Active() == "lte" })
	laptop.knows(publicName, publicAddress)
	if n := lte(); n > 0 {
		t.Errorf("what was known before the switch is asked again: %d queries", n)
	}
	eventually(t, "other names resolve by the other line", func() bool {
		got, err := laptop.resolve("fresh.quad9.net.")
		return err == nil && got == publicAddress
	})
	if lte() == 0 {
		t.Error("nobody has asked the other line's resolver")
	}
	laptop.knows("laptop.home.arpa.", laptop.address.String())
	if after := dnsmasqs(t, b); len(before) != 1 || !slices.Equal(before, after) {
		t.Errorf("the resolver %v became %v: a change of servers is no reason to start it anew", before, after)
	}
}

func TestAKilledDaemonLeavesOneResolver(t *testing.T) {
	t.Parallel()
	_, b, d := home(t, tagged(Default()), served(quick()))
	laptop := newTenant(t, d, "laptop")
	must(t, laptop.ask())
	left := dnsmasqs(t, b)
	if len(left) != 1 {
		t.Fatalf("%v serve the house, want one", left)
	}
	must(t, b.Kill())
	if now := dnsmasqs(t, b); !slices.Equal(now, left) {
		t.Errorf("with the daemon gone the resolver %v became %v", left, now)
	}
	must(t, b.Restart(t.Context()))
	var now []int
	eventually(t, "another resolver instead of the one that was left", func() bool {
		now = dnsmasqs(t, b)
		return len(now) == 1 && now[0] != left[0]
	})
	eventually(t, "it knows the lease of before", func() bool {
		got, err := laptop.resolve("laptop.home.arpa.")
		return err == nil && got == laptop.address.String()
	})
	must(t, b.Stop())
	if now := dnsmasqs(t, b); len(now) > 0 {
		t.Errorf("%v are left after a clean stop", now)
	}
}

func TestAnotherRangeKeepsTheLeases(t *testing.T) {
	t.Parallel()
	h, b, _ := home(t, twoTenants(), served(quick()))
	old, young := newTenant(t, h.Devices[0], "old"), newTenant(t, h.Devices[1], "young")
	must(t, old.ask())
	wider := strings.Replace(served(quick()), `"192.168.1.150", "192.168.1.159"`, `"192.168.1.120", "192.168.1.129"`, 1)
	must(t, os.WriteFile(b.Config(), []byte(wider), 0o600))
	before := dnsmasqs(t, b)
	must(t, b.Reload())
	eventually(t, "another process serves the new range", func() bool {
		now := dnsmasqs(t, b)
		return len(now) == 1 && !slices.Equal(now, before)
	})
	eventually(t, "the new range is handed out", func() bool {
		if err := young.ask(); err != nil {
			return false
		}
		return !young.address.Less(netip.MustParseAddr("192.168.1.120")) && young.address.Less(netip.MustParseAddr("192.168.1.130"))
	})
	young.knows("old.home.arpa.", old.address.String())
}

func TestOnlyTheActiveOfAPairServesTheHouse(t *testing.T) {
	t.Parallel()
	h, err := Build(t.Context(), tagged(Pair()))
	must(t, err)
	t.Cleanup(h.Close)
	must(t, startPair(t.Context(), h, built(t), func(router string) string { return served(PairConfig(router)) }))
	first, second, laptop := h.Boxes[0], h.Boxes[1], newTenant(t, h.Devices[0], "laptop")
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("main:\n%s\nbackup:\n%s", first.Log(), second.Log())
		}
	})
	active := func(s Status) bool { return len(s.VRRP) == 1 && s.VRRP[0].State == "active" }
	await(t, first, "main is active", active)
	must(t, laptop.ask())
	if laptop.gateway != PairGateway || laptop.resolver != PairGateway {
		t.Errorf("told gateway %s, resolver %s, want the virtual address", laptop.gateway, laptop.resolver)
	}
	laptop.knows("twinpath.home.arpa.", PairGateway.String())
	laptop.knows("main.home.arpa.", "192.168.1.2")
	if idle := dnsmasqs(t, second); len(idle) > 0 {
		t.Errorf("the backup serves the house too: %v", idle)
	}
	address := laptop.address
	must(t, h.CutLAN("main"))
	await(t, second, "backup is active", active)
	eventually(t, "names resolve by the other router", func() bool {
		got, err := laptop.resolve(publicName)
		return err == nil && got == publicAddress
	})
	must(t, laptop.ask())
	if laptop.address != address {
		t.Logf("another address with the other router: %s after %s", laptop.address, address) // it has no leases of the first one
	}
	laptop.knows("laptop.home.arpa.", laptop.address.String())
	must(t, h.PlugLAN("main"))
	await(t, first, "main is active again", active)
	eventually(t, "the backup does not serve any more", func() bool { return len(dnsmasqs(t, second)) == 0 && len(dnsmasqs(t, first)) == 1 })
}

// TestAVirtualMACAddressServesTheHouse: the gateway's address is on an interface of its own then.
func TestAVirtualMACAddressServesTheHouse(t *testing.T) {
	t.Parallel()
	const virtual = `
[[vrrp]]
name        = "lan"
id          = 51
addresses   = ["192.168.1.254/24"]
interval    = "100ms"
virtual_mac = true
`
	_, b, d := home(t, tagged(Default()), served(quick())+virtual)
	await(t, b, "it is active", func(s Status) bool { return len(s.VRRP) == 1 && s.VRRP[0].State == "active" })
	laptop := newTenant(t, d, "laptop")
	must(t, laptop.ask())
	if laptop.gateway != netip.MustParseAddr("192.168.1.254") || laptop.resolver != laptop.gateway {
		t.Errorf("told gateway %s, resolver %s", laptop.gateway, laptop.resolver)
	}
	laptop.knows("laptop.home.arpa.", laptop.address.String())
	laptop.knows("main.home.arpa.", "192.168.1.1")
}
