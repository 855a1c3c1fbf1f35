package router

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/twinpath/twinpath/health"
	"github.com/twinpath/twinpath/wan"
)

// crew6 are those who see to the lines' IPv6.
type crew6 struct{ clients, monitors map[string]*post }

// key6 changes when an IPv6 client has to be replaced, as clientKey.
func (l *line) key6() string {
	return fmt.Sprintf("%p ", l) + fmt.Sprint(l.way.Index, l.way.Name, l.number)
}

// speaking reports whether a line is to have an IPv6 client now.
func (c *crew) speaking(s *State, l *line) bool {
	return c.ports.Client6 != nil && l.speaks(s.config.LAN) && l.way.Index != 0 && !(l.drained && l.flows == 0)
}

// attend6 starts, stops and informs the IPv6 clients: each on its line's way.
func (c *crew) attend6(ctx context.Context, s *State) {
	for name, p := range c.six.clients {
		l := s.line(name)
		if l != nil && p.key == l.key6() && c.speaking(s, l) {
			continue
		}
		if l == nil || l.drained || !l.speaks(s.config.LAN) {
			c.release(name, p)
		}
		p.end()
		delete(c.six.clients, name)
		if l != nil && p.key == l.key6() {
			c.inbox.put(Lease6Seen{wan.Update6{WAN: name, Reason: "it is not asked for IPv6"}, l.way.Index}, nil)
		}
	}
	for _, l := range s.lines {
		name := l.config.Name
		if !c.speaking(s, l) {
			continue
		}
		p := c.six.clients[name]
		if p == nil {
			p = c.startClient6(ctx, l)
			c.six.clients[name] = p
		}
		if l.link.Carrier && !p.carrier {
			p.client.LinkUp()
		}
		p.carrier = l.link.Carrier
	}
}

func (c *crew) startClient6(ctx context.Context, l *line) *post {
	index := l.way.Index
	client := c.ports.Client6(Attached{
		Config: l.config, Device: l.way.Name, Mark: l.mark(),
		Report6: func(u wan.Update6) { c.inbox.put(Lease6Seen{u, index}, nil) },
	})
	p := &post{key: l.key6(), client: client, carrier: l.link.Carrier}
	p.start(ctx, c.log.With("wan", l.config.Name), "IPv6 client", client.Run)
	return p
}

// watch6 starts and stops the monitors of the lines' IPv6.
func (c *crew) watch6(ctx context.Context, s *State) {
	wanted := map[string]bool{}
	for _, l := range s.lines {
		name := l.config.Name
		if !l.leads6() || !l.speaks(s.config.LAN) {
			continue
		}
		wanted[name] = true
		config := health6(l)
		key := fmt.Sprint(l.key6(), config, l.six.lease.Gateway)
		p := c.six.monitors[name]
		if p != nil && p.key != key {
			p.end()
			p = nil
		}
		if p == nil {
			p = c.startMonitor6(ctx, l, config, key)
			c.six.monitors[name] = p
		}
		p.resolveBy(l.six.lease.DNS)
		if client := c.six.clients[name]; client != nil && l.six.checked && l.six.verdict.State == health.Down {
			client.client.Dead()
		}
	}
	for name, p := range c.six.monitors {
		if !wanted[name] {
			p.end()
			delete(c.six.monitors, name)
		}
	}
}

func (c *crew) startMonitor6(ctx context.Context, l *line, config health.Config, key string) *post {
	name, index := l.config.Name, l.way.Index
	p := &post{key: key}
	p.monitor = c.ports.Monitor(Watched{
		WAN: name, Device: l.way.Name, Mark: l.mark(), Health: config, Suspect: l.six.suspect,
		DNS:    func() []netip.AddrPort { return *p.dns.Load() },
		Report: func(v health.Verdict) { c.inbox.put(Health6Seen{name, index, v}, nil) },
	})
	p.resolveBy(l.six.lease.DNS)
	p.start(ctx, c.log.With("wan", name), "IPv6 monitor", p.monitor.Run)
	return p
}

// frugal is how often the IPv6 of a line that is paid by volume is looked at: a probe each second would be 30 MB a month and target.
const frugal = 30 * time.Second

// health6 is how a line's IPv6 is checked: by pings of the addresses that its owner names, else of the three operators of the usual ones.
// It is looked at half as often as the line itself, for IPv4 is there when it fails, and has proved itself a bit sooner: when the house comes
// back to the line, so does its IPv6.
func health6(l *line) health.Config {
	config := l.config.Health.WithDefaults()
	config.Checks = slices.DeleteFunc(slices.Clone(config.Checks), func(c health.Check) bool {
		a, err := netip.ParseAddr(c.Target)
		return c.Kind != health.Ping || err != nil || !a.Is6() || a.Is4In6()
	})
	if len(config.Checks) == 0 {
		for _, target := range [...]string{"2606:4700:4700::1111", "2001:4860:4860::8888", "2620:fe::fe"} {
			config.Checks = append(config.Checks, health.Check{Kind: health.Ping, Target: target})
		}
	}
	config.Rise, config.Quorum = max(config.Rise*2/5, 1), 0
	config.Interval *= 2
	if l.config.Metered {
		config.Interval = max(config.Interval, frugal)
		config.Rise = 1
	}
	return config.WithDefaults()
}
