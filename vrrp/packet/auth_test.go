package packet

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/netip"
	"reflect"
	"testing"
	"time"
)

func find(t *testing.T, name string) golden {
	t.Helper()
	for _, g := range goldens() {
		if g.name == name {
			return g
		}
	}
	t.Fatalf("no golden packet %q", name)
	return golden{}
}

// TestMutatedAH flips each byte and mends the checksums: all are covered but the TOS and what was mended, and those
// that something else notices first are named.
func TestMutatedAH(t *testing.T) {
	first := map[int]Reject{0: IPHeader, 1: Accepted, 2: Short, 3: Short, 6: Fragment, 7: Fragment, 8: HopLimit, 9: Protocol,
		10: Accepted, 11: Accepted, 20: Protocol, 21: AHHeader, 44: Type, 45: VRID, 47: Long, 48: AuthType, 49: IntervalZero,
		50: Accepted, 51: Accepted}
	addresses := map[string]map[int]Reject{
		"ah multicast": {16: OtherGroup, 17: OtherGroup, 18: OtherGroup, 19: OtherGroup},
		"ah unicast":   {12: NotAPeer, 13: NotAPeer, 14: NotAPeer, 15: NotAPeer},
	}
	for name, more := range addresses {
		g := find(t, name)
		early := maps.Clone(first)
		maps.Copy(early, more)
		for i := range g.packet(t) {
			b := g.packet(t)
			b[i] ^= 0x01
			if b[0] == 0x45 {
				rehead(b)
			}
			resumAH(b)
			want, named := early[i]
			if !named {
				want = AuthBad
			}
			if got := verdict(g.judge(), frame(b)); got != want {
				t.Errorf("%s: with byte %d flipped: %v, want %v", name, i, got, want)
			}
		}
	}
}

// TestAHLeavesDFOut has another sender's header, which sets what the ICV does not cover.
func TestAHLeavesDFOut(t *testing.T) {
	g := find(t, "ah multicast")
	b := g.packet(t)
	b[1], b[6] = 0, 0x40
	rehead(b)
	if got := verdict(g.judge(), frame(b)); got != Accepted {
		t.Errorf("verdict %v", got)
	}
}

// TestAHNamesItsSource has a right signature under another SPI.
func TestAHNamesItsSource(t *testing.T) {
	g := find(t, "ah multicast")
	b := g.packet(t)
	b[ipv4Header+7]++
	copy(b[ipv4Header+ahHeader-icv:], NewAH(secret).ah.sign(b, true))
	if got := verdict(g.judge(), frame(b)); got != AuthBad {
		t.Errorf("verdict %v", got)
	}
}

// resumAH makes the checksum of a message behind AH right.
func resumAH(b []byte) {
	message := b[ipv4Header+ahHeader:]
	message[6], message[7] = 0, 0
	c := ^sum(0, message)
	message[6], message[7] = byte(c>>8), byte(c)
}

// TestMutatedHMAC flips each byte from the message's first on: all are covered but the checksum, and those that
// something else notices first are named.
func TestMutatedHMAC(t *testing.T) {
	for _, name := range []string{"hmac ipv4", "hmac ipv6"} {
		g := find(t, name)
		header := len(g.packet(t)) - hmacTrailer - fixedPart - addressLength(g.link.IPv6)
		trailer := len(g.packet(t)) - hmacTrailer
		first := map[int]Reject{header: Type, header + 1: VRID, header + 3: Long, trailer: Long, trailer + 1: KeyUnknown,
			header + 6: Accepted, header + 7: Accepted}
		for i := header; i < trailer+hmacTrailer; i++ {
			b := g.packet(t)
			b[i] ^= 0x01
			resumSigned(b, trailer)
			want, early := first[i]
			if !early {
				want = AuthBad
			}
			if got := verdict(g.judge(), frame(b)); got != want {
				t.Errorf("%s: with byte %d flipped: %v, want %v", name, i-header, got, want)
			}
		}
	}
}

// resumSigned is resum for a packet whose trailer an IPv4 checksum does not cover.
func resumSigned(b []byte, trailer int) {
	if b[0]>>4 == 4 {
		b = b[:trailer]
	}
	resum(b)
}

