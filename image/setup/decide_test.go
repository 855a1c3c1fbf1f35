package setup

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twinpath/twinpath/config"
	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/wan"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("not as in %s (-update writes it):\n%s", path, got)
	}
}

// port is the n-th port of a box, with a cable that was looked along.
func port(n int, up wan.Upstream) Port {
	link := router.Link{Index: n + 2, Name: fmt.Sprintf("eth%d", n), MAC: fmt.Sprintf("02:00:00:00:00:%02x", n), Up: true, Carrier: true, Driver: "r8169"}
	return Port{Link: link, Known: true, Upstream: up}
}

// empty is a port without a cable.
func empty(n int) Port {
	p := port(n, wan.Upstream{})
	p.Carrier, p.Known = false, false
	return p
}

// offer is what a DHCP server at .1 of that network says.
func offer(own string, dns ...string) wan.Upstream {
	p := netip.MustParsePrefix(own)
	gateway := host(netip.PrefixFrom(p.Addr(), 24), 1)
	l := &wan.Lease{Address: p, Gateway: gateway, Server: gateway}
	for _, d := range dns {
		l.DNS = append(l.DNS, netip.MustParseAddr(d))
	}
	return wan.Upstream{Server: gateway, Offer: l}
}

func again(p Port) Port { p.Twice = true; return p }

func by(p Port, driver string) Port { p.Driver = driver; return p }

var (
	silent = wan.Upstream{}
	modem  = wan.Upstream{PPPoE: true, Concentrator: "BRAS-1"}
	fibre  = offer("198.51.100.100/24", "198.51.100.1")
	lte    = offer("192.168.8.100/24", "192.168.8.1")
)

var homes = []struct {
	name  string
	ports []Port
	lease *wan.Lease
}{
	{"none", nil, nil},
	{"one-unplugged", []Port{empty(0)}, nil},
	{"one-laptop", []Port{port(0, silent)}, nil},
	{"one-member-asking", []Port{port(0, offer("192.168.1.50/24", "192.168.1.1"))}, nil},
	{"one-member", []Port{port(0, offer("192.168.1.50/24", "192.168.1.1"))}, offer("192.168.1.51/24", "192.168.1.1").Offer},
	{"one-public", []Port{port(0, fibre)}, nil},
	{"one-pppoe", []Port{port(0, modem)}, nil},
	{"one-and-a-phone", []Port{port(0, offer("192.168.1.50/24", "192.168.1.1")), by(port(1, lte), "rndis_host")}, offer("192.168.1.51/24", "192.168.1.1").Offer},
	{"two-second-router", []Port{port(0, fibre), port(1, offer("192.168.1.50/24", "192.168.1.1"))}, offer("192.168.1.51/24", "192.168.1.1").Offer},
	{"two-private-lines", []Port{port(0, lte), port(1, offer("192.168.1.50/24", "192.168.1.1"))}, nil},
	{"two-second-router-with-room", []Port{port(0, fibre), port(1, offer("192.168.1.50/24", "192.168.1.1")), empty(2)}, nil},
	{"one-empty-and-a-phone", []Port{empty(0), by(port(1, lte), "rndis_host")}, nil},
	{"two", []Port{port(0, fibre), port(1, silent)}, nil},
	{"two-unplugged", []Port{empty(0), empty(1)}, nil},
	{"two-laptop-later", []Port{port(0, fibre), empty(1)}, nil},
	{"two-pppoe", []Port{port(0, modem), port(1, silent)}, nil},
	{"two-same-network", []Port{port(0, lte), port(1, lte), port(2, silent)}, nil},
	{"two-cables-into-the-house", []Port{port(0, silent), again(port(1, silent))}, nil},
	{"three-lines", []Port{by(port(0, lte), "cdc_ether"), port(1, silent), port(2, fibre), port(3, silent), empty(4)}, nil},
	{"overlap", []Port{port(0, offer("192.168.77.20/24")), port(1, offer("172.16.0.9/12")), port(2, silent)}, nil},
	{"offer-without-gateway", []Port{port(0, wan.Upstream{Server: netip.MustParseAddr("192.168.77.5"), Trouble: wan.NoGateway}), port(1, silent)}, nil},
}

func TestLayouts(t *testing.T) {
	var all strings.Builder
	for _, home := range homes {
		l := Decide(home.ports, home.lease)
		fmt.Fprintf(&all, "==== %s\n", home.name)
		for _, p := range l.Places {
			fmt.Fprintf(&all, "%s: %s: %s\n", p.Port.Name, p.Role, p.Why)
		}
		ports, err := json.MarshalIndent(l.Ports(), "", " ")
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&all, "---- setup.toml\n%s---- ports.json\n%s\n", l.TOML(claim), ports)
	}
	golden(t, "layouts.txt", all.String())
}

// claim is the hash of a code.
const claim = "$2a$10$XxznlxtEwUWoRtPxEe/K9OYoBrCAmIrP230DN8bcn4EpktrbANrNu"

// What setup mode writes must start a daemon, whatever is plugged in where.
func TestEveryLayoutIsAConfiguration(t *testing.T) {
	ports := []func(int) Port{
		empty,
		func(n int) Port { return port(n, silent) },
		func(n int) Port { return port(n, modem) },
		func(n int) Port { return port(n, wan.Upstream{PPPoE: true, Concentrator: "a\"b\\c"}) },
		func(n int) Port { return port(n, offer(fmt.Sprintf("100.64.%d.7/10", n))) },
		func(n int) Port { return port(n, offer("10.1.2.3/8")) },
		func(n int) Port { return port(n, offer("192.168.77.9/32")) },
		func(n int) Port { return by(port(n, offer("172.20.10.2/28")), "ipheth") },
	}
	try := func(all []Port, lease *wan.Lease) {
		l := Decide(all, lease)
		text := l.TOML(claim)
		if _, problems := config.Parse("setup.toml", text); len(problems) > 0 {
			t.Errorf("%v\n%s", problems, text)
		}
		if l.Address.IsValid() != (len(l.LAN()) > 0 || l.Gateway.IsValid()) {
			t.Errorf("address %s with the LAN %v", l.Address, l.LAN())
		}
		for _, p := range l.with(House) {
			if !p.Port.Upstream.Silent() {
				t.Errorf("%s leads somewhere and is the house's", p.Port.Name)
			}
		}
	}
	for _, first := range ports {
		alone := first(0)
		try([]Port{alone}, nil)
		try([]Port{alone}, alone.Upstream.Offer)
		for _, second := range ports {
			for _, third := range ports {
				try([]Port{first(0), second(1), third(2)}, nil)
			}
		}
	}
}
