package router

import (
	"net/netip"
	"time"

	"github.com/twinpath/twinpath/firewall"
)

// Protocol marks every route, rule and address of ours (rtnetlink "protocol"; kernel addresses carry it since 5.18).
const Protocol = 201

// Base is the first of our routing tables and rule priorities. WAN n has table Base+1+n.
const Base = 20100

// BridgeName is the bridge made of [lan] ports.
const BridgeName = "br-lan"

// Table is the routing table of the n-th WAN, counted from 0.
func Table(n int) int { return Base + 1 + n }

// Main is the kernel's main table; MainMetric is the metric of our default route in it, so that it is
// told apart from one that someone else put there with the usual metrics 0 and 100.
const (
	Main       = 254
	MainMetric = 1
	LastMetric = 1<<31 - 1 // of the unreachable default at the end of each WAN's table (int32: 32-bit arm)
)

// The destinations of default routes: constants, if Go had them.
var (
	anyIPv4 = netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	anyIPv6 = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
)

// Plan is everything wanted of the kernel. Applying it twice changes nothing (design §6).
type Plan struct {
	Sysctls   []Sysctl
	Bridge    []string // kernel names of the ports of BridgeName; empty: no bridge
	VLANs     []VLAN   // made by us
	Ports     []Port   // whose Ethernet address or size is another than they come with
	Links     []string // kernel names of interfaces to be up
	Addresses []Address
	Routes    []Route
	Rules     []Rule
	Queues    []Queue
	Ruleset   firewall.Ruleset
}

// VLAN is a tagged interface on a port (IEEE 802.1Q).
type VLAN struct {
	Name, Parent string // kernel names
	ID           int    // 1 to 4094
}

// Port is what an interface is to be like. Without a wish it is as it came.
type Port struct {
	Device string
	MAC    string // "02:00:00:00:00:10"; empty: its own
	MTU    int    // 0: as it is
}

// Queue keeps an interface's traffic below a rate, in bits per second, with CAKE (tc-cake(8)): Up what leaves, Down what arrives; 0: not.
type Queue struct {
	Device   string
	Up, Down uint64
}

// Sysctl is one value below /proc/sys, its path with slashes: "net/ipv4/ip_forward".
type Sysctl struct {
	Path, Value string
	Optional    bool // belongs to a kernel module that may not be there
}

// Address is one address of one interface.
type Address struct {
	Device string
	Prefix netip.Prefix
	// NoRoute leaves the on-link route to Routes, so that two WANs may have the same network.
	NoRoute bool
	// Retired: not for new connections (IPv6's preferred lifetime 0).
	Retired bool
}

// Route is one route of ours. Exactly one of Hops, Device or Unreachable says where it leads.
type Route struct {
	Table       int
	Destination netip.Prefix // 0.0.0.0/0 or ::/0 for the default route
	Gateway     netip.Addr   // invalid: on-link
	OnLink      bool         // the gateway is on the link whatever the routes say
	Device      string
	Source      netip.Addr // preferred source; invalid: the kernel's choice
	Metric      int
	MTU         int   // 0: the link's
	Hops        []Hop // two or more ways of equal cost
	Unreachable bool
}

// Hop is one way of a multipath route.
type Hop struct {
	Gateway netip.Addr
	Device  string
	Weight  int // 1 to 255
}

// Rule is one policy rule of ours, for both families.
type Rule struct {
	Priority int
	Mark     firewall.Mark // 0: every packet
	Mask     firewall.Mark
	Table    int
	// OnlySpecific ignores default routes of the table ("suppress_prefixlength 0").
	OnlySpecific bool
	OnlyIPv6     bool
}

// Vacate asks for the flows of a WAN that carries nothing any more to be ended.
type Vacate struct {
	WAN      string
	Mark     firewall.Mark
	OnlyIPv6 bool
	// Idle: flows without a packet for this long are spared: the outage may heal before they speak. 0 spares none.
	Idle time.Duration
	// Tell makes the TCP clients learn of it at once (reset and poke, multi-WAN notes §5.1).
	Tell bool
}

// Vacated is what ending a WAN's flows did.
type Vacated struct {
	Flows int // ended
	Told  int // TCP clients that were poked
}

// Applied is what applying a Plan did.
type Applied struct {
	Changes  int           // kernel objects added, replaced or removed
	Restored []string      // objects that we had put there and someone else removed, as ip or nft text
	Hidden   []string      // foreign routes that take precedence over ours
	Took     time.Duration // of it all, to the last route or nft change
}