// TestHMACBindsItsSender takes a signed packet to another source and to another virtual router.
func TestHMACBindsItsSender(t *testing.T) {
	g := find(t, "hmac ipv4")
	b := g.packet(t)
	b[15]++
	rehead(b)
	if got := verdict(g.judge(), frame(b)); got != AuthBad {
		t.Errorf("another source: %v", got)
	}
	b = g.packet(t)
	b[21]++
	resumSigned(b, len(b)-hmacTrailer)
	link := g.judge()
	link.ID++
	if got := verdict(link, frame(b)); got != AuthBad {
		t.Errorf("another virtual router: %v", got)
	}
}

func TestPasswordIsCompared(t *testing.T) {
	g := find(t, "password")
	first := map[int]Reject{2: Short, 3: Short, 20: Type, 23: Long}
	for at := range g.packet(t) {
		b := g.packet(t)
		b[at] ^= 0x01
		want, early := first[at]
		switch {
		case early:
		case at < ipv4Header:
			want = IPHeader
		default:
			want = BadChecksum
		}
		if got := verdict(g.judge(), frame(b)); got != want {
			t.Errorf("with byte %d flipped: %v, want %v", at, got, want)
		}
	}
	for at := 32; at < 40; at++ {
		b := g.packet(t)
		b[at] ^= 0x80
		resum(b)
		if got := verdict(g.judge(), frame(b)); got != AuthBad {
			t.Errorf("password byte %d: %v", at-32, got)
		}
	}
}

// TestAHCounter plays two routers that share one counter.
func TestAHCounter(t *testing.T) {
	g := find(t, "ah multicast")
	one, two := NewAH(secret), NewAH(secret)
	send := func(a *Authenticator) []byte { return frame(g.advert.Append(nil, a, a.Next())) }
	hear := func(a *Authenticator, frame []byte) Reject {
		link := g.link
		link.Auth = a
		return verdict(&link, frame)
	}
	first, second := send(one), send(one)
	for _, step := range []struct {
		frame []byte
		want  Reject
	}{{first, Accepted}, {first, AuthReplay}, {second, Accepted}, {first, AuthReplay}, {second, AuthReplay}} {
		if got := hear(two, step.frame); got != step.want {
			t.Fatalf("%v, want %v", got, step.want)
		}
	}
	if got := hear(one, send(two)); got != Accepted { // continues at 3
		t.Errorf("the other one's next: %v", got)
	}
	one.Overtake()
	if got := one.State().Counter; got != 4 {
		t.Errorf("counter after overtaking 3: %d", got)
	}
	fresh := NewAH(secret)
	if got := hear(one, send(fresh)); got != AuthReplay {
		t.Errorf("from one that starts at 1: %v", got)
	}
	fresh.Restore(one.State())
	fresh.Restore(State{Counter: 2})
	if got := hear(one, send(fresh)); got != Accepted {
		t.Errorf("after taking over the state: %v", got)
	}
}

// TestAHCrossing: two routers that speak at the same moment use the same number; each must hear the other, but once.
func TestAHCrossing(t *testing.T) {
	g := find(t, "ah multicast")
	one, two := NewAH(secret), NewAH(secret)
	one.Restore(State{Counter: 6})
	two.Restore(State{Counter: 6})
	link := g.link
	link.Auth = two
	crossing := frame(g.advert.Append(nil, one, one.Next()))
	two.Next()
	for _, want := range []Reject{Accepted, AuthReplay} {
		if got := verdict(&link, crossing); got != want {
			t.Fatalf("%v, want %v", got, want)
		}
	}
	for range 2 {
		two.Next()
	}
	if got := verdict(&link, frame(g.advert.Append(nil, one, one.Next()))); got != AuthReplay {
		t.Errorf("an advert older than two of ours: %v", got)
	}
}

