package lab

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// sharedTOML is duoTOML with the other router as a line of the same cost, which gets a quarter of the house's new connections.
func sharedTOML(b *Box) string {
	other, target := "192.168.1.3", "9.9.9.9"
	if b.Name != "main" {
		other, target = "192.168.1.2", "149.112.112.112"
	}
	return strings.Replace(duoTOML(b), "kind = \"dhcp\"\n", "kind = \"dhcp\"\nweight = 3\n", 1) + fmt.Sprintf(`
[[wan]]
name = "neighbour"
kind = "peer"
peer = { gateway = %q }
%s  [[wan.check]]
  ping = %q
`, other, duoHealth.section(), target)
}

// sharers are a duo of which each router has the other one's line, too.
type sharers struct{ *duo }

// openSharers builds the house, and waits until main shares its connections out.
func openSharers(t *testing.T, config func(*Box) string) *sharers {
	t.Helper()
	p := &sharers{&duo{pair: build(t, duoHome())}}
	var err error
	p.witness, err = p.Witness(p.main, p.backup)
	must(t, err)
	must(t, p.backup.Start(t.Context(), built(t), config(p.backup)))
	await(t, p.backup, "the backup's line is up", func(s Status) bool { return s.state("line") == "up" }) // else it is main's first failure, and the second is held against it
	must(t, p.main.Start(t.Context(), built(t), config(p.main)))
	p.held(t, "main")
	p.linked(t)
	await(t, p.main, "main has taken the house over from the backup", func(s Status) bool { return s.Pair.Phase == "keeps" || s.Pair.Phase == "" })
	return p
}

// carry waits until exactly these lines of main take new connections.
func (p *sharers) carry(t *testing.T, when string, names ...string) {
	t.Helper()
	await(t, p.main, when, func(s Status) bool {
		var all []string
		for _, w := range s.WANs {
			if w.Active {
				all = append(all, w.Name)
			}
		}
		return strings.Join(all, " ") == strings.Join(names, " ")
	})
}

// streamFrom is a TCP connection from one of the device's addresses.
func streamFrom(t *testing.T, d *Device, source netip.Addr) *Stream {
	t.Helper()
	var conn net.Conn
	must(t, d.space.Do(func() (err error) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		conn, err = (&net.Dialer{LocalAddr: &net.TCPAddr{IP: source.AsSlice()}}).DialContext(ctx, "tcp4", echoServer().String())
		return err
	}))
	return newStream(conn, StreamInterval)
}

// by is one of the addresses whose connections leave by a line.
func by(t *testing.T, found map[netip.Addr]string, line string) netip.Addr {
	t.Helper()
	for a, l := range found {
		if l == line {
			return a
		}
	}
	t.Fatalf("nobody uses %s: %v", line, found)
	return netip.Addr{}
}

