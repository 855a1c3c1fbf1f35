package wan

import (
	"fmt"
	"net/netip"
	"time"
)

// Chosen by us. RFC 2131 §4.1 begins with 4 s; a house that waits for its Internet should not, and a
// lost first message is common on a link that has just come up.
const (
	collect       = 250 * time.Millisecond // wait for more offers after the first
	requestTries  = 4                      // then another offer is looked for
	confirmTries  = 3                      // then the address is not insisted on
	silentTries   = 3                      // unanswered DISCOVERs until we say that nobody answers
	declinePause  = 10 * time.Second       // RFC 2131 §3.1.5
	longestPause  = 64 * time.Second       // RFC 2131 §4.1
	shortestRenew = time.Minute            // RFC 2131 §4.4.5
)

// spread adds up to a second of chance in both directions (RFC 2131 §4.1), less to short waits.
func (m *Machine) spread(d time.Duration) time.Duration {
	j := min(time.Second, d/4)
	return d + time.Duration(m.random.Int64N(int64(2*j)+1)) - j
}

// backoff is 1, 2, 4 … 64 s.
func backoff(tries int) time.Duration {
	return min(time.Second<<min(tries, 16), longestPause)
}

func (m *Machine) retransmit(now time.Time) {
	m.next, m.sent = time.Time{}, now
	switch m.state {
	case Selecting:
		m.discover(now)
	case Requesting:
		m.insist(now, requestTries, m.sendRequest)
	case Rebooting:
		m.secs = m.seconds(now)
		m.insist(now, confirmTries, m.sendConfirm)
	case Renewing, Rebinding:
		m.secs = m.seconds(now)
		m.sendRenew()
		m.next = now.Add(m.renewPause(now))
	}
}

func (m *Machine) seconds(now time.Time) uint16 {
	return uint16(min(now.Sub(m.began)/time.Second, 0xffff))
}

func (m *Machine) discover(now time.Time) {
	if m.tries >= silentTries {
		if m.complaint == "" {
			m.complaint = "no DHCP server answers"
		}
		m.tell(m.complaint)
		m.complaint = ""
	}
	m.secs = m.seconds(now)
	m.sendDiscover()
	m.next = now.Add(m.spread(backoff(m.tries)))
	m.tries++
}

// insist sends up to so many times, then looks for offers of anybody.
func (m *Machine) insist(now time.Time, most int, send func()) {
	if m.tries == most {
		m.selectAny(now)
		return
	}
	send()
	m.next = now.Add(m.spread(backoff(m.tries)))
	m.tries++
}

// renewPause is half of the time that is left, at least a minute (RFC 2131 §4.4.5), or a tenth of a
// lease so short that a minute would allow no second attempt.
func (m *Machine) renewPause(now time.Time) time.Duration {
	end := m.held.Rebind
	if m.state == Rebinding {
		end = m.held.Expire
	}
	least := min(shortestRenew, m.held.Expire.Sub(m.held.Renew)/5)
	return m.spread(max(end.Sub(now)/2, least))
}

// selectAny asks every server for an offer.
func (m *Machine) selectAny(now time.Time) {
	m.begin(now, Selecting)
	if m.reason == "" {
		m.tell("asking for an address")
	}
}

// reboot asks whether the address we had is still ours (RFC 2131 §4.4.2).
func (m *Machine) reboot(now time.Time) { m.begin(now, Rebooting) }

// offered keeps an offer. The one that lets the house keep its address is taken at once.
func (m *Machine) offered(now time.Time, offer Lease) {
	const most = 16 // more servers than any network has
	if len(m.offers) < most {
		m.offers = append(m.offers, offer)
	}
	if m.merit(offer) == 3 {
		m.request(now, offer)
	} else if m.choose.IsZero() {
		m.choose = now.Add(collect)
	}
}

func (m *Machine) merit(l Lease) (points int) {
	if l.Address.Addr() == m.wanted {
		points += 2
	}
	if l.Server == m.server {
		points++
	}
	if l.Address.Addr() == m.declined {
		points -= 2
	}
	return points
}

// best is the offer nearest to what we had, the earliest among equals.
func (m *Machine) best() Lease {
	best := m.offers[0]
	for _, o := range m.offers[1:] {
		if m.merit(o) > m.merit(best) {
			best = o
		}
	}
	return best
}

// request accepts an offer. The exchange goes on: "the same 'xid'" and "the same value in the 'secs'
// field" as the DISCOVER (RFC 2131 §4.4.1, §3.1.3).
func (m *Machine) request(now time.Time, offer Lease) {
	m.enter(Requesting)
	m.chosen, m.tries, m.next = offer, 0, now
}

func (m *Machine) renew(now time.Time, s State) {
	m.begin(now, s)
	if s == Rebinding {
		m.tell(fmt.Sprintf("the DHCP server %s does not answer; the address is good for another %s",
			m.held.Server, m.held.Expire.Sub(now).Round(time.Second)))
	}
}

// granted looks whether a new address is free before it is used: "the client SHOULD perform a final
// check on the parameters" (RFC 2131 §3.1.5).
func (m *Machine) granted(now time.Time, lease Lease) {
	if m.held != nil && m.held.Address.Addr() == lease.Address.Addr() {
		m.bind(now, lease)
		return
	}
	m.enter(Checking)
	m.candidate = lease
	m.act(check{lease.Address.Addr()})
}

func (m *Machine) bind(now time.Time, lease Lease) {
	m.enter(Bound)
	m.held, m.wanted, m.server = &lease, lease.Address.Addr(), lease.Server
	m.refusals, m.complaint = 0, ""
	m.act(save{lease, now})
	m.announce(fmt.Sprintf("the DHCP server %s gave us %s", lease.Server, m.wanted))
}

// refused obeys a NAK: the lease is void at once (RFC 2131 §3.2.3). Servers that go on refusing are
// asked less and less.
func (m *Machine) refused(now time.Time, r *reply) {
	if m.held == nil || m.state != Requesting || m.chosen.Address.Addr() == m.held.Address.Addr() {
		m.drop()
		m.act(forget{})
	}
	m.tell(fmt.Sprintf("the DHCP server %s refused our address", r.server))
	m.selectAny(now)
	if m.refusals > 0 {
		m.next = now.Add(m.spread(backoff(m.refusals)))
	}
	m.refusals++
}

// drop stops using the lease and its address for good.
func (m *Machine) drop() {
	m.held, m.wanted, m.server = nil, netip.Addr{}, netip.Addr{}
	m.reason = "" // whatever is told next is news
}

func (m *Machine) conflict(now time.Time, mac string) {
	m.sendDecline()
	address := m.candidate.Address.Addr()
	m.declined = address
	if address == m.wanted {
		m.wanted = netip.Addr{}
	}
	m.tell(fmt.Sprintf("address %s is in use by %s", address, mac))
	m.selectAny(now)
	m.next = now.Add(max(declinePause, m.spread(backoff(m.refusals))))
	m.refusals++
}

// expire stops using the address: "the client … MUST immediately stop any other network processing"
// (RFC 2131 §4.4.5).
func (m *Machine) expire(now time.Time) {
	address := m.held.Address.Addr()
	m.held, m.reason = nil, ""
	m.act(forget{})
	m.tell(fmt.Sprintf("the lease of %s has expired and no DHCP server answers", address))
	if m.state == Bound || m.state == Renewing || m.state == Rebinding {
		m.selectAny(now)
	}
}