func TestAHCopiesShareTheirSequence(t *testing.T) {
	g := find(t, "ah unicast")
	auth := NewAH(secret)
	sequence := auth.Next()
	first := g.advert.Append(nil, auth, sequence)
	other := g.advert
	other.Destination = addr("10.0.0.3")
	second := other.Append(nil, auth, sequence)
	if !bytes.Equal(first[28:32], second[28:32]) || bytes.Equal(first[32:44], second[32:44]) {
		t.Errorf("sequence and signature:\n%x\n%x", first[28:44], second[28:44])
	}
	for _, b := range [][]byte{first, second} {
		if got := verdict(g.judge(), frame(b)); got != Accepted {
			t.Errorf("verdict %v", got)
		}
	}
}

// conversation is one sender with HMAC and one listener.
type conversation struct {
	golden
	clock          Stamp
	sender, hearer *Authenticator
}

func newConversation(t *testing.T) *conversation {
	c := &conversation{golden: find(t, "hmac ipv4"), clock: draftStamp}
	c.sender = NewHMAC(map[uint8][]byte{1: hmacKey()}, 1, func() Stamp { return c.clock })
	c.hearer = newDraftHMAC()
	return c
}

func (c *conversation) send() []byte {
	return frame(c.advert.Append(nil, c.sender, c.sender.Next()))
}

func (c *conversation) hear(frame []byte) Reject {
	link := c.link
	link.Auth = c.hearer
	return verdict(&link, frame)
}

func TestHMACReplay(t *testing.T) {
	c := newConversation(t)
	first := c.send()
	second := c.send() // the clock stands still
	c.clock = Stamp{Seconds: 5}
	third := c.send() // and goes back
	for i, step := range []struct {
		frame []byte
		want  Reject
	}{{first, Accepted}, {first, AuthReplay}, {second, Accepted}, {third, Accepted}, {second, AuthReplay}, {third, AuthReplay}} {
		if got := c.hear(step.frame); got != step.want {
			t.Errorf("step %d: %v, want %v", i, got, step.want)
		}
	}
	c.advert.Source = addr("198.51.100.11") // another sender has stamps of its own
	c.sender = NewHMAC(map[uint8][]byte{1: hmacKey()}, 1, func() Stamp { return Stamp{Seconds: 5} })
	if got := c.hear(c.send()); got != Accepted {
		t.Errorf("another sender: %v", got)
	}
}

// TestHMACRekey rotates a key the way an owner does: first known everywhere, then used, then the old one is gone.
func TestHMACRekey(t *testing.T) {
	c := newConversation(t)
	old, other := hmacKey(), bytes.Repeat([]byte{7}, 32)
	first := c.send()
	if got := c.hear(first); got != Accepted {
		t.Fatal(got)
	}
	c.sender.Rekey(map[uint8][]byte{1: old, 2: other}, 2)
	second := c.send()
	if got := c.hear(second); got != KeyUnknown {
		t.Errorf("before the key is known: %v", got)
	}
	c.hearer.Rekey(map[uint8][]byte{1: old, 2: other}, 1)
	if got := c.hear(first); got != AuthReplay {
		t.Errorf("a replay after a reload: %v", got)
	}
	if got := c.hear(second); got != Accepted {
		t.Errorf("with the new key: %v", got)
	}
	c.hearer.Rekey(map[uint8][]byte{2: other}, 2)
	if got := c.hear(first); got != KeyUnknown {
		t.Errorf("with the old key: %v", got)
	}
	if got := c.hear(second); got != AuthReplay {
		t.Errorf("a replay with the new key: %v", got)
	}
}

func TestRekeyOfPasswordAndAH(t *testing.T) {
	for _, name := range []string{"password", "ah multicast"} {
		g := find(t, name)
		link := g.judge()
		counter := link.Auth.State()
		link.Auth.Rekey(map[uint8][]byte{0: []byte("another")}, 0)
		if got := verdict(link, frame(g.packet(t))); got != AuthBad {
			t.Errorf("%s: with another key: %v", name, got)
		}
		link.Auth.Rekey(map[uint8][]byte{0: secret}, 0)
		if got := link.Auth.State(); !reflect.DeepEqual(got, counter) {
			t.Errorf("%s: state %v, was %v", name, got, counter)
		}
		if got := verdict(link, frame(g.packet(t))); got != Accepted {
			t.Errorf("%s: with its key: %v", name, got)
		}
	}
}

