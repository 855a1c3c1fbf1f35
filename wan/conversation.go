package wan

import (
	"context"
	"net/netip"
	"sync"
	"time"
)

// conversation is one run of a DHCP client: the machine and the line that is open at times.
type conversation struct {
	*DHCP
	machine  *Machine
	ctx      context.Context
	group    sync.WaitGroup // every goroutine of the run
	line     Line           // nil while nothing is awaited
	messages chan message
	verdicts chan checked
	sendErr  error // of the last message
}

// message is a datagram and the line it came by; empty when that line broke.
type message struct {
	line Line
	raw  []byte
}

// turn waits for the next event and handles it.
func (c *conversation) turn() {
	timer := alarm(c.machine.Wake())
	defer timer.Stop()
	select {
	case <-c.ctx.Done():
	case <-timer.C:
		c.step(tick{})
	case m := <-c.messages:
		c.hear(m)
	case v := <-c.verdicts:
		c.step(v)
	case <-c.wishes.linkUp:
		c.close() // it may be bound to a device that is gone
		c.step(linkUp{})
	case <-c.wishes.dead:
		c.step(lineDead{})
	case done := <-c.wishes.release:
		c.sendErr = nil
		c.step(giveUp{})
		done <- c.sendErr
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

func (c *conversation) hear(m message) {
	switch {
	case m.line != c.line: // of a line that was closed
	case m.raw == nil:
		c.close()
	default:
		c.step(received{m.raw, m.line.HardwareAddr()})
	}
}

// step gives the machine an event and does what it wants. The line is closed as soon as nothing is
// awaited, so that a flood on the WAN costs nothing.
func (c *conversation) step(e event) {
	before := c.machine.State()
	for _, a := range c.machine.Step(time.Now(), e) {
		c.do(a)
	}
	for f := range c.machine.faults {
		c.faults[f].Store(int64(c.machine.faults[f]))
	}
	if s := c.machine.State(); s != before {
		c.Log.Debug("dhcp", "wan", c.Name, "from", before, "to", s)
	}
	if !c.machine.Listening() {
		c.close()
	}
}

func (c *conversation) do(a action) {
	switch a := a.(type) {
	case send:
		c.sendErr = c.send(a)
		if c.sendErr != nil {
			c.Log.Debug("dhcp message not sent", "wan", c.Name, "error", c.sendErr)
		}
	case check:
		c.check(a.address)
	case report:
		c.Report(Update{WAN: c.Name, Lease: a.lease, Reason: a.reason})
	case save:
		if err := c.Store.Save(keep(a.lease, a.taken, c.uptime())); err != nil {
			c.Log.Warn("lease not saved", "wan", c.Name, "error", err)
		}
	case forget:
		c.Store.Forget()
	}
}

// send opens the line when needed. What cannot be sent to the server alone is broadcast: the address
// may not be in the kernel yet, or no route lead to the server.
func (c *conversation) send(s send) error {
	if err := c.open(); err != nil {
		return err
	}
	packet := s.packet(c.line.HardwareAddr())
	err := c.line.Send(packet, s.from, s.to)
	if err != nil && s.to.IsValid() {
		c.Log.Debug("dhcp message broadcast instead", "wan", c.Name, "error", err)
		err = c.line.Send(packet, s.from, netip.Addr{})
	}
	if err != nil {
		c.close() // a line does not survive its device; the next message opens another
	}
	return err
}

func (c *conversation) open() error {
	if c.line != nil {
		return nil
	}
	line, err := c.Sockets.Open(c.Device)
	if err != nil {
		return err
	}
	c.line = line
	c.group.Go(func() { c.receive(line) })
	return nil
}

func (c *conversation) close() {
	if c.line != nil {
		_ = c.line.Close()
		c.line = nil
	}
}

// receive hands on what the line reads until it ends. What comes faster than it is handled is lost.
func (c *conversation) receive(line Line) {
	buffer := make([]byte, 1<<16)
	for {
		n, err := line.Receive(buffer)
		if err != nil {
			break
		}
		select {
		case c.messages <- message{line, append([]byte(nil), buffer[:n]...)}:
		default:
		}
	}
	select {
	case c.messages <- message{line, nil}:
	case <-c.ctx.Done():
	}
}

// check looks for another user of the address while the loop goes on. A check that cannot be made
// does not stop the house: the address is then taken to be free.
func (c *conversation) check(address netip.Addr) {
	c.group.Go(func() {
		user, err := c.Sockets.Conflict(c.ctx, c.Device, address)
		if err != nil {
			c.Log.Debug("address not checked", "wan", c.Name, "error", err)
		}
		select {
		case c.verdicts <- checked{address, user}:
		case <-c.ctx.Done():
		}
	})
}
