package packet

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"
)

// mode is one way to speak: an Authenticator for each side and what the advert and the link have in common.
type mode struct {
	name    string
	version uint8
	ipv6    bool
	unicast bool
	form    ChecksumForm
	auth    func() *Authenticator
}

func modes() []mode {
	password := func() *Authenticator { return NewPassword(secret) }
	ah := func() *Authenticator { return NewAH(secret) }
	var all []mode
	for _, unicast := range []bool{false, true} {
		all = append(all,
			mode{"2", 2, false, unicast, NoForm, none},
			mode{"2 password", 2, false, unicast, NoForm, password},
			mode{"2 ah", 2, false, unicast, NoForm, ah},
			mode{"2 hmac", 2, false, unicast, NoForm, newDraftHMAC},
			mode{"3 message", 3, false, unicast, Message, none},
			mode{"3 pseudo", 3, false, unicast, Pseudo, none},
			mode{"3 hmac", 3, false, unicast, Pseudo, newDraftHMAC},
			mode{"3 ipv6", 3, true, unicast, NoForm, none},
			mode{"3 ipv6 hmac", 3, true, unicast, NoForm, newDraftHMAC})
	}
	return all
}

// draw makes an advert of this mode with what random says.
func (m *mode) draw(random *rand.Rand) (Advert, Link) {
	a := Advert{Version: m.version, ID: uint8(random.IntN(255) + 1), Priority: uint8(random.IntN(256)), Form: m.form,
		IPID: uint16(random.IntN(1 << 16)), Interval: time.Duration(random.IntN(4095)+1) * 10 * time.Millisecond}
	if m.version == 2 {
		a.Interval = time.Duration(random.IntN(255)+1) * time.Second
	}
	address := func() netip.Addr {
		if m.ipv6 {
			return netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80, 14: byte(random.IntN(256)), 15: byte(random.IntN(256))})
		}
		return netip.AddrFrom4([4]byte{10, byte(random.IntN(256)), byte(random.IntN(256)), byte(random.IntN(256))})
	}
	for range random.IntN(20) + 1 {
		a.Addresses = append(a.Addresses, address())
	}
	a.Source = address()
	a.Destination, _ = Group(m.ipv6)
	l := Link{Version: m.version, ID: a.ID, IPv6: m.ipv6, Interval: a.Interval, Unicast: m.unicast}
	if m.unicast {
		a.Destination, l.Peers = address(), []netip.Addr{a.Source}
	}
	return a, l
}

func TestRoundTrip(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, m := range modes() {
		for range 200 {
			a, l := m.draw(random)
			l.Auth = m.auth()
			auth := m.auth()
			prefix := []byte("before")
			b := a.Append(prefix, auth, auth.Next())
			if !bytes.HasPrefix(b, prefix) {
				t.Fatalf("%s: what was there is %x", m.name, b[:6])
			}
			var p Packet
			if got := p.Parse(frame(b[6:])); got != Accepted {
				t.Fatalf("%s: %v: %x", m.name, got, b)
			}
			if got := l.Judge(time.Time{}, &p); got != Accepted {
				t.Fatalf("%s: %v: %x", m.name, got, b)
			}
			if p.Form != m.form && p.Form != Both || !bytes.Equal(p.Raw, b[6:]) || p.Multicast() == m.unicast {
				t.Fatalf("%s: form %v, multicast %v", m.name, p.Form, p.Multicast())
			}
			got := Advert{Version: p.Version, ID: p.ID, Priority: p.Priority, Interval: p.Interval, Source: p.Source,
				Destination: p.Destination, Form: m.form, IPID: a.IPID, Addresses: p.Addresses(nil)}
			if again := got.Append(nil, m.auth(), m.auth().Next()); !bytes.Equal(again, b[6:]) {
				t.Fatalf("%s:\n%x became\n%x", m.name, b[6:], again)
			}
		}
	}
}

