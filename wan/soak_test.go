package wan

import (
	"context"
	"math/rand/v2"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// town is a link with two DHCP servers and a bad line, and other customers whose messages are heard too. It implements Sockets.
type town struct {
	mu     sync.Mutex
	random *rand.Rand
	tame   bool
	next   byte
	given  map[netip.Addr]bool // in acknowledgements for us
	times  []time.Time         // of our messages
	open   int
}

// pipe is one of its lines.
type pipe struct {
	t      *town
	inbox  chan []byte
	closed chan struct{}
	once   sync.Once
}

func (w *town) Open(string) (Line, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open++
	return &pipe{t: w, inbox: make(chan []byte, 16), closed: make(chan struct{})}, nil
}

func (w *town) Conflict(context.Context, string, netip.Addr) (string, error) {
	time.Sleep(400 * time.Millisecond)
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.tame && w.one(20) {
		return "02:00:00:00:00:99", nil
	}
	return "", nil
}

func (p *pipe) HardwareAddr() net.HardwareAddr { return ourMAC }

func (p *pipe) Send(message []byte, _, _ netip.Addr) error {
	q, err := dhcpv4.FromBytes(message)
	if err != nil {
		return err
	}
	p.t.mu.Lock()
	defer p.t.mu.Unlock()
	p.t.times = append(p.t.times, time.Now())
	for _, server := range []netip.Addr{server1, server2} {
		if wanted, ok := address(q.Options.Get(dhcpv4.OptionServerIdentifier)); ok && wanted != server || p.t.tame && server != server1 {
			continue
		}
		if r := p.t.reply(q, server); r != nil {
			p.t.carry(p, r)
		}
	}
	return nil
}

func (w *town) one(in int) bool { return w.random.IntN(in) == 0 }

// reply is what a server says: in a mood, unless it is tame.
func (w *town) reply(q *dhcpv4.DHCPv4, server netip.Addr) *dhcpv4.DHCPv4 {
	if w.tame {
		r := honest(q)
		if r != nil && r.MessageType() == ack {
			w.given[address7] = true
			if asked, ok := address(q.Options.Get(dhcpv4.OptionRequestedIPAddress)); ok && asked != address7 {
				return answer(q, nak, server, nobody)
			}
			if own, ok := address(q.ClientIPAddr.To4()); ok && own != address7 && !own.IsUnspecified() {
				return answer(q, nak, server, nobody)
			}
		}
		return r
	}
	lease := []uint32{0, 1, 30, 300, 600, 3600, 3600, 86400, 0xffffffff}[w.random.IntN(9)]
	times := []dhcpv4.Modifier{dhcpv4.WithLeaseTime(lease)}
	if w.one(3) { // T1 and T2 of no sense
		times = append(times, dhcpv4.WithOption(dhcpv4.OptRenewTimeValue(time.Duration(w.random.IntN(7200))*time.Second)),
			dhcpv4.WithOption(dhcpv4.OptRebindingTimeValue(time.Duration(w.random.IntN(7200))*time.Second)))
	}
	switch q.MessageType() {
	case discover:
		w.next = w.next%200 + 2
		return answer(q, offer, server, netip.AddrFrom4([4]byte{198, 51, 100, w.next}), times...)
	case request:
		if w.one(8) {
			return answer(q, nak, server, nobody)
		}
		asked, _ := address(q.Options.Get(dhcpv4.OptionRequestedIPAddress))
		if !asked.IsValid() {
			asked, _ = address(q.ClientIPAddr.To4())
		}
		if w.one(10) {
			w.next = w.next%200 + 2
			asked = netip.AddrFrom4([4]byte{198, 51, 100, w.next})
		}
		w.given[asked] = true
		return answer(q, ack, server, asked, times...)
	}
	return nil
}

// robbed is another customer's address.
var robbed = netip.MustParseAddr("198.51.100.250")

// carry brings an answer, as well as the line is.
func (w *town) carry(p *pipe, r *dhcpv4.DHCPv4) {
	raw, copies, late := r.ToBytes(), 1, time.Millisecond
	if !w.tame {
		switch w.random.IntN(12) {
		case 0, 1:
			return
		case 2:
			copies = 2
		case 3:
			raw[4]++ // another exchange
		case 4: // another customer's
			r.ClientHWAddr, r.YourIPAddr = net.HardwareAddr{2, 0, 0, 0, 0, 0x66}, robbed.AsSlice()
			raw = r.ToBytes()
		case 5:
			raw = raw[:w.random.IntN(len(raw))]
		case 6: // somewhere in the options, behind the cookie
			for at := 240; at < len(raw); at += 1 + w.random.IntN(20) {
				if bare := raw[at] == 53 || raw[at] == 54; !bare {
					raw[at] ^= byte(w.random.Uint32()) & 0x0f
				}
			}
		}
		if w.one(4) {
			late = time.Duration(w.random.IntN(5000)) * time.Millisecond
		}
	}
	for range copies {
		time.AfterFunc(late, func() {
			select {
			case p.inbox <- raw:
			default:
			}
		})
	}
}

func (p *pipe) Receive(buffer []byte) (int, error) {
	select {
	case raw := <-p.inbox:
		return copy(buffer, raw), nil
	case <-p.closed:
		return 0, net.ErrClosed
	}
}

func (p *pipe) Close() error {
	p.once.Do(func() {
		close(p.closed)
		p.t.mu.Lock()
		p.t.open--
		p.t.mu.Unlock()
	})
	return nil
}

// A thousand cycles of leases in such a town: never another's address, no storm of packets, no growth; and an hour's lease within a
// bound whenever the servers behave.
func TestSoak(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &town{random: rand.New(rand.NewPCG(7, 8)), given: map[netip.Addr]bool{}}
		dice := rand.New(rand.NewPCG(9, 10))
		r := prepare(t, &network{}, &shelf{})
		r.Sockets = w
		r.start()
		defer func() {
			r.stop()
			if w.open != 0 {
				t.Errorf("%d lines are left open", w.open)
			}
		}()
		var slowest, slow time.Duration // with and without a word of the link
		var early uint64
		leases := 0
		for calm := 0; leases < 1000; calm++ {
			w.mood(false)
			for range 20 {
				time.Sleep(time.Duration(dice.IntN(40)) * time.Minute)
				switch dice.IntN(8) {
				case 0:
					r.LinkUp()
				case 1:
					r.Dead()
				}
				leases += w.examine(t, r)
			}
			w.mood(true)
			if calm%2 == 0 {
				r.LinkUp()
				slowest = max(slowest, w.recovers(t, r, 90*time.Second, address7))
			} else {
				slow = max(slow, w.recovers(t, r, 5*time.Minute, netip.Addr{}))
			}
			if calm == 5 {
				early = heap()
			}
		}
		late := heap()
		t.Logf("%d leases: %d messages, slowest recovery %s and %s, heap %d → %d kB, faults %v",
			leases, len(w.times), slowest, slow, early>>10, late>>10, r.Faults())
		if late > early+1<<20 {
			t.Errorf("the heap grew from %d to %d bytes", early, late)
		}
		const limit = 40 // a minute: exchanges of one second's pace, refused again and again
		for i := limit; i < len(w.times); i++ {
			if d := w.times[i].Sub(w.times[i-limit]); d < time.Minute {
				t.Fatalf("%d packets within %s", limit+1, d)
			}
		}
	})
}

func (w *town) mood(tame bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tame = tame
}

// examine looks at what has been reported, and returns how many leases that were.
func (w *town) examine(t *testing.T, r *running) (leases int) {
	t.Helper()
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, u := range r.news[r.examined:] {
		if u.Lease == nil {
			continue
		}
		leases++
		if a := u.Lease.Address.Addr(); a == robbed || !w.given[a] {
			t.Errorf("uses %s, which nobody gave us", a)
		}
	}
	if len(r.news) > 1 {
		r.news = slices.Clone(r.news[len(r.news)-1:])
	}
	r.examined = len(r.news)
	return leases
}

// recovers waits until the client has a lease, of that address or of any, from servers that behave again.
func (w *town) recovers(t *testing.T, r *running, bound time.Duration, address netip.Addr) time.Duration {
	t.Helper()
	start := time.Now()
	for {
		synctest.Wait()
		r.mu.Lock()
		last := r.news[len(r.news)-1]
		r.mu.Unlock()
		switch {
		case last.Lease != nil && (!address.IsValid() || last.Lease.Address.Addr() == address):
			w.examine(t, r)
			return time.Since(start)
		case time.Since(start) > bound:
			t.Fatalf("no lease %s after the servers behave: %q", bound, last.Reason)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
