package handover

import (
	"net/netip"
	"time"
)

// How long things may take. Chosen here: a window of one second sees every flow that speaks at least so often, and the list knows the others.
const (
	window = time.Second            // the least time to learn
	most   = 3 * time.Second        // the most: a list of 100,000 flows is loaded in less than one
	after  = time.Second            // how long what was learnt counts beside the list, which is 100 ms late
	linger = time.Second            // how long an empty list may stay empty before everything is removed
	hold   = 10 * time.Second       // how long a machine that answers goes on though its daemon says nothing: a restart takes less
	doubt  = time.Second            // the same of one that nothing is known of
	settle = 5 * time.Second        // how long it may take until it is clear who serves the house
	behind = 300 * time.Millisecond // until this router's own list has what began here last: it is 100 ms late
)

// Machine decides about hand-overs. The zero value has seen nothing. It is not safe for use by several goroutines.
type Machine struct {
	phase   Phase
	since   time.Time // of the phase
	way     Diversion // the last that was known
	partner Partner   // as last heard

	linked  bool          // at the last step
	cut     time.Time     // when that ended
	trust   time.Duration // how long after it, while nothing is known of the other router's life
	serves  bool          // the other router, at the last step
	served  time.Time     // when that ended
	was     Standing      // at the last step
	changed time.Time     // when that began
	ceased  time.Time     // when this router last stopped serving the house
	empty   time.Time     // since when the list is; zero: it is not
	fresh   bool          // every flow of the list began after the last moment at which this router knew that there was none
	four    bool          // went to the other router at the last step
	six     bool

	load, loadOwn Ticket
	made          int
	listed        bool // at the last step
	learnt        bool // Keeps came after Learns
	yields        bool // Prepares came after Keeps: the list holds until everything can go to the other router
	spent         bool // a metered line has had its time
	gone          bool
	owed          debt
	actions       []Action
	next          time.Time
}

// debt is whose devices are to be told, as soon as this router serves them.
type debt struct {
	four, six bool
	since     time.Time
}

// Adopt takes over what an earlier run has left in the kernel, until the link is there and says more.
func (m *Machine) Adopt(now time.Time, left Diversion) {
	m.way, m.cut, m.changed, m.since, m.trust = left, now, now, now, hold
	m.partner = Partner{Usable4: left.Gateway4.IsValid(), Usable6: left.Gateway6.IsValid()}
	switch left.Mode {
	case All:
		m.phase = Ready // should the other router be gone by now, an Active flips in time all the same
	case Listed:
		m.phase, m.learnt = Keeps, left.Seen
	}
}

// Step takes the facts in and says what is wanted from now on.
func (m *Machine) Step(now time.Time, f Facts) Orders {
	m.actions, m.next = nil, time.Time{}
	m.note(now, f)
	four, six := m.reaches(now, f)
	m.bury(now, f, four, six)
	if phase := m.choose(now, f, four || six); phase != m.phase {
		m.enter(now, phase)
	}
	m.fresh = m.fresh && (m.phase != Idle || f.List == 0)
	if again := f.Made != m.made; again || f.Listed && !m.listed {
		m.reload(again)
	}
	m.made, m.listed = f.Made, f.Listed
	m.four, m.six = four && m.phase != Idle, six && m.phase != Idle
	m.tell(now, f)
	return m.orders(now)
}

// note remembers what later steps go by.
func (m *Machine) note(now time.Time, f Facts) {
	if f.Way.Partner != "" {
		m.way = f.Way
	}
	if f.Linked {
		m.partner, m.trust = f.Partner, doubt
	} else if m.linked {
		m.cut = now
	}
	m.linked = f.Linked
	serves := m.partner.Active && m.heard(now, f)
	if m.serves && !serves {
		m.served = now
	}
	m.serves = serves
	if f.Standing != m.was {
		if m.was == Active {
			m.ceased = now
		}
		m.was, m.changed = f.Standing, now
	}
	m.noteList(now, f)
}

func (m *Machine) noteList(now time.Time, f Facts) {
	none := f.Listed && f.List == 0
	switch {
	case !none:
		m.empty = time.Time{}
	case m.empty.IsZero():
		m.empty = now
	}
	m.fresh = f.Linked && (m.fresh || none)
	if none || f.Standing != Active {
		m.spent = false
	}
}

// reaches says which families of packets the other router can carry on.
func (m *Machine) reaches(now time.Time, f Facts) (four, six bool) {
	if f.Off || f.Life == Gone || m.way.Partner == "" || len(m.way.LAN) == 0 || !m.heard(now, f) {
		return false, false
	}
	return m.partner.Usable4 && m.way.Gateway4.IsValid(), m.partner.Usable6 && m.way.Gateway6.IsValid()
}

// heard reports whether the other router is linked, or was a moment ago and is only restarting its daemon.
func (m *Machine) heard(now time.Time, f Facts) bool {
	if f.Linked {
		return true
	}
	limit := m.trust
	if f.Life == Alive || f.Life == Mute {
		limit = hold
	}
	return !m.cut.IsZero() && m.before(now, m.cut.Add(limit))
}

// before reports whether a moment is still to come, and has the Machine called then.
func (m *Machine) before(now, t time.Time) bool {
	if !now.Before(t) {
		return false
	}
	if m.next.IsZero() || t.Before(m.next) {
		m.next = t
	}
	return true
}

func (m *Machine) enter(now time.Time, phase Phase) {
	was := m.phase
	m.phase, m.since = phase, now
	switch phase {
	case Prepares:
		m.yields = was == Keeps
		m.askOwn()
	case Learns:
		m.ask(false)
	case Lists:
		m.ask(!m.fresh)
	case Keeps:
		m.learnt = was == Learns
	}
}

func (m *Machine) ask(late bool) {
	m.load++
	m.actions = append(m.actions, Action{Kind: Load, Ticket: m.load, Late: late})
}

func (m *Machine) askOwn() {
	m.loadOwn++
	m.actions = append(m.actions, Action{Kind: LoadOwn, Ticket: m.loadOwn})
}

// reload asks again for what the kernel has lost, or for a list that may have become another one while the link was down.
func (m *Machine) reload(lost bool) {
	switch {
	case lost && (m.phase == Prepares || m.phase == Ready):
		m.askOwn()
	case m.phase == Learns || m.phase == Keeps:
		m.ask(false)
	case lost && m.phase == Lists:
		m.ask(!m.fresh)
	}
}

func (m *Machine) orders(now time.Time) Orders {
	o := Orders{Phase: m.phase, Actions: m.actions}
	if m.phase != Idle {
		o.Diversion = m.way
		o.Diversion.Mode, o.Diversion.Seen = m.phase.mode(), m.phase == Keeps && m.learnt && m.before(now, m.since.Add(after))
		if !m.four {
			o.Diversion.Gateway4 = netip.Addr{}
		}
		if !m.six {
			o.Diversion.Gateway6 = netip.Addr{}
		}
	}
	yields := m.phase == Prepares && m.yields // devices that have not heard of the move yet still send here
	if yields {
		o.Diversion.Mode = Listed
	}
	o.Kept = m.phase == Learns || m.phase == Lists || m.phase == Keeps || yields
	o.Own = m.phase == Prepares || m.phase == Ready
	o.Next = m.next
	return o
}
