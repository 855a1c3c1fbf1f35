package lab

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"time"
)

// Adverts is what a provider's router says of itself. The zero value is an ordinary day.
type Adverts struct {
	Silent   bool // nothing at all, and no answer to those who ask
	NoRoute  bool // it is no default router: lifetime 0
	NoPrefix bool // nothing to make addresses of
	MTU      int  // of the line; 0: not said
}

// Grants is what a provider's DHCPv6 server gives. The zero value is an address, and a /56 when one is asked for.
type Grants struct {
	NoPrefix  bool // "NoPrefixAvail"
	NoAddress bool // "NoAddrsAvail"
	Lifetime  time.Duration
}

// lifetime is that of what is given: an hour unless the grants say otherwise.
func (g Grants) lifetime() time.Duration {
	if g.Lifetime == 0 {
		return time.Hour
	}
	return g.Lifetime
}

// config is radvd's file. Its pauses are the shortest that it takes, for tests that wait for what it says by itself.
func (a Adverts) config(s *line6) string {
	var t strings.Builder
	lifetime := 1800
	if a.NoRoute {
		lifetime = 0
	}
	fmt.Fprintf(&t, `interface access {
	AdvSendAdvert %s;
	MinRtrAdvInterval 3; MaxRtrAdvInterval 10; MinDelayBetweenRAs 3;
	AdvManagedFlag on; AdvOtherConfigFlag on;
	AdvDefaultLifetime %d;
	AdvRASrcAddress { %s; };
`, map[bool]string{false: "on", true: "off"}[a.Silent], lifetime, gateway6)
	if a.MTU > 0 {
		fmt.Fprintf(&t, "\tAdvLinkMTU %d;\n", a.MTU)
	}
	if !a.NoPrefix {
		fmt.Fprintf(&t, "\tprefix %s { AdvOnLink on; AdvAutonomous on; AdvValidLifetime 7200; AdvPreferredLifetime 3600; };\n", s.link())
	}
	fmt.Fprintf(&t, "\tRDNSS %s { };\n};\n", s.own())
	return t.String()
}

// config is the DHCPv6 server's file.
func (g Grants) config(s *line6) string {
	var t strings.Builder
	seconds := int(g.lifetime() / time.Second)
	fmt.Fprintf(&t, "default-lease-time %d;\npreferred-lifetime %d;\nmin-lease-time %d;\nserver-duid LL;\n", seconds, seconds/2, min(seconds, 300))
	fmt.Fprintf(&t, "option dhcp6.name-servers %s;\nsubnet6 %s {\n\tinterface access;\n", s.own(), s.link())
	if !g.NoAddress {
		first := s.link().Addr().As16()
		last := first
		first[14], last[14], last[15] = 0x10, 0x1f, 0xff
		fmt.Fprintf(&t, "\trange6 %s %s;\n", netip.AddrFrom16(first), netip.AddrFrom16(last))
	}
	if !g.NoPrefix {
		last := s.pool().Addr().As16()
		last[6], last[7] = 0xff, 0
		fmt.Fprintf(&t, "\tprefix6 %s %s /56;\n", s.pool().Addr(), netip.AddrFrom16(last))
	}
	t.WriteString("}\n")
	return t.String()
}

func (l *Line) startRadvd(ctx context.Context) (err error) {
	name := l.dir + "/" + l.Name + ".radvd"
	if err := os.WriteFile(name, []byte(l.six.adverts.config(l.six)), 0o600); err != nil {
		return err
	}
	l.six.radvd, err = start(l.space, name+".log", "radvd", "--nodaemon", "--logmethod=stderr", "--config="+name, "--pidfile="+name+".pid")
	if err != nil {
		return err
	}
	return l.six.radvd.awaitLog(ctx, "started")
}

func (l *Line) startDHCP6(ctx context.Context) (err error) {
	name := l.dir + "/" + l.Name + ".dhcp6"
	if err := os.WriteFile(name, []byte(l.six.grants.config(l.six)), 0o600); err != nil {
		return err
	}
	leases, err := os.OpenFile(name+".leases", os.O_CREATE|os.O_WRONLY, 0o600) // it wants one
	if err != nil {
		return err
	}
	_ = leases.Close()
	p, err := start(l.space, name+".log", "dhcpd", "-6", "-f", "-d", "--no-pid", "-cf", name, "-lf", name+".leases", "access")
	if err != nil {
		return err
	}
	l.six.dhcpd = p
	if err := p.awaitLog(ctx, "Server starting service"); err != nil {
		return err
	}
	l.house.tasks.Go(func() { l.follow(p) })
	return nil
}

// follow routes what the server delegates, as a provider's equipment does that looks into the messages.
func (l *Line) follow(p *process) {
	tick := time.NewTicker(look)
	defer tick.Stop()
	var read int64
	var seen exchange
	for {
		select {
		case <-p.done:
			return
		case <-tick.C:
		}
		if now, err := os.Stat(p.log); err != nil || now.Size() == read {
			continue
		}
		text := p.output()
		whole := int64(strings.LastIndexByte(text, '\n') + 1)
		for line := range strings.Lines(text[min(read, whole):whole]) {
			if seen.line(strings.TrimSpace(line)) {
				l.route(seen.prefix, seen.customer)
			}
		}
		read = whole
	}
}

// exchange is what the server's log has said of the prefix that it is about to delegate, and to whom.
type exchange struct {
	prefix   netip.Prefix
	customer netip.Addr
}

// line reads a line of the log and reports whether a delegation is complete.
func (e *exchange) line(s string) bool {
	if what, rest, _ := strings.Cut(s, " message from "); rest != "" {
		e.prefix = netip.Prefix{}
		if !strings.HasSuffix(what, "Solicit") {
			word, _, _ := strings.Cut(rest, " ")
			e.customer, _ = netip.ParseAddr(word)
		}
	}
	if _, rest, found := strings.Cut(s, "Reply PD: address "); found {
		word, _, _ := strings.Cut(rest, " ")
		e.prefix, _ = netip.ParsePrefix(word)
	}
	return strings.HasPrefix(s, "Sending Reply to ") && e.prefix.IsValid() && e.customer.IsValid()
}

// route leads a delegated prefix to its customer, and lets the customer use it.
func (l *Line) route(p netip.Prefix, customer netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.six.routes[p] == customer {
		return
	}
	l.six.routes[p] = customer
	_ = ip(l.space, fmt.Sprintf("route replace %s via %s dev access", p, customer)) // without it nothing works, which any test sees
	_ = l.load()
}

// forget drops the routes of everything that was delegated.
func (l *Line) forget() error {
	for p := range l.six.routes {
		if err := ip(l.space, fmt.Sprintf("route del %s dev access", p)); err != nil {
			return err
		}
		delete(l.six.routes, p)
	}
	return l.load()
}

// reread makes radvd read its file again.
func (l *Line) reread() error {
	name := l.dir + "/" + l.Name + ".radvd"
	if err := os.WriteFile(name, []byte(l.six.adverts.config(l.six)), 0o600); err != nil {
		return err
	}
	return l.six.radvd.signal(syscall.SIGHUP)
}