// TestHMACHandOver passes the state through JSON to an Authenticator whose clock is behind.
func TestHMACHandOver(t *testing.T) {
	c := newConversation(t)
	first := c.send()
	if got := c.hear(first); got != Accepted {
		t.Fatal(got)
	}
	move := func(a *Authenticator, clock Stamp) *Authenticator {
		text, err := json.Marshal(a.State())
		if err != nil {
			t.Fatal(err)
		}
		var state State
		if err := json.Unmarshal(text, &state); err != nil {
			t.Fatal(err)
		}
		next := NewHMAC(map[uint8][]byte{1: hmacKey()}, 1, func() Stamp { return clock })
		next.Restore(state)
		next.Restore(State{})
		if got := next.State(); !reflect.DeepEqual(got, state) {
			t.Errorf("state %+v, was %+v", got, state)
		}
		return next
	}
	c.sender, c.hearer = move(c.sender, Stamp{Seconds: 1}), move(c.hearer, Stamp{})
	if got := c.hear(first); got != AuthReplay {
		t.Errorf("a replay to the successor: %v", got)
	}
	if got := c.hear(c.send()); got != Accepted {
		t.Errorf("from the successor: %v", got)
	}
}

// TestHMACForgetsTheOldest has more senders than are remembered.
func TestHMACForgetsTheOldest(t *testing.T) {
	a := newDraftHMAC()
	for i := range senders + 1 {
		source := netip.AddrFrom4([4]byte{10, 0, 0, byte(i)})
		a.hmac.remember(sender{source, 1}, mark{draftStamp, time.Unix(int64(1000+i), 0)})
	}
	_, first := a.hmac.heard[sender{addr("10.0.0.0"), 1}]
	_, second := a.hmac.heard[sender{addr("10.0.0.1"), 1}]
	if len(a.hmac.heard) != senders || first || !second {
		t.Errorf("%d senders, the first %v, the second %v", len(a.hmac.heard), first, second)
	}
}

func TestStamps(t *testing.T) {
	got := StampOf(time.Date(2026, 11, 20, 20, 0, 0, 500_000_000, time.UTC))
	if want := (Stamp{Seconds: 1795204800, Fraction: 0x8000}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	late := Stamp{Seconds: 0xffffffff, Fraction: 0xffff, Counter: 0xffff}
	if wrapped := stampFrom(late.number() + 1); !wrapped.after(late) || late.after(wrapped) || late.after(late) {
		t.Error("the stamp after the last one is not after it")
	}
}

// TestWithoutAuthentication has a nil Authenticator do everything.
func TestWithoutAuthentication(t *testing.T) {
	var none *Authenticator
	none.Overtake()
	none.Restore(State{Counter: 1})
	if none.Next() != (Sequence{}) || !reflect.DeepEqual(none.State(), State{}) {
		t.Error("nothing has a state")
	}
}

// TestStampsIn2040 begins with a clock in the half of the numbers that serial arithmetic has before zero.
func TestStampsIn2040(t *testing.T) {
	late := Stamp{Seconds: 0x84000000}
	a := NewHMAC(map[uint8][]byte{1: hmacKey()}, 1, func() Stamp { return late })
	if got := a.Next().stamp; got != late {
		t.Errorf("the first stamp is %+v", got)
	}
	a.Restore(State{})
	if got := a.Next().stamp; got != (Stamp{Seconds: 0x84000000, Counter: 1}) {
		t.Errorf("the second stamp is %+v", got)
	}
}

// TestRemovedKeyIsForgotten lets an owner start anew after a sender's clock was wrong: out with the key, in with another.
func TestRemovedKeyIsForgotten(t *testing.T) {
	c := newConversation(t)
	frame := c.send()
	for _, want := range []Reject{Accepted, AuthReplay} {
		if got := c.hear(frame); got != want {
			t.Errorf("%v, want %v", got, want)
		}
	}
	c.hearer.Rekey(map[uint8][]byte{2: hmacKey()}, 2)
	c.hearer.Rekey(map[uint8][]byte{1: hmacKey()}, 1)
	if got := c.hear(frame); got != Accepted {
		t.Errorf("after the key was away: %v", got)
	}
}
