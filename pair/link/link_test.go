package link

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestTheRoutersTalk(t *testing.T) {
	both(t, func(t *testing.T, _ *air, called, caller *end) {
		caller.settings.LinkLocal = netip.MustParseAddr("fe80::3")
		called.start(t)
		caller.start(t)
		s1, s2 := within(t, time.Second, called.up), within(t, time.Second, caller.up)
		if s1.ID != s2.ID || s1.Protocol != 1 || s1.Partner.Router != "192.168.1.3" || s1.Partner.LinkLocal != netip.MustParseAddr("fe80::3") {
			t.Errorf("sessions %+v and %+v", s1, s2)
		}
		if k := s1.Key("pulse", 32); len(k) != 32 || !bytes.Equal(k, s2.Key("pulse", 32)) || bytes.Equal(k, s2.Key("else", 32)) {
			t.Error("the keys are not shared, or do not depend on their label")
		}
		big := bytes.Repeat([]byte("flow"), biggest/4)
		for _, m := range []message{{Flows, []byte("first")}, {Lines, nil}, {Flows, big}} {
			if err := caller.Send(m.kind, m.body); err != nil {
				t.Fatal(err)
			}
			if got := within(t, time.Second, called.heard); got.kind != m.kind || !bytes.Equal(got.body, m.body) {
				t.Errorf("heard %d of %d bytes", got.kind, len(got.body))
			}
		}
		if err := called.Send(200, []byte("of a newer version")); err != nil {
			t.Fatal(err)
		}
		if got := within(t, time.Second, caller.heard); got.kind != 200 {
			t.Errorf("heard %d", got.kind)
		}
		if err := called.Send(Flows, make([]byte, biggest+1)); err == nil || errors.Is(err, ErrDown) {
			t.Errorf("a message that is too big: %v", err)
		}
		if called.Reason() != "" || caller.Reason() != "" {
			t.Errorf("reasons %q and %q", called.Reason(), caller.Reason())
		}
	})
}

func TestALongSilenceEndsNothing(t *testing.T) {
	both(t, func(t *testing.T, _ *air, called, caller *end) {
		called.start(t)
		caller.start(t)
		within(t, time.Second, called.up)
		time.Sleep(time.Hour)
		if len(called.down)+len(caller.down) != 0 {
			t.Error("the link went down")
		}
	})
}

func TestARouterThatEndsSaysSo(t *testing.T) {
	for _, first := range []string{"called", "caller"} {
		both(t, func(t *testing.T, _ *air, called, caller *end) {
			called.start(t)
			caller.start(t)
			within(t, time.Second, called.up)
			within(t, time.Second, caller.up)
			ends, stays := called, caller
			if first == "caller" {
				ends, stays = caller, called
			}
			ends.halt()
			got := within(t, time.Second, stays.down)
			if !got.bye || got.reason.Error() != "the other router ends the link: it is being stopped" {
				t.Errorf("%s: down by %v, bye %v", first, got.reason, got.bye)
			}
			if err := stays.Send(Flows, nil); !errors.Is(err, ErrDown) {
				t.Errorf("sent: %v", err)
			}
			ends.start(t) // and there it is again
			within(t, 3*time.Second, stays.up)
		})
	}
}

func TestOtherSettingsBeginAnew(t *testing.T) {
	both(t, func(t *testing.T, _ *air, called, caller *end) {
		called.start(t)
		caller.start(t)
		first := within(t, time.Second, called.up)
		called.Use(called.settings)
		time.Sleep(time.Second)
		if len(called.down) != 0 {
			t.Error("the same settings ended it")
		}
		caller.settings.MAC = "02:00:00:00:00:09"
		caller.Use(caller.settings)
		if got := within(t, time.Second, called.down); !got.bye || got.reason.Error() != "the other router ends the link: its configuration has changed" {
			t.Errorf("down by %v", got.reason)
		}
		second := within(t, time.Second, called.up)
		if second.Partner.MAC != "02:00:00:00:00:09" || second.Partner.Instance != first.Partner.Instance || second.ID == first.ID {
			t.Errorf("sessions %+v and %+v", first, second)
		}
		called.Use(Settings{})
		within(t, time.Second, caller.down)
		reason(t, called, "")
	})
}

func TestNobodyWithoutTheSecretGetsIn(t *testing.T) {
	both(t, func(t *testing.T, a *air, called, caller *end) {
		caller.settings.Secret = "another secret!!"
		var shown recorder
		a.on = shown.between
		called.start(t)
		caller.start(t)
		const wrong = "the other router has another [pair] secret"
		reason(t, called, wrong)
		reason(t, caller, wrong)
		if len(called.up)+len(caller.up) != 0 {
			t.Error("it got in")
		}
		// A record of TLS that is an alert (RFC 8446 §5.1, §6): fatal, 80.
		if got, want := shown.first(), []byte{21, 3, 1, 0, 2, 2, 80}; !bytes.Equal(got, want) {
			t.Errorf("the caller got % x", got)
		}
		caller.settings.Secret = called.settings.Secret
		caller.Use(caller.settings)
		within(t, 3*time.Second, called.up)
	})
}

// recorder keeps what is read of each connection, and what is written.
type recorder struct {
	mu   sync.Mutex
	got  []*bytes.Buffer
	sent []*bytes.Buffer
}

