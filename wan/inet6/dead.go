package inet6

import "time"

// Chosen by us, as for IPv4: some providers' boxes forget a customer until the next exchange, and asking again costs nothing; but a
// server that is down for long is not to be asked by a whole town.
const (
	redoFirst   = time.Minute
	redoLongest = 30 * time.Minute
	// episode is how long nothing must have been heard of a dead line for the next to be a new one.
	episode = 5 * time.Minute
)

// deadLine spaces out what is done about a line that is up but dead.
type deadLine struct {
	redo time.Time // when to ask again; zero: not
	seen time.Time // last heard of
	done int       // times that it was asked again
}

func (lineDead) apply(m *Machine, now time.Time) {
	d := &m.dead
	if m.told == nil {
		return // asking already
	}
	if now.Sub(d.seen) > episode {
		*d = deadLine{}
	}
	d.seen = now
	if d.redo.IsZero() {
		d.redo = now.Add(min(redoFirst<<min(d.done, 16), redoLongest))
	}
}

// again asks for everything anew, using it meanwhile: first whether it is still good, later for any.
func (m *Machine) again(now time.Time) {
	m.dead.redo = time.Time{}
	if m.told == nil || !m.open || m.released {
		return
	}
	m.dead.done++
	m.discovery.confirm(now)
	if m.dead.done == 1 {
		m.exchange.ask(now)
	} else {
		m.exchange.selectAny(now)
	}
}
