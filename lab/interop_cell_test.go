package lab

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

// cell is one row of the interop matrix: a protocol, two programs and who of them is to be Active.
type cell struct {
	protocol string
	virtual  Virtual
	leader   speaker // with priority 100, on "main"
	follower speaker // with priority 50, on "backup"
}

// result is what one scenario of a cell showed: how long it took, or what went wrong.
type result struct {
	took  time.Duration
	fault string
}

func (r result) String() string {
	switch {
	case r.fault != "":
		return "**no**: " + r.fault
	case r.took == 0:
		return "yes"
	}
	return fmt.Sprintf("%d ms", r.took.Milliseconds())
}

// scenarios are the columns of the matrix, in the order they are played. Each begins and ends with "main" Active, but the last.
var scenarios = []struct {
	name string
	play func(*match) result
}{
	{"election", (*match).election},
	{"clean stop", (*match).cleanStop},
	{"kill -9", (*match).kill},
	{"preempt", (*match).preempt},
	{"priority down", (*match).priorityDown},
	{"priority up", (*match).priorityUp},
	{"no preempt", (*match).noPreempt},
	{"equal priorities", (*match).equal},
}

// match is a cell being played.
type match struct {
	*pair
	tb testing.TB
	cell
}

// Priorities of a match.
const (
	high   = 100
	low    = 50
	lowest = 40
)

// slack is what a program may take beyond its timers: the machine is shared with the other cells.
const slack = 600 * time.Millisecond

func (m *match) at(priority int, on *Box) Virtual {
	v := m.virtual
	v.ID, v.Priority = 51, priority
	if v.Peer.IsValid() && on == m.backup {
		v.Self, v.Peer = v.Peer, v.Self
	}
	return v
}

// skew is the time by which a lower priority waits longer (RFC 9568 §6.1, RFC 3768 §6.1).
func (m *match) skew(priority int) time.Duration {
	base := m.virtual.Interval
	if m.virtual.Version == 2 {
		base = time.Second
	}
	return time.Duration(256-priority) * base / 256
}

// down is the master down interval.
func (m *match) down(priority int) time.Duration { return 3*m.virtual.Interval + m.skew(priority) }

// first waits for a router's first advert with a priority above 0 after a moment.
func (m *match) first(from time.Time, router string, limit time.Duration) result {
	for end := time.Now().Add(limit + slack); ; time.Sleep(look) {
		for _, a := range m.recorder.Adverts(from, router) {
			if a.Priority > 0 {
				return result{took: a.Time.Sub(from)}
			}
		}
		if time.Now().After(end) {
			return result{fault: fmt.Sprintf("%s says nothing within %s", router, round(limit+slack))}
		}
	}
}

// alone waits until one router only speaks, and for two intervals.
func (m *match) alone(router string) (fault string) {
	var from time.Time
	for end := time.Now().Add(2*m.down(low) + slack); time.Now().Before(end); time.Sleep(look) {
		from = time.Now().Add(-2*m.virtual.Interval - m.virtual.Interval/4)
		all := m.recorder.Adverts(from, "")
		foreign := slices.ContainsFunc(all, func(a Advert) bool { return a.From != router })
		if len(all) >= 2 && !foreign {
			return ""
		}
	}
	return fmt.Sprintf("%s is not the only speaker:\n%s", router, m.recorder.Story(from))
}

// taken is first and alone.
func (m *match) taken(from time.Time, router string, limit time.Duration) result {
	r := m.first(from, router, limit)
	if r.fault == "" {
		r.fault = m.alone(router)
	}
	return r
}

func (m *match) election() result {
	from := time.Now()
	m.backupStarts(low)
	m.activeStarts(high)
	return m.taken(from, "main", startSlack+m.down(high)+m.down(low))
}

// startSlack is what a program may take until its timers run.
const startSlack = 1500 * time.Millisecond

func (m *match) activeStarts(priority int) { m.starts(m.leader, m.main, priority) }
func (m *match) backupStarts(priority int) { m.starts(m.follower, m.backup, priority) }

func (m *match) starts(s speaker, b *Box, priority int) {
	s.start(m.tb, b, m.at(priority, b))
	if s.ready != nil {
		s.ready(m.tb, b)
	}
}

