package wan

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// State is where a DHCP client stands (RFC 2131 §4.4, figure 5). The lease in use is apart from it: a
// client that asks again keeps using what it holds until that expires.
type State uint8

const (
	Idle       State = iota // has not begun, or has released its lease
	Selecting               // waiting for offers
	Requesting              // one was chosen and asked for
	Rebooting               // asking whether the address we had is still ours
	Checking                // granted; looking whether someone else uses the address (RFC 5227)
	Bound
	Renewing  // asking our server for more time
	Rebinding // asking any server
)

func (s State) String() string {
	return [...]string{"idle", "selecting", "requesting", "rebooting", "checking", "bound", "renewing", "rebinding"}[s]
}

// Machine is a DHCPv4 client without clock and socket. It is for one goroutine.
type Machine struct {
	hostname  string
	random    *rand.Rand
	state     State
	held      *Lease     // in use and not expired
	wanted    netip.Addr // the address to ask for again
	server    netip.Addr // who gave it
	declined  netip.Addr // the last that was found to be someone else's
	reason    string     // last reported
	complaint string     // what was wrong with the last answer, for a person

	// The exchange under way.
	xid       dhcpv4.TransactionID
	began     time.Time
	secs      uint16
	tries     int
	next      time.Time // of the retransmission
	sent      time.Time // the last transmission: a lease counts from there (RFC 2131 §4.4.1)
	offers    []Lease
	choose    time.Time // end of the wait for more offers
	chosen    Lease
	candidate Lease

	refusals int // NAKs and conflicts in a row
	dead     deadLine
	faults   [faultCount]int
	out      []action
}

// action is something that the machine wants done: send, check, report, save or forget.
type action any

type (
	// check asks whether someone else uses the address; the answer is a checked event.
	check struct{ address netip.Addr }
	// report publishes the lease in use, nil when there is none.
	report struct {
		lease  *Lease
		reason string
	}
	// save keeps the lease for the next start.
	save struct {
		lease Lease
		taken time.Time
	}
	// forget removes what was saved.
	forget struct{}
)

// NewMachine returns a machine that has not begun. The hostname may be empty.
func NewMachine(hostname string, random *rand.Rand) *Machine {
	return &Machine{hostname: hostname, random: random}
}

// State returns where the client stands.
func (m *Machine) State() State { return m.state }

// Step tells the machine what happened and what time it is, and returns what is to be done now, in order.
func (m *Machine) Step(now time.Time, e event) []action {
	m.out = nil
	e.apply(m, now)
	m.timers(now)
	return m.out
}

// Wake returns when the machine wants a tick; zero means never.
func (m *Machine) Wake() time.Time {
	wake := m.leaseWake()
	for _, t := range []time.Time{m.next, m.choose, m.dead.redo} {
		if wake.IsZero() || !t.IsZero() && t.Before(wake) {
			wake = t
		}
	}
	return wake
}

// leaseWake is when the lease in use wants attention next.
func (m *Machine) leaseWake() time.Time {
	switch {
	case m.held == nil:
		return time.Time{}
	case m.state == Bound:
		return m.held.Renew
	case m.state == Renewing:
		return m.held.Rebind
	}
	return m.held.Expire
}

// Listening tells whether messages from servers are awaited. When not, nothing is to be read.
func (m *Machine) Listening() bool {
	switch m.state {
	case Selecting, Requesting, Rebooting, Renewing, Rebinding:
		return true
	}
	return false
}

func (m *Machine) timers(now time.Time) {
	if m.held != nil && passed(m.held.Expire, now) {
		m.expire(now)
	}
	switch {
	case m.state == Bound && passed(m.held.Renew, now):
		m.renew(now, Renewing)
	case m.state == Renewing && passed(m.held.Rebind, now):
		m.renew(now, Rebinding)
	}
	if passed(m.choose, now) {
		m.request(now, m.best())
	}
	if passed(m.dead.redo, now) {
		m.reinitialise(now)
	}
	for passed(m.next, now) {
		m.retransmit(now)
	}
}

func passed(t, now time.Time) bool { return !t.IsZero() && !now.Before(t) }

func (m *Machine) act(a action) { m.out = append(m.out, a) }

// tell reports when there is something new to say.
func (m *Machine) tell(reason string) {
	if reason != m.reason {
		m.announce(reason)
	}
}

func (m *Machine) announce(reason string) {
	m.reason = reason
	m.act(report{m.held, reason})
}

func (m *Machine) count(f Fault) { m.faults[f]++ }

// begin starts an exchange of messages of its own.
func (m *Machine) begin(now time.Time, s State) {
	m.enter(s)
	binary.BigEndian.PutUint32(m.xid[:], m.random.Uint32())
	m.began, m.secs, m.tries, m.next = now, 0, 0, now
}

// enter changes the state and drops what belonged to the last one.
func (m *Machine) enter(s State) {
	m.state = s
	m.next, m.choose, m.offers = time.Time{}, time.Time{}, nil
}
