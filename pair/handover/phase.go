package handover

import "time"

// choose says in which phase the facts belong.
func (m *Machine) choose(now time.Time, f Facts, reaches bool) Phase {
	switch {
	case !reaches:
		return Idle
	case f.Standing == Active || f.Standing == UnknownStanding && m.phase == Learns:
		return m.active(now, f)
	case f.Elsewhere:
		return m.list(now, f)
	case f.Standing == Backup:
		return m.backup(now, f)
	case m.before(now, m.changed.Add(settle)):
		return m.phase // this run does not know yet, and an earlier one did
	}
	return Idle
}

// backup prepares for a take-over while the other router serves the house. One who has just become Backup goes on for a moment: devices that have
// not heard of it still send here.
func (m *Machine) backup(now time.Time, f Facts) Phase {
	serves := m.serves || !m.served.IsZero() && m.before(now, m.served.Add(settle))
	switch m.phase {
	case Ready, Learns:
		if serves {
			return Ready
		}
		return m.held(now)
	case Prepares:
		switch {
		case !serves:
			return Idle
		case m.recent(now) || f.Own > 0 && f.OwnLoaded != m.loadOwn:
			return Prepares
		}
		return Ready
	case Keeps:
		return m.yield(now, f)
	}
	switch {
	case !serves || !f.Linked:
		return Idle
	case f.Own > 0 || m.recent(now):
		return Prepares
	}
	return Ready
}

// recent reports whether something may have begun here that is not yet on this router's own list.
func (m *Machine) recent(now time.Time) bool {
	return !m.ceased.IsZero() && m.before(now, m.ceased.Add(behind))
}

// held keeps a phase for a moment after its reason may have gone.
func (m *Machine) held(now time.Time) Phase {
	if m.before(now, m.changed.Add(settle)) {
		return Ready
	}
	return Idle
}

// yield is backup after Keeps: the list still holds until everything can go to the other router, which needs this one's own list first.
func (m *Machine) yield(now time.Time, f Facts) Phase {
	switch {
	case !f.Linked || !f.Partner.Active:
		if m.before(now, m.changed.Add(settle)) {
			return Keeps
		}
		return Idle
	case f.Own > 0 || m.recent(now):
		return Prepares
	}
	return Ready
}

// active hands over: what this router learns before it flips, and keeps after.
func (m *Machine) active(now time.Time, f Facts) Phase {
	switch m.phase {
	case Ready:
		return Learns
	case Learns:
		loaded := f.Listed && (f.Loaded == m.load || f.List == 0)
		least := window
		if m.partner.Doubtful { // what is new is not to begin on a line that is about to fail
			least = 0
		}
		if m.before(now, m.since.Add(least)) || !loaded && m.before(now, m.since.Add(most)) {
			return Learns
		}
		return Keeps
	case Prepares:
		if m.yields { // the list is in use and up to date
			return Keeps
		}
	}
	return m.list(now, f)
}

// list keeps what the other router has told of, without having learnt.
func (m *Machine) list(now time.Time, f Facts) Phase {
	switch {
	case m.spent:
		return Idle
	case m.phase == Keeps:
		return m.keep(now, f)
	case !f.Listed || f.List == 0:
		return Idle
	case m.phase == Lists && f.Loaded == m.load:
		return Keeps
	}
	return Lists
}

// keep ends with the last flow, or when a metered line has had its time. What the other router itself is to serve has no such time.
func (m *Machine) keep(now time.Time, f Facts) Phase {
	learnt := m.learnt && m.before(now, m.since.Add(after))
	if !m.empty.IsZero() && !learnt && !m.before(now, m.empty.Add(linger)) {
		return Idle
	}
	if f.Standing == Active && !f.Elsewhere && f.Keep > 0 && m.partner.Metered && !m.before(now, m.since.Add(f.Keep)) {
		m.spent = true
		m.actions = append(m.actions, Action{Kind: Release, Four: m.four, Six: m.six})
		m.owe(now, m.four, m.six)
		return Idle
	}
	return Keeps
}

// bury notes whose devices lose their connections with the other router.
func (m *Machine) bury(now time.Time, f Facts, four, six bool) {
	died := f.Life == Gone && !m.gone
	m.gone = f.Life == Gone
	switch {
	case f.List == 0 || f.Off:
	case died || !m.gone && !f.Linked && m.phase != Idle && !m.heard(now, f):
		m.owe(now, true, true)
	default: // its line is dead: a Backup has the house in a moment, or the line is back by then
		m.owed.four, m.owed.six = m.owed.four && !four, m.owed.six && !six
		m.owe(now, m.four && !four, m.six && !six)
	}
}

func (m *Machine) owe(now time.Time, four, six bool) {
	if four || six {
		m.owed = debt{m.owed.four || four, m.owed.six || six, now}
	}
}

// tell tells devices once this router is the one that they send to: before, their answers would go elsewhere.
func (m *Machine) tell(now time.Time, f Facts) {
	if !m.owed.four && !m.owed.six {
		return
	}
	if f.Standing == Active {
		m.actions = append(m.actions, Action{Kind: Tell, Four: m.owed.four, Six: m.owed.six})
		m.owed = debt{}
	} else if !m.before(now, m.owed.since.Add(hold)) {
		m.owed = debt{}
	}
}
