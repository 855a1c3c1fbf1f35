package router

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/twinpath/twinpath/health"
	"github.com/twinpath/twinpath/wan"
)

// crew runs a client and a monitor for each WAN, and restarts them when what they stand on changes.
type crew struct {
	ports    Ports
	inbox    *inbox
	log      *slog.Logger
	clients  map[string]*post
	monitors map[string]*post
	six      crew6
	scouted  map[string]health.State // what each line was when it was last looked along
	scouts   sync.WaitGroup
}

// post is one running client or monitor.
type post struct {
	key     string
	kind    Kind // of the client
	client  wan.Client
	monitor Monitor
	carrier bool
	dns     atomic.Pointer[[]netip.AddrPort]
	cancel  context.CancelFunc
	done    chan struct{}
}

func newCrew(ports Ports, in *inbox, log *slog.Logger) *crew {
	return &crew{ports: ports, inbox: in, log: log, clients: map[string]*post{}, monitors: map[string]*post{}, scouted: map[string]health.State{},
		six: crew6{map[string]*post{}, map[string]*post{}}}
}

// attend starts, stops and informs the clients.
func (c *crew) attend(ctx context.Context, s *State) {
	for name, p := range c.clients {
		l := s.line(name)
		if l == nil || p.key != l.clientKey() || l.parked != "" {
			if l == nil || l.parked != "" || l.config.Kind != p.kind {
				c.release(name, p)
			}
			p.end()
			delete(c.clients, name)
		}
	}
	for _, l := range s.lines {
		if l.link.Index == 0 || l.parked != "" || l.drained && l.flows == 0 || !l.dressed(c.ports.Now()) {
			continue
		}
		p := c.clients[l.config.Name]
		if p == nil {
			p = c.startClient(ctx, l)
			c.clients[l.config.Name] = p
		}
		if l.link.Carrier && !p.carrier {
			p.client.LinkUp()
		}
		p.carrier = l.link.Carrier
	}
	c.attend6(ctx, s)
}

// clientKey changes when a client has to be replaced. Interfaces get new names, too: on a slow board after the daemon has
// begun to use them (seen in an emulated one, 2026-11-21). A line that is another one since the configuration changed does not know
// what its client has said; and a client asks by the Ethernet address that it found.
func (l *line) clientKey() string {
	return fmt.Sprintf("%p ", l) + fmt.Sprint(l.link.Index, l.link.Name, l.config.Kind, l.number, l.config.Static, l.config.Peer, l.config.PPPoE, l.drained && l.flows == 0, l.link.MAC)
}

func (c *crew) startClient(ctx context.Context, l *line) *post {
	name, index := l.config.Name, l.link.Index
	client := c.ports.Client(Attached{
		Config: l.config, Device: l.link.Name, Mark: l.mark(),
		Report: func(u wan.Update) { c.inbox.put(LeaseSeen{u, index}, nil) },
	})
	p := &post{key: l.clientKey(), kind: l.config.Kind, client: client, carrier: l.link.Carrier}
	p.start(ctx, c.log.With("wan", name), "client", client.Run)
	return p
}

func (c *crew) release(name string, p *post) {
	if err := p.client.Release(); err != nil {
		c.log.Warn("give the lease back", "wan", name, "err", err)
	}
}

// watch starts, stops and informs the monitors, and has new outages diagnosed. It comes after Apply:
// a probe needs its WAN's table.
func (c *crew) watch(ctx context.Context, s *State, d Decision) {
	wanted := map[string]bool{}
	for i, l := range s.lines {
		name := l.config.Name
		if !d.Conditions[i].Ready {
			continue
		}
		wanted[name] = true
		key := fmt.Sprint(l.way.Index, l.way.Name, l.config.Health, l.number)
		p := c.monitors[name]
		if p != nil && p.key != key {
			p.end()
			p = nil
		}
		if p == nil {
			p = c.startMonitor(ctx, l, key, s.resolvers(l))
			c.monitors[name] = p
		}
		p.resolveBy(s.resolvers(l))
		c.assess(ctx, l)
	}
	for name, p := range c.monitors {
		if !wanted[name] {
			p.end()
			delete(c.monitors, name)
			delete(c.scouted, name)
		}
	}
	c.watch6(ctx, s)
}

func (c *crew) startMonitor(ctx context.Context, l *line, key string, servers []netip.Addr) *post {
	name, index := l.config.Name, l.way.Index
	p := &post{key: key}
	p.monitor = c.ports.Monitor(Watched{
		WAN: name, Device: l.way.Name, Mark: l.mark(), Health: l.config.Health, Suspect: l.suspect, Tally: l.tally,
		DNS:    func() []netip.AddrPort { return *p.dns.Load() },
		Report: func(v health.Verdict) { c.inbox.put(HealthSeen{name, index, v}, nil) },
	})
	p.resolveBy(servers)
	p.start(ctx, c.log.With("wan", name), "monitor", p.monitor.Run)
	return p
}

// assess follows a line into an outage: the client hears that its line is dead, and the break is located once.
// While the line works, what its first hop is like is learned once.
func (c *crew) assess(ctx context.Context, l *line) {
	name := l.config.Name
	if p := c.clients[name]; p != nil && l.checked && l.verdict.State == health.Down {
		p.client.Dead()
	}
	if !l.checked || l.verdict.State == c.scouted[name] {
		return
	}
	before := c.scouted[name]
	c.scouted[name] = l.verdict.State
	look := Suspected{
		WAN: name, Device: l.way.Name, Mark: l.mark(), Gateway: l.lease.Gateway, DNS: l.lease.DNS, Checks: l.verdict.Checks,
	}
	switch {
	case l.verdict.State == health.Up && before == health.Unknown:
		c.scouts.Go(func() { c.ports.Scout.Learn(ctx, look) })
	case l.verdict.State == health.Down && !l.suspect:
		c.scouts.Go(func() { c.inbox.put(c.ports.Scout.Diagnose(ctx, look), nil) })
	}
}

// countFlows asks how many flows the drained WANs still carry, and gives the lease back when it is none.
func (c *crew) countFlows(s *State) {
	for _, l := range s.lines {
		name := l.config.Name
		if !l.drained || l.flows == 0 {
			continue
		}
		n, err := c.ports.Kernel.Flows(l.mark())
		if err != nil {
			c.log.Warn("count flows", "wan", name, "err", err)
			continue
		}
		if p := c.clients[name]; n == 0 && p != nil {
			c.release(name, p)
		}
		c.inbox.put(FlowsCounted{name, n}, nil)
	}
}

func (p *post) resolveBy(servers []netip.Addr) {
	list := make([]netip.AddrPort, 0, len(servers))
	for _, s := range servers {
		list = append(list, netip.AddrPortFrom(s, 53))
	}
	p.dns.Store(&list)
}

func (p *post) start(ctx context.Context, log *slog.Logger, what string, run func(context.Context) error) {
	ctx, p.cancel = context.WithCancel(ctx)
	p.done = make(chan struct{})
	go func() {
		defer close(p.done)
		if err := run(ctx); err != nil {
			log.Error(what+" ended", "err", err)
		}
	}()
}

func (p *post) end() {
	p.cancel()
	<-p.done
}

// stop ends everyone and waits for them.
func (c *crew) stop() {
	for _, posts := range []map[string]*post{c.clients, c.monitors, c.six.clients, c.six.monitors} {
		for _, p := range posts {
			p.cancel()
		}
		for _, p := range posts {
			<-p.done
		}
	}
	c.scouts.Wait()
}
