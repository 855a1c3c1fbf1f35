package config

import (
	"net/netip"
	"testing"

	"github.com/twinpath/twinpath/firewall"
	"github.com/twinpath/twinpath/router"
)

func TestNamesAndPinholes(t *testing.T) {
	cfg := parsed(t, `
[lan]
interface = "lan0"
address = "192.168.1.1/24"

[[wan]]
name = "fibre"
interface = "wan0"

[[firewall.forward]]
proto = "tcp"
port = "443"
to = "::a2b:3cff:fe4d:5e6f"

[[firewall.forward]]
proto = "udp"
port = "5060-5061"
to = "2001:db8:1::11"

[[ddns]]
provider = "default@duckdns.org:2"
host = "home.duckdns.org"
user = "token"

[[ddns]]
provider = "custom"
host = ["home.example.org", "nas.example.org"]
wan = "fibre"
ipv6 = true
server = "http://192.168.1.10:8245"
path = "/nic/update?hostname=%h&myip=%i"
`)
	equal(t, "names", cfg.DDNS, []router.DDNS{
		{Provider: "default@duckdns.org:2", Hosts: []string{"home.duckdns.org"}, User: "token"},
		{Provider: "custom", Hosts: []string{"home.example.org", "nas.example.org"}, WAN: "fibre", IPv6: true,
			Server: "http://192.168.1.10:8245", Path: "/nic/update?hostname=%h&myip=%i"},
	})
	equal(t, "forwards", cfg.Forwards, []firewall.Forward{
		{Proto: "tcp", Ports: firewall.PortRange{First: 443, Last: 443}, To: netip.AddrPortFrom(netip.MustParseAddr("::a2b:3cff:fe4d:5e6f"), 0)},
		{Proto: "udp", Ports: firewall.PortRange{First: 5060, Last: 5061}, To: netip.AddrPortFrom(netip.MustParseAddr("2001:db8:1::11"), 0)},
	})
}