func (r *recorder) between(c net.Conn) net.Conn {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got, r.sent = append(r.got, new(bytes.Buffer)), append(r.sent, new(bytes.Buffer))
	return &recorded{c, r, r.got[len(r.got)-1], r.sent[len(r.sent)-1]}
}

func (r *recorder) first() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got[0].Bytes())
}

type recorded struct {
	net.Conn
	r         *recorder
	got, sent *bytes.Buffer
}

func (c *recorded) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.r.mu.Lock()
	defer c.r.mu.Unlock()
	c.got.Write(b[:n])
	return n, err
}

func (c *recorded) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.r.mu.Lock()
	defer c.r.mu.Unlock()
	c.sent.Write(b[:n])
	return n, err
}

func TestAReplayedCallGetsAnAlert(t *testing.T) {
	both(t, func(t *testing.T, a *air, called, caller *end) {
		var tape recorder
		a.on = tape.between
		called.start(t)
		caller.start(t)
		within(t, time.Second, called.up)
		within(t, time.Second, caller.up)
		if err := caller.Send(Flows, []byte("once")); err != nil {
			t.Fatal(err)
		}
		within(t, time.Second, called.heard)
		caller.halt()
		caller.stop = nil
		within(t, time.Second, called.down)
		conn, err := a.Dial(t.Context(), "", high, netip.AddrPortFrom(low, 61112))
		if err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = conn.Write(tape.sent[0].Bytes()) }()
		answer, _ := io.ReadAll(conn)
		if want := []byte{21, 3, 1, 0, 2, 2, 80}; !bytes.Equal(answer, want) {
			t.Errorf("the answer is % x", answer)
		}
		_ = conn.Close()
		synctest.Wait()
		if len(called.up)+len(called.heard) != 0 {
			t.Error("it was heard")
		}
	})
}

func TestARouterThatReachesItselfSaysSo(t *testing.T) {
	both(t, func(t *testing.T, a *air, _, caller *end) {
		// Somebody leads the call back to the router that makes it, whose address has changed and which is the called one by now.
		mirror := newEnd(a, low, high)
		mirror.instance = caller.instance
		mirror.start(t)
		defer mirror.halt()
		caller.start(t)
		reason(t, caller, "this router has reached itself at the other one's address")
		if len(caller.up)+len(mirror.up) != 0 {
			t.Error("it talks to itself")
		}
	})
}

func TestVersions(t *testing.T) {
	for _, c := range []struct {
		name                     string
		protocol, least, partner int
		common                   int // 0: none
	}{
		{"the same", 1, 1, 1, 1},
		{"a newer one that knows this one", 3, 1, 1, 1},
		{"a newer one that does not", 3, 2, 1, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			both(t, func(t *testing.T, a *air, called, caller *end) {
				called.protocol, called.least, called.settings.Version = c.protocol, c.least, "9.0"
				caller.protocol = c.partner
				called.start(t)
				caller.start(t)
				if c.common > 0 {
					if got := within(t, time.Second, caller.up); got.Protocol != c.common {
						t.Errorf("protocol %d", got.Protocol)
					}
					return
				}
				reason(t, caller, "the other router works by another version (9.0): update it")
				reason(t, called, "the other router works by another version (1.0): update it")
				before := a.called()
				time.Sleep(10 * muchLater)
				if n := a.called() - before; n < 9 || n > 11 {
					t.Errorf("called %d times within 5 minutes", n)
				}
			})
		})
	}
}

func TestWhyThereIsNone(t *testing.T) {
	both(t, func(t *testing.T, a *air, called, caller *end) {
		caller.start(t)
		reason(t, caller, "nothing listens at 192.168.1.2, port 61112: Twinpath does not run there, has no [pair], or one with another port")
		a.set(func() { a.dead = true })
		reason(t, caller, "192.168.1.2 does not answer")
		a.set(func() { a.dead, a.faulty = false, syscall.ENODEV })
		called.start(t)
		reason(t, called, "the other router cannot call this one: no such device")
		a.set(func() { a.faulty = nil })
		within(t, 5*time.Second, called.up)
		for want, change := range map[string]func(*Settings){
			"this router has no address on the LAN yet": func(s *Settings) { s.Own = netip.Addr{} },
			"[pair] peer is this router's own address":  func(s *Settings) { s.Own = s.Partner },
			"": func(s *Settings) { s.Secret = "" },
		} {
			s := called.settings
			change(&s)
			called.Use(s)
			reason(t, called, want)
		}
	})
}

func TestStrangersAreNotHeardAndDoNotHoldUp(t *testing.T) {
	both(t, func(t *testing.T, a *air, called, caller *end) {
		called.start(t)
		synctest.Wait()
		at := netip.AddrPortFrom(low, 61112)
		foreign, err := a.Dial(t.Context(), "", netip.MustParseAddr("192.168.1.66"), at)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := foreign.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("somebody else was let in: %v", err)
		}
		var slow []net.Conn
		for range strangers { // by the address of the other router: they say nothing
			c, err := a.Dial(t.Context(), "", high, at)
			if err != nil {
				t.Fatal(err)
			}
			slow = append(slow, c)
		}
		synctest.Wait()
		one, err := a.Dial(t.Context(), "", high, at)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := one.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("one too many: %v", err)
		}
		caller.start(t)
		within(t, patience+later, called.up)
		for _, c := range slow {
			if _, err := c.Read(make([]byte, 1)); err == nil {
				t.Error("silence was answered")
			}
		}
	})
}
