package inet6

import (
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/twinpath/twinpath/wan"
)

// Machine is the IPv6 client of one WAN without clock and socket. It is for one goroutine.
type Machine struct {
	name      string
	discovery discovery
	exchange  exchange
	open      bool // the line can be spoken on
	mute      bool // it could not for long
	mac       net.HardwareAddr
	cloned    bool       // the owner has chosen it
	point     bool       // the line has one other end (PPP)
	peer      netip.Addr // who sent the last message of a server
	waits     time.Time  // no DHCPv6 before that: a router is heard first, who says what is to be had
	dead      deadLine
	released  bool

	told   *wan.Lease6
	reason string
	saved  *Saved // what is on disk
	out    []action
}

// wait is how long a router may take to answer before DHCPv6 begins without it. Chosen by us: RFC 4861 §6.2.6 has routers answer within half a second.
const wait = 1500 * time.Millisecond

// action is something that the machine wants done: ask, send, report or save.
type action any

type (
	// ask sends a message to every router on the line.
	ask struct{ message []byte }
	// send sends a DHCPv6 message to every server.
	send struct{ message []byte }
	// report publishes the lease, nil when there is none.
	report struct {
		lease  *wan.Lease6
		reason string
	}
	// save keeps what is needed at the next start.
	save struct{ saved Saved }
)

// NewMachine returns a machine that has not begun, of the WAN of that name.
func NewMachine(name string, random *rand.Rand) *Machine {
	return &Machine{name: name, exchange: exchange{iaid: associationID(name), random: random, managed: true}}
}

// State returns where the DHCPv6 client stands.
func (m *Machine) State() State { return m.exchange.state }

// Step tells the machine what happened and what time it is, and returns what is to be done now, in order.
func (m *Machine) Step(now time.Time, e event) []action {
	m.out = nil
	e.apply(m, now)
	m.timers(now)
	m.tell(now)
	m.keep(now)
	return m.out
}

// Wake returns when the machine wants a tick; zero means never.
func (m *Machine) Wake() time.Time {
	wake := earlier(earlier(m.dead.redo, m.waits), m.lapses())
	if !m.open {
		return wake
	}
	return earlier(wake, earlier(m.discovery.wake(), m.exchange.wake()))
}

// lapses is when something of the lease ends, whether or not the line can be spoken on.
func (m *Machine) lapses() time.Time {
	d := m.discovery
	d.next = time.Time{}
	wake := d.wake()
	if m.exchange.held != nil {
		wake = earlier(wake, m.exchange.held.end())
	}
	return wake
}

// Listening tells whether messages of servers are awaited. When not, nothing is to be read.
func (m *Machine) Listening() bool { return m.exchange.awaits() }

func (m *Machine) timers(now time.Time) {
	m.discovery.lapse(now)
	m.exchange.lapse(now)
	if passed(m.dead.redo, now) {
		m.again(now)
	}
	if !m.open || m.released {
		return
	}
	if passed(m.discovery.next, now) {
		m.out = append(m.out, ask{solicitation(m.mac)})
		m.discovery.solicited(now, m.exchange.spread)
	}
	if passed(m.waits, now) {
		m.waits = time.Time{}
		m.exchange.ask(now)
	}
	m.exchange.timers(now)
	for _, b := range m.exchange.out {
		m.out = append(m.out, send{b})
	}
	m.exchange.out = nil
}

// lease puts together what the line has, nil when that is nothing.
func (m *Machine) lease(now time.Time) *wan.Lease6 {
	l := &wan.Lease6{MTU: m.discovery.mtu}
	if r := m.discovery.best(); r != nil {
		l.Gateway, l.Until = r.address, r.until
	} else if m.point && m.exchange.held != nil {
		l.Gateway = m.peer // there is nobody else on the line
	}
	if b := m.exchange.held; b != nil {
		l.Addresses, l.Prefixes, l.DNS = slices.Clone(b.Addresses), slices.Clone(b.Prefixes), slices.Clone(b.DNS)
	}
	for _, n := range m.discovery.networks {
		bits := 128
		if n.onLink {
			bits = 64
		}
		own := netip.PrefixFrom(m.exchange.identity.address(n.prefix, m.name), bits)
		l.Addresses = append(l.Addresses, wan.Lifetime{Prefix: own, Preferred: n.preferred, Valid: n.valid})
	}
	for _, r := range m.discovery.resolvers {
		if !slices.Contains(l.DNS, r.address) {
			l.DNS = append(l.DNS, r.address)
		}
	}
	if len(l.Addresses)+len(l.Prefixes) == 0 {
		return nil
	}
	// What can be used for new connections stands first: an old prefix that is merely tolerated is nobody's choice.
	spent := func(a, b wan.Lifetime) int { return rank(a, now) - rank(b, now) }
	slices.SortStableFunc(l.Addresses, spent)
	slices.SortStableFunc(l.Prefixes, spent)
	return l
}

