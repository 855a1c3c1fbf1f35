package link

import (
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// cable is a connection that can be cut, and whose program can fall asleep.
type cable struct {
	net.Conn
	left   atomic.Int64 // bytes until it breaks, once armed
	armed  atomic.Bool
	asleep atomic.Bool
}

func (c *cable) Write(b []byte) (int, error) {
	c.sleep()
	if c.armed.Load() {
		if left := c.left.Add(-int64(len(b))); left < 0 {
			n, _ := c.Conn.Write(b[:max(0, int64(len(b))+left)])
			_ = c.Conn.Close()
			return n, net.ErrClosed
		}
	}
	return c.Conn.Write(b)
}

func (c *cable) Read(b []byte) (int, error) {
	c.sleep()
	return c.Conn.Read(b)
}

func (c *cable) sleep() {
	for c.asleep.Load() {
		time.Sleep(100 * time.Millisecond)
	}
}

func TestACutInTheMiddleOfAMessage(t *testing.T) {
	both(t, func(t *testing.T, a *air, called, caller *end) {
		var last atomic.Pointer[cable]
		a.on = func(c net.Conn) net.Conn {
			cut := &cable{Conn: c}
			last.Store(cut)
			return cut
		}
		called.start(t)
		caller.start(t)
		body := []byte("flow 1 2 3 4 5 6 7 8 9 0 and a half")
		whole := 5 + headSize + len(body) + 1 + 16 // a record of TLS 1.3: its head, the message, its type, the seal (RFC 8446 §5.2)
		for n := range whole {
			within(t, 3*time.Second, caller.up)
			within(t, 3*time.Second, called.up)
			c := last.Load()
			c.left.Store(int64(n))
			c.armed.Store(true)
			_ = caller.Send(Flows, body)
			within(t, time.Second, caller.down)
			if got := within(t, time.Second, called.down); got.bye || got.reason == nil {
				t.Fatalf("cut after %d bytes: down by %v, bye %v", n, got.reason, got.bye)
			}
		}
		if len(called.heard) != 0 {
			t.Errorf("%d messages came through", len(called.heard))
		}
	})
}

func TestARouterThatDoesNotReadIsLeft(t *testing.T) {
	both(t, func(t *testing.T, a *air, called, caller *end) {
		var last atomic.Pointer[cable]
		a.on = func(c net.Conn) net.Conn {
			lazy := &cable{Conn: c}
			last.Store(lazy)
			return lazy
		}
		called.start(t)
		caller.start(t)
		within(t, time.Second, called.up)
		within(t, time.Second, caller.up)
		last.Load().asleep.Store(true)
		sent := 0
		for called.Send(Incidents, make([]byte, biggest)) == nil {
			if sent++; sent > 20 {
				t.Fatal("20 MB wait for somebody who does not read")
			}
		}
		if got := within(t, time.Second, called.down); got.bye || got.reason.Error() != "the other router does not keep up" {
			t.Errorf("down by %v", got.reason)
		}
		last.Load().asleep.Store(false)
		within(t, 5*time.Second, called.up)
	})
}

func TestAProgramThatHangsIsNoticed(t *testing.T) {
	both(t, func(t *testing.T, a *air, called, caller *end) {
		var last atomic.Pointer[cable]
		a.on = func(c net.Conn) net.Conn {
			dull := &cable{Conn: c}
			last.Store(dull)
			return dull
		}
		called.start(t)
		caller.start(t)
		within(t, time.Second, called.up)
		last.Load().asleep.Store(true)
		if got := within(t, deadly+2*silence, called.down); got.bye {
			t.Errorf("down by %v", got.reason)
		}
		last.Load().asleep.Store(false)
	})
}

// A router whose cable was pulled calls again before the other one has noticed: the newer call counts.
func TestANewerCallCounts(t *testing.T) {
	both(t, func(t *testing.T, a *air, called, caller *end) {
		called.start(t)
		caller.start(t)
		within(t, time.Second, called.up)
		again := newEnd(a, high, low) // its power was cut: no bye
		again.start(t)
		defer again.halt()
		if got := within(t, time.Second, called.down); got.bye || got.reason.Error() != "the other router begins anew" {
			t.Errorf("down by %v", got.reason)
		}
		if s := within(t, time.Second, called.up); s.Partner.Instance != again.instance {
			t.Error("it talks to the old one")
		}
		caller.halt()
		caller.stop = nil
	})
}

// What a thousand connections leave behind would keep the bubble from ending.
func TestAThousandConnectionsLeaveNothing(t *testing.T) {
	both(t, func(t *testing.T, a *air, called, caller *end) {
		var last atomic.Pointer[cable]
		a.on = func(c net.Conn) net.Conn {
			cut := &cable{Conn: c}
			last.Store(cut)
			return cut
		}
		called.start(t)
		caller.start(t)
		for range 1000 {
			within(t, 3*time.Second, called.up)
			within(t, 3*time.Second, caller.up)
			_ = last.Load().Conn.Close()
			within(t, time.Second, called.down)
			within(t, time.Second, caller.down)
		}
		synctest.Wait()
	})
}
