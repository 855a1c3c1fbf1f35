package lab

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/wan"
)

// kea is its configuration, with short times.
const kea = `{"Dhcp6": {
	"interfaces-config": {"interfaces": ["access"]},
	"lease-database": {"type": "memfile", "name": "%[1]s.kea.csv", "lfc-interval": 0},
	"server-id": {"type": "LL", "htype": 1, "identifier": "020064000001", "persist": false},
	"renew-timer": 3, "rebind-timer": 8, "preferred-lifetime": 10, "valid-lifetime": 16,
	"subnet6": [{"id": 1, "subnet": "2001:db8:f::/64", "interface": "access",
		"pools": [{"pool": "2001:db8:f::1000-2001:db8:f::1fff"}],
		"pd-pools": [{"prefix": "2001:db8:f:%[2]s::", "prefix-len": 52, "delegated-len": 56}]}],
	"loggers": [{"name": "kea-dhcp6", "severity": "INFO", "output_options": [{"output": "stdout"}]}]
}}`

// startKea runs Kea as the provider's DHCPv6 server, which delegates of a network.
func startKea(t *testing.T, l *Line, of string) *process {
	t.Helper()
	name := l.dir + "/" + l.Name
	must(t, os.WriteFile(name+".kea", fmt.Appendf(nil, kea, name, of), 0o600))
	p, err := startWith([]string{"KEA_LOCKFILE_DIR=" + l.dir, "KEA_PIDFILE_DIR=" + l.dir}, l.space, name+".kea.log", "kea-dhcp6", "-c", name+".kea")
	must(t, err)
	must(t, p.awaitLog(context.WithoutCancel(t.Context()), "DHCP6_STARTED"))
	return p
}

// Kea gives, renews, forgets, and gives another prefix.
func TestIPv6ClientAndKea(t *testing.T) {
	t.Parallel()
	h, b := line6home(t, "six-kea-")
	l := h.Lines[0]
	must(t, h.StopDHCP6("fibre"))
	p := startKea(t, l, "a000")
	t.Cleanup(p.kill)
	s := subscribe(t, b)
	u := s.until("a prefix", 10*time.Second, func(u wan.Update6) bool { return numbered(u, "2001:db8:f:a000::/52") })
	prefix, first := u.Lease.Prefixes[0].Prefix, u.Lease.Prefixes[0].Valid
	s.until("the renewed prefix", 10*time.Second, func(u wan.Update6) bool {
		return numbered(u, prefix.String()) && u.Lease.Prefixes[0].Valid.After(first)
	})
	restart := func(of string) {
		p.kill()
		_ = os.Remove(l.dir + "/" + l.Name + ".kea.csv") // there is none when nothing was written
		p = startKea(t, l, of)
	}
	restart("a000")
	valid := s.latest().Lease.Prefixes[0].Valid
	s.until("the prefix again of a server without memory", 15*time.Second, func(u wan.Update6) bool {
		return numbered(u, "2001:db8:f:a000::/52") && u.Lease.Prefixes[0].Valid.After(valid)
	})
	restart("b000")
	u = s.until("another prefix", 20*time.Second, func(u wan.Update6) bool {
		return numbered(u, "2001:db8:f:b000::/52") && len(u.Lease.Prefixes) == 1
	})
	t.Logf("%q", u.Reason)
	if strings.Count(p.output(), "DHCP6_PACKET_PROCESS_EXCEPTION") > 0 {
		t.Errorf("kea complains: %s", tail(p.output()))
	}
}

// The provider has adverts alone, then no network, then no way out, then a server without prefixes.
func TestIPv6ClientAndAdverts(t *testing.T) {
	t.Parallel()
	h, b := line6home(t, "six-ra-")
	must(t, h.StopDHCP6("fibre"))
	s := subscribe(t, b)
	u := s.until("an address of its own", 10*time.Second, func(u wan.Update6) bool { return u.Lease != nil })
	if len(u.Lease.Prefixes) != 0 || len(u.Lease.Addresses) != 1 || !netip.MustParsePrefix("2001:db8:f::/64").Contains(u.Lease.Addresses[0].Prefix.Addr()) {
		t.Errorf("lease %+v", u.Lease)
	}
	must(t, h.Advertise("fibre", Adverts{NoRoute: true}))
	s.until("no way out", 15*time.Second, func(u wan.Update6) bool { return u.Lease != nil && !u.Lease.Gateway.IsValid() })
	must(t, h.Advertise("fibre", Adverts{MTU: 1480}))
	s.until("a router again, and a size", 15*time.Second, func(u wan.Update6) bool {
		return u.Lease != nil && u.Lease.Gateway.IsValid() && u.Lease.MTU == 1480
	})
	must(t, h.StartDHCP6(t.Context(), "fibre"))
	must(t, h.Grant(t.Context(), "fibre", Grants{NoPrefix: true}))
	s.LinkUp()
	s.until("an address of the server's", 15*time.Second, func(u wan.Update6) bool {
		return u.Lease != nil && len(u.Lease.Addresses) == 2 && u.Reason == "the ISP delegates no prefix: no prefix is available"
	})
}

// dnsmasq advertises and gives addresses, and knows nothing of prefixes.
func TestIPv6ClientAndDnsmasq(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		how       string // of its range
		addresses int
	}{
		"adverts alone":             {"2001:db8:f::,ra-only", 1},
		"stateless":                 {"2001:db8:f::,ra-stateless", 1},
		"addresses":                 {"2001:db8:f::1000,2001:db8:f::1fff,64,1h", 1},
		"addresses and own address": {"2001:db8:f::1000,2001:db8:f::1fff,slaac,64,1h", 2},
	} {
		t.Run(name, func(t *testing.T) {
			h, b := line6home(t, "six-dns-")
			l := h.Lines[0]
			l.mu.Lock()
			l.stop6()
			l.mu.Unlock()
			p, err := l.dnsmasq(t.Context(), "dhcp6", "--port=0", "--interface=access", "--except-interface=lo", "--bind-dynamic",
				"--enable-ra", "--dhcp-leasefile="+l.dir+"/"+l.Name+".leases6", "--dhcp-range="+test.how)
			must(t, err)
			t.Cleanup(p.kill)
			s := subscribe(t, b)
			u := s.until("addresses", 20*time.Second, func(u wan.Update6) bool { return u.Lease != nil && len(u.Lease.Addresses) == test.addresses })
			if len(u.Lease.Prefixes) != 0 {
				t.Errorf("prefixes %v", u.Lease.Prefixes)
			}
			t.Logf("%q %+v", u.Reason, u.Lease)
		})
	}
}