// Both lines carry the house, by weight, and each takes over from the other: at once where the other router knows that its line is dead.
func TestPeerSharesBothLines(t *testing.T) {
	t.Parallel()
	p := openSharers(t, sharedTOML)
	p.carry(t, "both lines carry", "line", "neighbour")
	await(t, p.backup, "the backup could use main's line, and its name server", func(s Status) bool { return s.state("neighbour") == "up" })
	online(t, p.laptop)
	all := crowd(t, p.laptop)
	first := ways(t, p.House, p.laptop, all)
	// As in TestEqualCostsShare.
	if n := count(first, "fibre"); n < 62 || n > 118 || count(first, "lte") != len(all)-n {
		t.Errorf("fibre has %d, lte %d of %d devices, want about three quarters", n, count(first, "lte"), len(all))
	}
	t.Logf("fibre %d, lte %d of %d devices", count(first, "fibre"), count(first, "lte"), len(all))

	// The other router's line dies: its connections are told, and new ones go by our own.
	there, here := streamFrom(t, p.laptop, by(t, first, "lte")), streamFrom(t, p.laptop, by(t, first, "fibre"))
	must(t, pause(t.Context(), 500*time.Millisecond))
	mark := time.Now()
	must(t, p.Cut("backup", "lte"))
	p.await(t, "new connections leave the dead line", func() bool {
		seen, err := seenFrom(t.Context(), p.laptop, by(t, first, "lte"))
		return err == nil && p.LineOf(seen) == "fibre"
	})
	moved := time.Since(mark)
	p.await(t, "the dead line's client knows", func() bool { return there.Result().Cause != nil })
	t.Logf("the other router's line is dead: new connections after %s, its client knows after %s", round(moved), round(there.Result().Told(mark)))
	if moved > 2*time.Second || there.Stop().Told(mark) > 2*time.Second {
		t.Error("that takes too long")
	}
	await(t, p.main, "and it is said", func(s Status) bool {
		return s.state("neighbour") == "down" && strings.Contains(s.WANs[1].Reason, "the other router has no line that works (line: no cable in wan0")
	})
	if r := here.Stop(); !r.survived() {
		t.Errorf("what was on the own line: %s", r)
	}
	must(t, p.Plug("backup", "lte"))
	p.carry(t, "both carry again", "line", "neighbour")

	// The link is cut, the other daemon dies: the other router's kernel goes on, and so do both lines.
	began := streamFrom(t, p.laptop, by(t, first, "lte"))
	must(t, p.cutLink())
	await(t, p.main, "not linked", func(s Status) bool { return !s.Pair.Linked })
	if now := ways(t, p.House, p.laptop, all); count(now, "lte") != count(first, "lte") {
		t.Errorf("without a link lte has %d of %d devices", count(now, "lte"), len(all))
	}
	must(t, p.healLink())
	p.linked(t)
	must(t, p.backup.Kill())
	if now := ways(t, p.House, p.laptop, all); count(now, "lte") != count(first, "lte") {
		t.Errorf("without the other daemon lte has %d of %d devices", count(now, "lte"), len(all))
	}
	must(t, p.backup.Restart(t.Context()))
	p.linked(t)
	if r := began.Stop(); !r.survived() {
		t.Errorf("what was on the other router's line all the time: %s", r)
	}
	p.straight(t)
}

// cutLink has the house's switch lose what the two routers say to each other over their link.
func (p *sharers) cutLink() error {
	_, err := p.lan.Feed("nft -f -", `
table bridge link {
	chain forward {
		type filter hook forward priority 0;
		tcp sport 61112 drop
		tcp dport 61112 drop
	}
}`)
	return err
}

func (p *sharers) healLink() error {
	_, err := p.lan.Run("nft delete table bridge link")
	return err
}

// With no line left of either router nothing goes round between the two: a host is told at once, in both families.
func TestPeerNeverCircles(t *testing.T) {
	t.Parallel()
	p := openSharers(t, sharedTOML)
	p.carry(t, "both lines carry", "line", "neighbour")
	all := crowd(t, p.laptop)
	chatter := func(when string) {
		for range 3 {
			for _, a := range all[:30] {
				_ = p.laptop.space.Do(func() error {
					conn, err := (&net.Dialer{LocalAddr: &net.UDPAddr{IP: a.AsSlice()}}).DialContext(t.Context(), "udp4", echoServer().String())
					if err == nil {
						_, _ = conn.Write([]byte("anybody?"))
						_ = conn.Close()
					}
					return nil
				})
			}
			_, _ = p.laptop.Run("ping -q -c1 -W1 9.9.9.9")
			_, _ = p.laptop.Run("ping -q -c1 -W1 2606:4700:4700::1111")
			must(t, pause(t.Context(), 300*time.Millisecond))
		}
		c := p.straight(t)
		t.Logf("%s: %+v", when, c)
	}
	chatter("all is well")
	must(t, p.Blackhole("lte", Beyond))
	must(t, p.Blackhole("fibre", Beyond))
	chatter("both lines are silent")
	must(t, pause(t.Context(), hours))
	chatter("known to be")
	must(t, p.Cut("main", "fibre"))
	chatter("one cable is out")
	must(t, p.Cut("backup", "lte"))
	chatter("both cables are out")
	must(t, p.cutLink())
	chatter("and the link is cut")
	must(t, p.healLink())
	must(t, p.Plug("backup", "lte"))
	must(t, p.Heal("lte"))
	p.await(t, "the house is online by the one line that is left", func() bool {
		seen, err := p.laptop.Seen(t.Context())
		return err == nil && p.LineOf(seen) == "lte"
	})
	must(t, p.Plug("main", "fibre"))
	must(t, p.Heal("fibre"))
	p.held(t, "main")
	await(t, p.main, "main's line carries again", func(s Status) bool { return s.WANs[0].Active })
	chatter("healed")
}
