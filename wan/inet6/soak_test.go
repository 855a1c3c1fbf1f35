package inet6

import (
	"math/rand/v2"
	"net/netip"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv6"

	"github.com/twinpath/twinpath/wan"
)

// chaos is a provider at its worst: two servers and a router that lose, delay, repeat, mix up and lie.
type chaos struct {
	random *rand.Rand // of the link alone
	shops  []*shop
	given  map[netip.Prefix]bool // in replies to us
}

func (c *chaos) one(in int) bool { return c.random.IntN(in) == 0 }

// serve answers as one of the servers, in a mood.
func (c *chaos) serve(q *dhcpv6.Message) (all []*dhcpv6.Message) {
	for _, s := range c.shops {
		s.forgets = s.forgets || c.one(20)
		s.valid = []time.Duration{0, 10 * time.Second, time.Hour, 0xffffffff * time.Second, time.Hour}[c.random.IntN(5)]
		s.preferred = min(s.valid, time.Duration(c.random.IntN(7200))*time.Second)
		s.t1 = time.Duration(c.random.IntN(7200)) * time.Second
		s.t2 = time.Duration(c.random.IntN(7200)) * time.Second
		if c.one(10) {
			s.prefix = netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 9, byte(c.random.Uint32())}), 56)
		}
		all = append(all, s.serve(q)...)
	}
	for _, r := range all {
		if r.MessageType == dhcpv6.MessageTypeReply {
			for _, ia := range r.Options.IAPD() {
				for _, p := range ia.Options.Prefixes() {
					c.given[prefixOf(p)] = true
				}
			}
		}
	}
	return all
}

// mangle is what a bad line makes of an answer. What it makes of somebody else's is never ours.
func (c *chaos) mangle(q *dhcpv6.Message, raw []byte) [][]byte {
	switch c.random.IntN(12) {
	case 0, 1:
		return nil
	case 2:
		return [][]byte{raw, raw}
	case 3:
		raw[1]++ // another exchange
	case 4:
		return [][]byte{c.strangers(q)}
	case 5:
		raw = raw[:c.random.IntN(len(raw))]
	case 6:
		for range 1 + c.random.IntN(4) {
			raw[4+c.random.IntN(min(12, len(raw)-4))] ^= byte(c.random.Uint32())
		}
	}
	return [][]byte{raw}
}

// stolen is somebody else's prefix.
var stolen = netip.MustParsePrefix("2001:db8:bad:100::/56")

func (c *chaos) strangers(q *dhcpv6.Message) []byte {
	s := honest()
	s.prefix = stolen
	r := s.answer(q, dhcpv6.MessageTypeReply, false)
	r.UpdateOption(dhcpv6.OptClientID(server2))
	return r.ToBytes()
}

func (c *chaos) late() time.Duration {
	if c.one(4) {
		return time.Duration(c.random.IntN(5000)) * time.Millisecond
	}
	return time.Millisecond
}

// advert is the router's, or none, or one of nonsense.
func (c *chaos) advert() [][]byte {
	switch c.random.IntN(5) {
	case 0:
		return nil
	case 1:
		raw := ordinary.bytes()
		return [][]byte{raw[:c.random.IntN(len(raw))]}
	case 2:
		return saying(said{lifetime: time.Duration(c.random.IntN(3600)) * time.Second, networks: []announced{
			own(network1, c.random.Uint32(), c.random.Uint32()), own(network2, uint32(c.random.IntN(7200)), 0)}})()
	}
	return saying(ordinary)()
}

