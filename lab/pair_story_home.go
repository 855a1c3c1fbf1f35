package lab

import (
	"context"
	"fmt"
	"net/netip"
	"os/exec"
	"strings"
	"time"
)

// PairGateway is the address that the pair's routers share: the gateway of the house.
var PairGateway = netip.MustParseAddr("192.168.1.1")

// The pair's elections. The priorities are those of the story that this project began with (design §1), the interval is
// Twinpath's default.
const (
	pairInterval  = time.Second
	mainPriority  = 100
	sparePriority = 50
)

// Pair is the home that "twinpath lab --pair" plays in: two routers, each with a line of its own, share the gateway's address.
func Pair() Home {
	return Home{
		ISPs: []ISP{
			{Name: "fibre", Network: "198.51.100.0/24"},
			{Name: "lte", Network: "192.0.2.0/24"},
		},
		Routers: []Router{
			{Name: "main", WANs: []string{"fibre"}, LAN: "192.168.1.2/24"},
			{Name: "backup", WANs: []string{"lte"}, LAN: "192.168.1.3/24"},
		},
		Clients: []Client{{Name: "laptop", Address: "192.168.1.100/24", Gateway: PairGateway.String()}},
	}
}

// PairConfig is the config of one of the Pair's routers, by its name. As in DefaultConfig, what it does not say is Twinpath's default.
func PairConfig(router string) string {
	if router == "main" {
		return fmt.Sprintf(pairConfig, router, "192.168.1.2", "fibre", "203.0.113.1", mainPriority)
	}
	return fmt.Sprintf(pairConfig, router, "192.168.1.3", "lte", "203.0.113.2", sparePriority)
}

const pairConfig = `[router]
name = "%s"

[lan]
interface = "lan0"
address   = "%s/24"

[[wan]]
name      = "%s"
interface = "wan0"
kind      = "dhcp"

  [[wan.check]]
  ping   = "1.1.1.1"
  weight = 20

  [[wan.check]]
  ping   = "8.8.8.8"
  weight = 20

  [[wan.check]]
  ping   = "9.9.9.9"
  weight = 20

  [[wan.check]]
  ping   = "%s"
  weight = 20

[[vrrp]]
name      = "lan"
id        = 51
priority  = %d
addresses = ["192.168.1.1/24"]
`

// pairAtPlay is the Pair of the story: with IPv6 by both lines, where the machine has the providers' servers for that.
func pairAtPlay() Home {
	home := Pair()
	for _, server := range []string{"radvd", "dhcpd"} {
		if _, err := exec.LookPath(server); err != nil {
			return home
		}
	}
	home.ISPs[0].IPv6, home.ISPs[1].IPv6 = "2001:db8:f::/48", "2001:db8:e::/48"
	return home
}

// dualRouter adds the router that devices send IPv6 to, to the config of one of the Pair's routers.
func dualRouter(config string) string {
	return strings.Replace(config, `["192.168.1.1/24"]`, `["192.168.1.1/24", "fe80::51/64"]`, 1)
}

// startPair starts the daemons of a Pair, each with what config says.
func startPair(ctx context.Context, h *House, binary string, config func(router string) string) error {
	for _, b := range h.Boxes {
		if err := b.Start(ctx, binary, config(b.Name)); err != nil {
			return err
		}
	}
	return nil
}
