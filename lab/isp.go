package lab

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync"

	"github.com/twinpath/twinpath/internal/sandbox"
)

// Line is a provider that runs: its gateway is a namespace "isp-NAME" with a bridge "access" that every
// customer's cable ends in and an interface "uplink" to the Internet.
type Line struct {
	Name string

	house   *House
	space   *sandbox.Namespace
	number  int
	dir     string
	mu      sync.Mutex
	network netip.Prefix
	login   Login
	weather weather
	dhcp    *process
	dns     *process
	dual    bool   // it has IPv6, or will have
	six     *line6 // nil without IPv6, and before that is wired
}

const portalPort = 8080

func (h *House) openLine(ctx context.Context, number int, isp ISP) error {
	network, err := netip.ParsePrefix(isp.Network)
	if err != nil {
		return err
	}
	space, err := h.space("isp-" + isp.Name)
	if err != nil {
		return err
	}
	l := &Line{Name: isp.Name, house: h, space: space, number: number, network: network, login: isp.PPPoE, dual: isp.IPv6 != "", dir: h.dir}
	h.Lines = append(h.Lines, l)
	if err := l.wire(isp.MTU); err != nil {
		return err
	}
	if err := l.settle(ctx); err != nil {
		return err
	}
	h.onClose(func() { l.mu.Lock(); defer l.mu.Unlock(); l.stopServers() })
	if isp.IPv6 != "" {
		if err := l.open6(ctx, isp.IPv6); err != nil {
			return err
		}
	}
	login := "http://login." + isp.Name + ".example/"
	return h.serveHTTP(space, portalPort, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, login, http.StatusFound)
	})
}

// core is an address of the link between the provider (2) and the Internet (1).
func (l *Line) core(end int) netip.Addr {
	return netip.AddrFrom4([4]byte{100, 64, byte(l.number), byte(end)})
}

func (l *Line) wire(mtu int) error {
	if mtu == 0 {
		mtu = 1500
	}
	err := ip(l.space, fmt.Sprintf(`
link add uplink mtu %[1]d type veth peer name %[2]s mtu %[1]d netns %[5]s
addr add %[3]s/30 dev uplink
link set uplink up
link add access address 02:00:64:00:%02[4]x:01 type bridge mcast_snooping 0
link set access up`, mtu, l.Name, l.core(2), l.number, l.house.internet.space.Name))
	if err != nil {
		return err
	}
	err = ip(l.house.internet.space, fmt.Sprintf(`
addr add %s/30 dev %[2]s
link set %[2]s up`, l.core(1), l.Name))
	if err != nil {
		return err
	}
	if err := ip(l.space, fmt.Sprintf("route add default via %s", l.core(1))); err != nil {
		return err
	}
	return forwarding(l.space)
}

// settle gives the provider its network: address, route from the Internet, filter, servers.
func (l *Line) settle(ctx context.Context) error {
	err := ip(l.space, fmt.Sprintf("addr replace %s/%d dev access", l.gateway(), l.network.Bits()))
	if err != nil {
		return err
	}
	err = ip(l.house.internet.space, fmt.Sprintf("route replace %s via %s", l.network.Masked(), l.core(2)))
	if err != nil {
		return err
	}
	if err := l.load(); err != nil {
		return err
	}
	if err := l.startDNS(ctx); err != nil {
		return err
	}
	if l.login != (Login{}) {
		return l.startConcentrator(ctx)
	}
	return l.startDHCP(ctx)
}

// Gateway is the first hop of the line's customers, and their resolver.
func (l *Line) Gateway() netip.Addr {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.gateway()
}

// gateway is Gateway for those who hold the lock, or before anybody else can.
func (l *Line) gateway() netip.Addr { return hosts(l.network, 1) }

// Carries reports whether an address belongs to the line's customers.
func (l *Line) Carries(a netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.network.Contains(a) || l.six != nil && l.six.network.Contains(a)
}

// Foreign is how many packets came from customers with a source address that is not theirs.
func (l *Line) Foreign() (packets int, err error) { return counter(l.space, "weather", "foreign") }

// counter reads a named nft counter of IPv4.
func counter(n *sandbox.Namespace, table, name string) (packets int, err error) {
	return counterOf(n, "ip", table, name)
}

// counterOf reads a named nft counter of a family.
func counterOf(n *sandbox.Namespace, family, table, name string) (packets int, err error) {
	out, err := n.Run(fmt.Sprintf("nft list counter %s %s %s", family, table, name))
	if err != nil {
		return 0, err
	}
	_, rest, found := strings.Cut(out, "packets ")
	if !found {
		return 0, fmt.Errorf("counter %s: no packets in %q", name, out)
	}
	_, err = fmt.Sscan(rest, &packets)
	return packets, err
}

// startDHCP runs dnsmasq as the line's DHCP server. Its offers come at once: it does not ping an address before.
func (l *Line) startDHCP(ctx context.Context) (err error) {
	gateway := l.gateway()
	l.dhcp, err = l.dnsmasq(ctx, "dhcp", "--port=0", "--interface=access", "--except-interface=lo", "--bind-dynamic",
		"--dhcp-authoritative", "--no-ping", "--dhcp-leasefile="+l.dir+"/"+l.Name+".leases",
		fmt.Sprintf("--dhcp-range=%s,%s,1h", hosts(l.network, 100), hosts(l.network, 199)),
		"--dhcp-option=option:router,"+gateway.String(), "--dhcp-option=option:dns-server,"+gateway.String())
	return err
}

// startDNS runs dnsmasq as the line's resolver, which asks the Internet each time.
func (l *Line) startDNS(ctx context.Context) (err error) {
	l.dns, err = l.dnsmasq(ctx, "dns", "--no-resolv", "--no-hosts", "--cache-size=0", "--server=8.8.8.8",
		"--listen-address="+l.gateway().String(), "--bind-interfaces")
	return err
}

func (l *Line) dnsmasq(ctx context.Context, what string, args ...string) (*process, error) {
	name := l.dir + "/" + l.Name + "." + what
	args = append([]string{"--keep-in-foreground", "--conf-file=/dev/null", "--user=root", "--group=",
		"--pid-file=" + name + ".pid", "--log-facility=-"}, args...)
	p, err := start(l.space, name+".log", "dnsmasq", args...)
	if err != nil {
		return nil, err
	}
	return p, p.awaitLog(ctx, "started")
}

func (l *Line) stopServers() {
	for _, p := range []*process{l.dhcp, l.dns} {
		if p != nil {
			p.kill()
		}
	}
	l.dhcp, l.dns = nil, nil
}
