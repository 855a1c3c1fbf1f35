package advert

import (
	"net"
	"net/netip"
	"time"

	"github.com/twinpath/twinpath/router"
)

// Times of adverts. Routers usually send one every 200 to 600 s (RFC 4861 §6.2.1); ours are more frequent, so that a lost one
// matters for a minute at most.
const (
	leastPause = 30 * time.Second
	mostPause  = time.Minute
	// shout is how many adverts say what is new, the first at once. RFC 4861 §6.2.4 has them seconds apart; a device that
	// misses the first one after a switch would go on sending into a dead line for as long.
	shout = 3
	// calm is the least time between two that news cause: a line that flaps must not flood the house.
	calm = 300 * time.Millisecond
	// rest is the least time between two to everybody that questions cause (MIN_DELAY_BETWEEN_RAS).
	rest = 3 * time.Second
	// answerPause is how long an answer waits at most. RFC 4861 §6.2.6 allows half a second, for houses where many
	// routers would answer at once.
	answerPause = 100 * time.Millisecond
	// grace is how long a router that has just started is silent rather than tell devices to leave the prefixes of before: its
	// lines say what they have in a moment.
	grace = 10 * time.Second
)

// shoutPause is what follows the first and the second advert of a shout.
func shoutPause(to int) time.Duration {
	if to == shout-1 {
		return 500 * time.Millisecond
	}
	return time.Second
}

// askers bounds those who wait for an answer of their own; for more there is one for everybody.
const askers = 8

// Heard is one message from the house's side, as a Line receives it.
type Heard struct {
	From    netip.Addr
	Message []byte
}

// Machine decides what is sent when. It is not safe for concurrent use.
type Machine struct {
	memory memory
	random func(time.Duration) time.Duration // from 0 up to that
	grace  time.Time                         // how long what an earlier run told counts; zero: no longer

	want  Wanted
	sense string    // of what everybody was told last
	left  int       // adverts of the shout
	next  time.Time // of the next to everybody; zero: none
	last  time.Time // to everybody
	asked []asker
	reply time.Time // to those who asked; zero: nobody did

	questions int // to the router that serves, still to be asked
	question  time.Time
	byes      []bye
	routers   map[netip.Addr]time.Time // the other routers of ours, by their own addresses, and until when devices use them
	strangers map[netip.Addr]*stranger
	heeded    time.Time // a minute for each stranger that came or went, from now on

	unsaved bool
	events  []router.Event
}

// asker is a device that wants an answer.
type asker struct {
	address netip.Addr
	mac     net.HardwareAddr
}

// newMachine returns a machine that remembers that.
func newMachine(now time.Time, remembers memory, random func(time.Duration) time.Duration) *Machine {
	return &Machine{
		memory: remembers, random: random, grace: now.Add(grace),
		routers: map[netip.Addr]time.Time{}, strangers: map[netip.Addr]*stranger{},
	}
}

// Want says what is to be announced from now on.
func (m *Machine) Want(now time.Time, w Wanted) {
	old := m.want
	m.want = w
	if old.Index != w.Index {
		m.asked, m.reply = nil, time.Time{}
		m.byes, m.routers, m.strangers = nil, map[netip.Addr]time.Time{}, map[netip.Addr]*stranger{}
	}
	m.part(now, old)
	m.acquaint(now, old)
	if !w.Serves {
		m.sense, m.left, m.next, m.asked, m.reply = "", 0, time.Time{}, nil, time.Time{}
		return
	}
	if !old.Serves {
		m.relieve(now)
	}
	m.suppose(now)
	if !old.Serves || old.Index != w.Index || old.source() != w.source() || old.Carrier != w.Carrier {
		m.sense = ""
	}
	m.consider(now)
}

// consider begins a shout when everybody should hear what is new.
func (m *Machine) consider(now time.Time) {
	if s := m.want.now(now, &m.memory).sense(); s != m.sense {
		m.sense, m.left = s, shout
		m.next = later(now, m.last.Add(calm))
	}
}

// Step returns what is to be sent now.
func (m *Machine) Step(now time.Time) (out []Packet) {
	m.unsaved = m.memory.forget(now) || m.unsaved
	m.nameStrangers(now)
	m.missStrangers(now)
	out = append(m.sayBye(now), m.askAround(now)...)
	if !m.able() || m.early(now) {
		return out
	}
	a := m.want.now(now, &m.memory)
	if a.empty() && !m.want.Virtual.IsValid() {
		m.next, m.asked, m.reply = time.Time{}, nil, time.Time{} // alone, and without IPv6
		return out
	}
	switch {
	case due(now, m.next):
		out = append(out, m.tell(now, a))
	case due(now, m.reply):
		out = append(out, m.answer(a)...)
	default:
		return out
	}
	m.unsaved = m.memory.said(now, a.Prefixes) || m.unsaved
	return out
}

// tell is the advert to everybody.
func (m *Machine) tell(now time.Time, a Advert) Packet {
	m.sense, m.last = a.sense(), now
	m.asked, m.reply, m.grace = nil, time.Time{}, time.Time{}
	m.left = max(m.left-1, 0)
	m.next = now.Add(leastPause + m.random(mostPause-leastPause))
	if m.left > 0 {
		m.next = now.Add(shoutPause(m.left))
	}
	return m.packet(a, everybody(), nil)
}

// answer are the adverts to those who asked.
func (m *Machine) answer(a Advert) (out []Packet) {
	for _, d := range m.asked {
		out = append(out, m.packet(a, d.address, d.mac))
	}
	m.asked, m.reply = nil, time.Time{}
	return out
}

func (m *Machine) packet(a Advert, to netip.Addr, mac net.HardwareAddr) Packet {
	return packet(a, m.want.source(), m.want.mac(), to, mac)
}

// able reports whether this router can announce at all.
func (m *Machine) able() bool {
	return m.want.Serves && m.want.Carrier && m.want.source().IsValid() && len(m.want.mac()) > 0
}

// early reports whether the lines should be given a moment before devices are told to leave what they know.
func (m *Machine) early(now time.Time) bool {
	return now.Before(m.grace) && !m.want.Default && m.memory.fresh(m.want.Prefixes)
}

// Next is when Step is to be called again without any news; zero: never.
func (m *Machine) Next(now time.Time) time.Time {
	var next time.Time
	if m.able() {
		next = sooner(m.next, m.reply)
		if m.early(now) {
			next = m.grace
		}
	}
	for _, b := range m.byes {
		next = sooner(next, b.next)
	}
	if m.curious() {
		next = sooner(next, m.question)
	}
	for _, s := range m.strangers {
		next = sooner(next, s.until)
		if !s.told {
			next = sooner(next, s.named)
		}
	}
	return next
}

// Events returns what a person should know, once.
func (m *Machine) Events() []router.Event {
	events := m.events
	m.events = nil
	return events
}

// View is what the house is told now.
func (m *Machine) View(now time.Time) router.HouseView {
	v := router.HouseView{Routers6: m.others()}
	a := m.want.now(now, &m.memory)
	if !m.able() || m.early(now) || a.empty() {
		return v
	}
	v.Advertise, v.Default6, v.Router6 = true, a.Life > 0, m.want.source().String()
	for _, p := range a.Prefixes {
		if p.Preferred > 0 {
			v.Prefixes = append(v.Prefixes, p.Prefix.String())
		} else {
			v.Retired = append(v.Retired, p.Prefix.String())
		}
	}
	return v
}

func due(now, at time.Time) bool { return !at.IsZero() && !at.After(now) }

// sooner is the first of two times; zero is never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
