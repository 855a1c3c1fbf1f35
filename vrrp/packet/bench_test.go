package packet

import (
	"math/rand/v2"
	"testing"
	"time"
)

// listen returns a function that hears the adverts of one sender, each newer than the last.
func (m *mode) listen(tb testing.TB) func() {
	a, l := m.draw(rand.New(rand.NewPCG(7, 8)))
	a.Addresses = a.Addresses[:1]
	l.Auth = m.auth()
	auth := m.auth()
	_, group := Group(m.ipv6)
	buffer := make([]byte, 0, 256)
	now := time.Unix(1, 0)
	return func() {
		buffer = AppendEthernet(buffer[:0], VirtualMAC(a.ID, m.ipv6), group, EtherType(m.ipv6))
		buffer = a.Append(buffer, auth, auth.Next())
		var p Packet
		if got := p.Parse(buffer); got != Accepted {
			tb.Fatalf("%s: %v", m.name, got)
		}
		if got := l.Judge(now, &p); got != Accepted {
			tb.Fatalf("%s: %v", m.name, got)
		}
	}
}

// TestNothingIsAllocated covers sending and receiving in every mode, and rejecting.
func TestNothingIsAllocated(t *testing.T) {
	for _, m := range modes() {
		if n := testing.AllocsPerRun(100, m.listen(t)); n != 0 {
			t.Errorf("%s, unicast %v: %v allocations", m.name, m.unicast, n)
		}
	}
	for _, g := range goldens() {
		link, b := g.judge(), frame(g.packet(t))
		b[len(b)-1]++
		if n := testing.AllocsPerRun(100, func() { verdict(link, b) }); n != 0 {
			t.Errorf("rejecting %s: %v allocations", g.name, n)
		}
	}
}

func BenchmarkReceive(b *testing.B) {
	for _, g := range goldens() {
		b.Run(g.name, func(b *testing.B) {
			link, bytes := g.judge(), frame(g.packet(b))
			var p Packet
			for b.Loop() {
				p.Parse(bytes)
				link.Judge(time.Time{}, &p)
			}
		})
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, m := range modes() {
		if m.unicast {
			continue
		}
		b.Run(m.name, func(b *testing.B) {
			a, _ := m.draw(rand.New(rand.NewPCG(7, 8)))
			a.Addresses = a.Addresses[:1]
			auth := m.auth()
			buffer := make([]byte, 0, 256)
			for b.Loop() {
				buffer = a.Append(buffer[:0], auth, auth.Next())
			}
		})
	}
}