// A thousand cycles of leases with such a provider: no prefix of somebody else, no storm of packets, no growth; and a lease within
// minutes whenever the provider behaves.
func TestSoak(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dice := rand.New(rand.NewPCG(5, 6))
		c := &chaos{random: rand.New(rand.NewPCG(3, 4)), given: map[netip.Prefix]bool{}, shops: []*shop{honest(), honest()}}
		c.shops[1].duid = server2
		p := &provider{}
		wild := func() { p.serve, p.mangle, p.late, p.advert = c.serve, c.mangle, c.late, c.advert }
		tame := func() {
			*c.shops[0] = *honest()
			c.shops[0].forgets = true
			p.serve, p.mangle, p.late, p.advert = c.shops[0].serve, nil, nil, saying(ordinary)
		}
		p.set(wild)
		r := run(t, p, &shelf{})
		defer r.stop()
		var slowest, slow time.Duration // with and without a word of the link
		var early uint64
		cycles := 0
		for calm := 0; cycles < 1000; calm++ {
			for range 20 {
				time.Sleep(time.Duration(dice.IntN(40)) * time.Minute)
				switch dice.IntN(8) {
				case 0:
					r.LinkUp()
				case 1:
					r.Dead()
				}
				cycles += c.examine(t, r)
			}
			p.set(tame)
			if calm%2 == 0 {
				r.LinkUp()
				slowest = max(slowest, c.recovers(t, r, time.Minute, house1.Addr()))
			} else {
				slow = max(slow, c.recovers(t, r, 70*time.Minute, netip.Addr{}))
			}
			p.set(wild)
			if calm == 5 {
				early = memory()
			}
		}
		late := memory()
		sent, asked, _ := p.seen()
		t.Logf("%d cycles: %d messages, %d solicitations, slowest recovery %s and %s, heap %d → %d kB", cycles, len(sent), asked, slowest, slow, early>>10, late>>10)
		if late > early+1<<20 {
			t.Errorf("the heap grew from %d to %d bytes", early, late)
		}
		calmly(t, p.times)
	})
}

// examine looks at what has been reported, and returns how many leases that were.
func (c *chaos) examine(t *testing.T, r *running) (leases int) {
	t.Helper()
	synctest.Wait()
	r.p.mu.Lock()
	defer r.p.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, u := range r.news {
		if u.Lease == nil {
			continue
		}
		leases++
		for _, p := range u.Lease.Prefixes {
			if !c.given[p.Prefix] && p.Prefix != house1 || p.Prefix == stolen {
				t.Errorf("uses %s, which nobody gave us", p.Prefix)
			}
		}
		for _, a := range u.Lease.Addresses {
			if !public(netip.PrefixFrom(a.Prefix.Addr(), 128)) {
				t.Errorf("uses %s", a.Prefix)
			}
		}
	}
	r.news = r.news[:0]
	return leases
}

// recovers waits until the client has what the provider gives that behaves again: that prefix, or any.
func (c *chaos) recovers(t *testing.T, r *running, bound time.Duration, prefix netip.Addr) (took time.Duration) {
	t.Helper()
	start := time.Now()
	is := func() bool {
		synctest.Wait()
		r.mu.Lock()
		defer r.mu.Unlock()
		l := r.last.Lease
		return l != nil && l.Gateway.IsValid() && len(l.Prefixes) > 0 && (!prefix.IsValid() || holds(l.Prefixes, house1))
	}
	for !is() {
		if time.Since(start) > bound {
			t.Fatalf("no lease %s after the provider behaves; the last news: %+v", bound, r.last)
		}
		time.Sleep(100 * time.Millisecond)
	}
	took = time.Since(start)
	c.examine(t, r)
	return took
}

func holds(l []wan.Lifetime, p netip.Prefix) bool {
	for _, one := range l {
		if one.Prefix == p {
			return true
		}
	}
	return false
}

// calmly checks that no minute saw a storm.
func calmly(t *testing.T, times []time.Time) {
	t.Helper()
	const limit = atMost + 12 // of servers, and of routers
	for i := limit; i < len(times); i++ {
		if d := times[i].Sub(times[i-limit]); d < time.Minute {
			t.Errorf("%d packets within %s", limit+1, d)
			return
		}
	}
}

func memory() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
