package inet6

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/twinpath/twinpath/wan"
)

// Chosen by us: a device has its link-local address a second or two after its carrier; one that goes on without is asked for it less
// and less.
const (
	reopenFirst   = 250 * time.Millisecond
	reopenLongest = 30 * time.Second
	mute          = 6 // so many failures are news, for a person
)

// talk is one run of a client: the machine and its two lines. That of routers is open all the time, that of servers while an answer
// is awaited.
type talk struct {
	*Client
	machine  *Machine
	ctx      context.Context
	group    sync.WaitGroup // every goroutine of the run
	routers  Line           // nil while it cannot be opened
	servers  Line           // nil while nothing is awaited
	messages chan heard
	reopen   time.Time // when routers is tried again; zero: not
	failures int
	sendErr  error // of the last message
}

// heard is a message and the line it came by; without text when that line broke.
type heard struct {
	line Line
	raw  []byte
	from netip.Addr
}

// turn waits for the next event and handles it.
func (t *talk) turn() {
	timer := alarm(earlier(t.machine.Wake(), t.reopen))
	defer timer.Stop()
	select {
	case <-t.ctx.Done():
	case <-timer.C:
		if passed(t.reopen, time.Now()) {
			t.openRouters()
		}
		t.step(tick{})
	case m := <-t.messages:
		t.hear(m)
	case <-t.wishes.linkUp:
		t.close() // they may be bound to a device that is gone
		t.failures = 0
		t.step(closed{})
		t.step(linkUp{})
		t.openRouters()
	case <-t.wishes.dead:
		t.step(lineDead{})
	case done := <-t.wishes.release:
		t.sendErr = nil
		t.step(giveUp{})
		done <- t.sendErr
	}
}

// alarm is a timer for that moment; none for the zero time.
func alarm(at time.Time) *time.Timer {
	const never = 1 << 62
	if at.IsZero() {
		return time.NewTimer(never)
	}
	return time.NewTimer(time.Until(at))
}

func (t *talk) hear(m heard) {
	switch {
	case m.line == t.routers && m.raw != nil:
		t.step(advertised{m.raw, m.from})
	case m.line == t.servers && m.raw != nil:
		t.step(answered{m.raw, m.from})
	case m.line == t.routers:
		t.breakRouters()
	case m.line == t.servers:
		t.closeServers()
	}
}

// step gives the machine an event and does what it wants.
func (t *talk) step(e event) {
	before := t.machine.State()
	for _, a := range t.machine.Step(time.Now(), e) {
		t.do(a)
	}
	if s := t.machine.State(); s != before {
		t.Log.Debug("dhcpv6", "wan", t.Name, "from", before, "to", s)
	}
	if !t.machine.Listening() {
		t.closeServers()
	}
}

func (t *talk) do(a action) {
	switch a := a.(type) {
	case ask:
		if t.routers != nil {
			t.note(t.routers.Send(a.message))
		}
	case send:
		t.sendErr = t.sendServers(a.message)
		t.note(t.sendErr)
	case report:
		lease := a.lease
		if lease != nil {
			with := *lease
			with.Device = t.Device
			lease = &with
		}
		t.Report(wan.Update6{WAN: t.Name, Lease: lease, Reason: a.reason})
	case save:
		a.saved.Uptime = t.uptime()
		if err := t.Store.Save(a.saved); err != nil {
			t.Log.Warn("IPv6 lease not saved", "wan", t.Name, "error", err)
		}
	}
}

func (t *talk) note(err error) {
	if err != nil {
		t.Log.Debug("IPv6 message not sent", "wan", t.Name, "error", err)
	}
}

// openRouters opens the line of routers, or says when to try again.
func (t *talk) openRouters() {
	t.reopen = time.Time{}
	line, err := t.Sockets.Open(t.Device, Routers)
	if err != nil {
		t.reopen = time.Now().Add(min(reopenFirst<<min(t.failures, 16), reopenLongest))
		t.failures++
		t.Log.Debug("IPv6 not listened for", "wan", t.Name, "error", err)
		if t.failures == mute {
			t.step(closed{mute: true})
		}
		return
	}
	t.routers, t.failures = line, 0
	t.group.Go(func() { t.receive(line) })
	t.step(opened{line.HardwareAddr(), line.PointToPoint()})
}

// breakRouters goes on after the line of routers has broken: its device is gone, or was switched off.
func (t *talk) breakRouters() {
	t.close()
	t.step(closed{})
	t.reopen = time.Now().Add(reopenFirst)
}

// sendServers opens the line of servers when needed.
func (t *talk) sendServers(message []byte) error {
	if t.servers == nil {
		line, err := t.Sockets.Open(t.Device, Servers)
		if err != nil {
			return err
		}
		t.servers = line
		t.group.Go(func() { t.receive(line) })
	}
	err := t.servers.Send(message)
	if err != nil {
		t.closeServers() // a line does not survive its device; the next message opens another
	}
	return err
}

func (t *talk) closeServers() {
	if t.servers != nil {
		_ = t.servers.Close()
		t.servers = nil
	}
}

func (t *talk) close() {
	t.closeServers()
	if t.routers != nil {
		_ = t.routers.Close()
		t.routers = nil
	}
}

// receive hands on what the line reads until it ends. What comes faster than it is handled is lost.
func (t *talk) receive(line Line) {
	buffer := make([]byte, 4096) // larger than any frame; messages of servers fit into one
	for {
		n, from, err := line.Receive(buffer)
		if err != nil {
			break
		}
		select {
		case t.messages <- heard{line, append([]byte{}, buffer[:n]...), from}:
		default:
		}
	}
	select {
	case t.messages <- heard{line, nil, netip.Addr{}}:
	case <-t.ctx.Done():
	}
}