// rank is 0 for what new connections may use in the whole Internet.
func rank(l wan.Lifetime, now time.Time) (points int) {
	if l.Prefix.Addr().IsPrivate() { // unique local (RFC 4193)
		points++
	}
	if over(l.Preferred, now) {
		points += 2
	}
	return points
}

// tell reports when there is something new to say.
func (m *Machine) tell(now time.Time) {
	lease := m.lease(now)
	reason := m.because(lease)
	if reason == m.reason && !differs(m.told, lease, now) {
		return
	}
	m.told, m.reason = lease, reason
	m.out = append(m.out, report{lease, reason})
}

// because is why the lease is as it is, for a person.
func (m *Machine) because(lease *wan.Lease6) string {
	x, d := &m.exchange, &m.discovery
	switch {
	case m.released:
		return "IPv6 has been given back"
	case lease == nil && m.mute:
		return "the line has no IPv6 address of its own: its other end may know IPv4 alone"
	case lease == nil && len(d.routers) > 0 && x.refusal != success:
		return "the ISP gives no IPv6 address and no prefix: " + x.refusal.String()
	case lease == nil && len(d.routers) > 0 && d.tries+x.tries > patient:
		return "the ISP's router advertises no network, and no DHCPv6 server answers"
	case lease == nil && x.refusal != success && d.tries > patient:
		return "no router advertises IPv6, and the ISP gives no prefix: " + x.refusal.String()
	case lease == nil && d.tries > patient:
		return "no router advertises IPv6"
	case lease == nil:
		return "asking for IPv6"
	case !lease.Gateway.IsValid():
		return "no router advertises a way out by IPv6"
	case len(lease.Prefixes) > 0:
		return "the ISP delegates " + lease.Prefixes[0].Prefix.String()
	case x.refusal != success:
		return "the ISP delegates no prefix: " + x.refusal.String()
	case x.state == Selecting && x.tries > patient:
		return "the ISP delegates no prefix: no DHCPv6 server answers"
	}
	return "the ISP advertises " + lease.Addresses[0].Prefix.Masked().String()
}

// patient is how many unanswered questions are no news.
const patient = 3

// differs tells whether a lease has to be told anew: for anything but times at once; for times when one has become earlier, or so much
// later that what is known would be over long before.
func differs(a, b *wan.Lease6, now time.Time) bool {
	if a == nil || b == nil {
		return a != b
	}
	return a.Gateway != b.Gateway || a.MTU != b.MTU || !slices.Equal(a.DNS, b.DNS) || moved(a.Until, b.Until, now) ||
		!slices.EqualFunc(a.Addresses, b.Addresses, func(x, y wan.Lifetime) bool { return same(x, y, now) }) ||
		!slices.EqualFunc(a.Prefixes, b.Prefixes, func(x, y wan.Lifetime) bool { return same(x, y, now) })
}

func same(a, b wan.Lifetime, now time.Time) bool {
	return a.Prefix == b.Prefix && !moved(a.Preferred, b.Preferred, now) && !moved(a.Valid, b.Valid, now)
}

// moved tells whether an end has changed by more than what a late advert explains.
func moved(before, after, now time.Time) bool {
	if before.IsZero() || after.IsZero() {
		return before.IsZero() != after.IsZero()
	}
	const late = 5 * time.Second
	had, has := before.Sub(now), after.Sub(now)
	return has < had-late || has > had+late && had < has*3/4
}