// TestIntervalIsKeptInRange has intervals that do not fit into their field.
func TestIntervalIsKeptInRange(t *testing.T) {
	for _, c := range []struct {
		version    uint8
		have, want time.Duration
	}{
		{3, 0, 10 * time.Millisecond}, {3, time.Minute, 40950 * time.Millisecond}, {3, 14 * time.Millisecond, 10 * time.Millisecond},
		{2, 0, time.Second}, {2, time.Hour, 255 * time.Second}, {2, 1700 * time.Millisecond, 2 * time.Second},
	} {
		a, _ := plain3(false)
		a.Version, a.Interval = c.version, c.have
		var p Packet
		if got := p.Parse(frame(a.Append(nil, nil, Sequence{}))); got != Accepted || p.Interval != c.want {
			t.Errorf("version %d: %v became %v (%v), want %v", c.version, c.have, p.Interval, got, c.want)
		}
	}
}

// TestBothForms has a source that makes the pseudo-header add up to nothing.
func TestBothForms(t *testing.T) {
	a, _ := plain3(false)
	rest := ^sum(pseudoSum(addr("10.0.0.0"), a.Destination, 12, protocol), nil)
	a.Source = netip.AddrFrom4([4]byte{10, 0, byte(rest >> 8), byte(rest)})
	var p Packet
	if got := p.Parse(frame(a.Append(nil, nil, Sequence{}))); got != Accepted || p.Form != Both {
		t.Errorf("%v, form %v", got, p.Form)
	}
}

// FuzzParse has anything on the wire. What is accepted must survive being written again.
func FuzzParse(f *testing.F) {
	for _, g := range goldens() {
		f.Add(frame(g.packet(f)))
	}
	for _, m := range modes() {
		a, _ := m.draw(rand.New(rand.NewPCG(3, 4)))
		auth := m.auth()
		f.Add(frame(a.Append(nil, auth, auth.Next())))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		before := bytes.Clone(frame)
		var p Packet
		reject := p.Parse(frame)
		addresses := p.Addresses(nil)
		for _, g := range goldens() {
			if link := g.judge(); reject == Accepted {
				link.Judge(time.Time{}, &p)
			}
		}
		if !bytes.Equal(before, frame) {
			t.Error("the frame was written to")
		}
		if reject != Accepted || p.Interval == 0 || p.AuthType != 0 || p.ah != nil || p.trailer != nil {
			return
		}
		a := Advert{Version: p.Version, ID: p.ID, Priority: p.Priority, Interval: p.Interval, Source: p.Source,
			Destination: p.Destination, Form: p.Form, Addresses: addresses}
		again := append(slices.Clone(frame[:ethernetHeader]), a.Append(nil, nil, Sequence{})...)
		var q Packet
		if got := q.Parse(again); got != Accepted || !slices.Equal(q.Addresses(nil), addresses) || q.Priority != p.Priority || q.ID != p.ID {
			t.Errorf("%x\nbecame %x: %v", before, again, got)
		}
	})
}

// FuzzMutated changes one place of a signed packet: it is never accepted with another meaning.
func FuzzMutated(f *testing.F) {
	for i := range modes() {
		f.Add(uint8(i), uint16(40), byte(1))
	}
	f.Fuzz(func(t *testing.T, which uint8, at uint16, change byte) {
		m := modes()[int(which)%len(modes())]
		a, l := m.draw(rand.New(rand.NewPCG(5, uint64(which))))
		auth := m.auth()
		b := frame(a.Append(nil, auth, auth.Next()))
		b[int(at)%len(b)] ^= change
		l.Auth = m.auth()
		var p Packet
		if p.Parse(b) != Accepted || l.Judge(time.Time{}, &p) != Accepted || int(at)%len(b) < ethernetHeader {
			return
		}
		if p.Priority != a.Priority || !slices.Equal(p.Addresses(nil), a.Addresses) || p.Source != a.Source {
			t.Errorf("%s: accepted with byte %d changed by %#x", m.name, int(at)%len(b), change)
		}
	})
}

// TestAdvertAtItsLimits has more addresses than can be counted, and no IP ID.
func TestAdvertAtItsLimits(t *testing.T) {
	a, l := plain3(false)
	a.IPID, a.Addresses = 0, slices.Repeat(a.Addresses, 300)
	b := a.Append(nil, nil, Sequence{})
	if got := verdict(&l, frame(b)); got != Accepted || b[23] != 255 || len(b) != ipv4Header+fixedPart+255*4 {
		t.Errorf("%v: %d addresses in %d bytes", got, b[23], len(b))
	}
	if b[4] != 0 || b[5] != 1 {
		t.Errorf("IP ID %x", b[4:6])
	}
}