// cleanStop shows how fast the Backup is when the Active says good-bye: one skew time.
func (m *match) cleanStop() result {
	from := time.Now()
	m.leader.stop(m.tb, m.main)
	r := m.taken(from, "backup", m.leader.linger+m.skew(low))
	m.activeStarts(high)
	return r.and(m.taken(time.Now(), "main", startSlack+m.down(high)))
}

// and keeps the first result's time and the first fault.
func (r result) and(next result) result {
	if r.fault == "" {
		r.fault = next.fault
	}
	return r
}

// kill leaves main dead: preempt follows.
func (m *match) kill() result {
	from := time.Now()
	must(m.tb, m.main.KillAll())
	return m.taken(from, "backup", m.down(low))
}

func (m *match) preempt() result {
	from := time.Now()
	m.activeStarts(high)
	return m.taken(from, "main", startSlack+m.down(high))
}

func (m *match) priorityDown() result {
	from := time.Now()
	m.leader.change(m.tb, m.main, m.at(lowest, m.main))
	return m.taken(from, "backup", m.virtual.Interval+m.down(low))
}

func (m *match) priorityUp() result {
	from := time.Now()
	m.leader.change(m.tb, m.main, m.at(high, m.main))
	return m.taken(from, "main", m.virtual.Interval+m.down(high))
}

// noPreempt restarts main, which must leave the Backup of lower priority in charge.
func (m *match) noPreempt() result {
	m.leader.stop(m.tb, m.main)
	r := m.taken(time.Now(), "backup", m.leader.linger+m.skew(low))
	v := m.at(high, m.main)
	v.NoPreempt = true
	from := time.Now()
	m.leader.start(m.tb, m.main, v)
	must(m.tb, pause(m.tb.Context(), m.down(high)+2*m.virtual.Interval)) // nothing must happen for so long
	if said := m.recorder.Adverts(from, "main"); len(said) > 0 {
		r.fault = fmt.Sprintf("main speaks: %s", said[0])
	}
	return r.and(result{fault: m.alone("backup")}).yes()
}

// yes forgets a time that says nothing.
func (r result) yes() result { return result{fault: r.fault} }

// equal starts both anew: one of them is Active in the end, whichever was first.
func (m *match) equal() result {
	m.leader.stop(m.tb, m.main)
	m.follower.stop(m.tb, m.backup)
	m.backupStarts(high)
	m.activeStarts(high)
	from := time.Now()
	m.await(m.tb, "somebody speaks", func() bool { return len(m.recorder.Adverts(from, "")) > 0 })
	for end := time.Now().Add(startSlack + 2*m.down(low)); time.Now().Before(end); time.Sleep(look) {
		if m.alone("backup") == "" || m.alone("main") == "" {
			return result{}
		}
	}
	return result{fault: "both speak:\n" + m.recorder.Story(time.Now().Add(-3*m.virtual.Interval))}
}

// chatter makes the client say something to everybody, as every house does all the time: it shows a starting router that it hears.
func (p *pair) chatter(tb testing.TB) {
	tb.Helper()
	conn, err := p.laptop.Dial(tb.Context(), "udp4", "192.168.1.255:9")
	must(tb, err)
	stop := make(chan struct{})
	p.onClose(func() { close(stop); _ = conn.Close() })
	p.tasks.Go(func() { say(conn, stop) })
}

func say(conn net.Conn, stop <-chan struct{}) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
			_, _ = conn.Write([]byte("hello"))
		}
	}
}

// play plays every scenario and returns the row.
func (c cell) play(t *testing.T) (row []result) {
	m := &match{pair: raised(t, pairHome()), tb: t, cell: c}
	m.chatter(t)
	for _, s := range scenarios {
		from := time.Now()
		r := s.play(m)
		row = append(row, r)
		if r.fault != "" {
			t.Errorf("%s: %s\n%s", s.name, r.fault, lastLines(m.recorder.Story(from), 40))
			break
		}
		m.wantFlawless(t, s.name, from)
	}
	for len(row) < len(scenarios) {
		row = append(row, result{fault: "not reached"})
	}
	return row
}

// wantFlawless asks tcpdump whether every packet of a scenario is right.
func (m *match) wantFlawless(t *testing.T, scenario string, from time.Time) {
	t.Helper()
	text, err := m.recorder.Tcpdump(from)
	must(t, err)
	for line := range strings.Lines(text) {
		if strings.Contains(line, "(bad ") || strings.Contains(line, "truncated") {
			t.Errorf("%s: tcpdump says: %s", scenario, line)
		}
	}
}
