package lab

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"sync"

	"github.com/twinpath/twinpath/internal/sandbox"
)

// Home describes what Build makes. Without providers it is a LAN only.
type Home struct {
	Tag     string // before the namespaces' names, so that several houses stand side by side; may be empty
	ISPs    []ISP
	Routers []Router
	Clients []Client
}

// ISP is an Internet provider: a gateway with a DHCP server and a resolver, and a filter that drops and
// counts packets with somebody else's source address (BCP 38). It does no NAT.
type ISP struct {
	Name    string // also an interface's name: at most 15 of a-z, 0-9 and "-"
	Network string // "198.51.100.0/24": the gateway is its first address, leases are .100 to .199
	MTU     int    // of its way to the Internet; 0 means 1500
	PPPoE   Login  // customers dial it, instead of asking its DHCP server
	IPv6    string // "2001:db8:f::/48": adverts and delegated prefixes, as Line.IPv6 says; empty: it has none
}

// Router is a box with one interface wan0, wan1 … per provider and lan0 at the house's switch.
// They start switched off, as after boot.
type Router struct {
	Name string
	WANs []string // names of ISPs; none for a box that is only a peer on the LAN
	LAN  string   // "192.168.1.1/24", for ByHand; a daemon brings its own

	Upstairs bool // its lan0 ends in the second switch, behind the trunk
	Foreign  bool // somebody else's machine, as a virtual one: its namespace stays empty, its Ports are the cables' ends
}

// Client is a device of the house with a fixed address on its eth0.
type Client struct {
	Name    string
	Address string // "192.168.1.100/24"
	Gateway string // "192.168.1.1"

	Upstairs bool // as Router.Upstairs
}

// Default is the home that "twinpath lab" plays in: one router, a fibre and a mobile line, a laptop.
func Default() Home {
	return Home{
		ISPs: []ISP{
			{Name: "fibre", Network: "198.51.100.0/24"},
			{Name: "lte", Network: "192.0.2.0/24"},
		},
		Routers: []Router{{Name: "main", WANs: []string{"fibre", "lte"}, LAN: "192.168.1.1/24"}},
		Clients: []Client{{Name: "laptop", Address: "192.168.1.100/24", Gateway: "192.168.1.1"}},
	}
}

// House is a Home that runs. Its methods are the verbs of the lab.
type House struct {
	Lines   []*Line   // in the order of Home.ISPs
	Boxes   []*Box    // in the order of Home.Routers
	Devices []*Device // in the order of Home.Clients

	tag      string
	internet *internet
	lan      *sandbox.Namespace
	spaces   []*sandbox.Namespace
	dir      string
	page     string         // where somebody outside sees the home's page, as a sentence
	closers  []func()       // run backwards by Close
	tasks    sync.WaitGroup // goroutines of servers

	authority *authority // nil without an Internet
}

// Build makes a house. Everything in it ends with Close, at the latest with the sandbox; ctx bounds the building.
func Build(ctx context.Context, home Home) (*House, error) {
	if err := sandbox.Check(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("/run", "lab-") // the sandbox's own /run: it goes with it
	if err != nil {
		return nil, fmt.Errorf("build home: %w", err)
	}
	h := &House{dir: dir, tag: home.Tag}
	if err := h.build(ctx, home); err != nil {
		h.Close()
		return nil, fmt.Errorf("build home: %w", err)
	}
	return h, nil
}

func (h *House) build(ctx context.Context, home Home) error {
	if len(home.ISPs) > 0 {
		if err := h.openInternet(home.six()); err != nil {
			return err
		}
	}
	for i, isp := range home.ISPs {
		if err := h.openLine(ctx, i, isp); err != nil {
			return fmt.Errorf("isp %s: %w", isp.Name, err)
		}
	}
	if err := h.openSwitch(); err != nil {
		return err
	}
	for _, r := range home.Routers {
		if err := h.openBox(r); err != nil {
			return fmt.Errorf("router %s: %w", r.Name, err)
		}
	}
	for _, c := range home.Clients {
		if err := h.openDevice(c); err != nil {
			return fmt.Errorf("client %s: %w", c.Name, err)
		}
	}
	return nil
}

// six tells whether a provider has IPv6: the Internet then has it too.
func (h Home) six() bool {
	return slices.ContainsFunc(h.ISPs, func(i ISP) bool { return i.IPv6 != "" })
}

// Close ends every program, server and namespace of the house.
func (h *House) Close() {
	for i := len(h.closers) - 1; i >= 0; i-- {
		h.closers[i]()
	}
	h.tasks.Wait()
	for _, n := range h.spaces {
		_ = n.Remove() // what is left of it ends with the sandbox
	}
	_ = os.RemoveAll(h.dir)
	h.closers, h.spaces = nil, nil
}

func (h *House) onClose(f func()) { h.closers = append(h.closers, f) }

var goodName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,14}$`) // IFNAMSIZ less the final zero

// space adds a namespace that Close removes.
func (h *House) space(name string) (*sandbox.Namespace, error) {
	if !goodName.MatchString(name) {
		return nil, fmt.Errorf("name %q: want up to 15 of a-z, 0-9 and -", name)
	}
	n, err := sandbox.Add(h.tag + name)
	if err != nil {
		return nil, err
	}
	h.spaces = append(h.spaces, n)
	return n, nil
}

// openSwitch lays the house's LAN: two bridges without spanning tree, so that a port forwards at once, and a trunk.
func (h *House) openSwitch() (err error) {
	if h.lan, err = h.space("switch"); err != nil {
		return err
	}
	return ip(h.lan, `
link add lan type bridge mcast_snooping 0
link add upstairs type bridge mcast_snooping 0
link add trunk type veth peer name trunk-up
link set trunk master lan up
link set trunk-up master upstairs up
link set lan up
link set upstairs up`)
}

// storey names the bridge of one of the two switches.
func storey(upstairs bool) string {
	if upstairs {
		return "upstairs"
	}
	return "lan"
}

// connect lays a cable from a new interface of n to a port of a bridge in other. Only the port is switched on.
func connect(n *sandbox.Namespace, device string, other *sandbox.Namespace, port, bridge string) error {
	if err := ip(n, fmt.Sprintf("link add %s type veth peer name %s netns %s", device, port, other.Name)); err != nil {
		return err
	}
	return ip(other, fmt.Sprintf("link set %s master %s up", port, bridge))
}

// ip runs lines of the ip command in one go.
func ip(n *sandbox.Namespace, lines string) error {
	_, err := n.Feed("ip -batch -", lines+"\n")
	return err
}

// sysctl sets one value below /proc/sys in the namespace.
func sysctl(n *sandbox.Namespace, path, value string) error {
	return n.Do(func() error { return os.WriteFile("/proc/sys/"+path, []byte(value), 0o644) })
}

// forwarding makes the namespace a router that takes packets by any way.
func forwarding(n *sandbox.Namespace) error {
	if err := sysctl(n, "net/ipv4/ip_forward", "1"); err != nil {
		return err
	}
	return sysctl(n, "net/ipv4/conf/all/rp_filter", "0")
}

// hosts is the n-th address of a network.
func hosts(network netip.Prefix, n int) netip.Addr {
	a := network.Masked().Addr().As4()
	a[3] += byte(n)
	return netip.AddrFrom4(a)
}
