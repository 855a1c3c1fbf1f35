package inet6

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv6"
)

// walker takes a machine through whatever can happen.
type walker struct {
	*testing.T
	m      *Machine
	random *rand.Rand
	now    time.Time
	shop   *shop
	last   *dhcpv6.Message // sent by the machine
	sent   []time.Time
	open   bool
}

func (w *walker) step(e event) {
	w.Helper()
	for _, a := range w.m.Step(w.now, e) {
		switch a := a.(type) {
		case send:
			d, err := dhcpv6.FromBytes(a.message)
			if err != nil {
				w.Fatalf("sent %x: %v", a.message, err)
			}
			w.last = d.(*dhcpv6.Message)
			if w.last.MessageType == dhcpv6.MessageTypeRelease {
				continue // once, and whoever asked for it hears that it could not be sent
			}
			w.sent = append(w.sent, w.now)
			if !w.open {
				w.Errorf("sent %s while the line is closed", w.last.MessageType)
			}
		case report:
			w.check(a)
		}
	}
	if wake := w.m.Wake(); !wake.IsZero() && !wake.After(w.now) {
		w.Fatalf("%s after %T: wants to be woken %s ago", w.m.State(), e, w.now.Sub(wake))
	}
}

// check looks at a lease: nothing in it has ended.
func (w *walker) check(r report) {
	w.Helper()
	if r.reason == "" {
		w.Error("no reason")
	}
	if r.lease == nil {
		return
	}
	for _, l := range slices.Concat(r.lease.Addresses, r.lease.Prefixes) {
		if over(l.Valid, w.now) || !l.Prefix.IsValid() || !public(l.Prefix.Masked()) {
			w.Errorf("has %+v at %s", l, w.now)
		}
	}
	if r.lease.Gateway.IsValid() && over(r.lease.Until, w.now) {
		w.Errorf("the router has ended: %+v", r.lease)
	}
	if len(r.lease.Addresses)+len(r.lease.Prefixes) == 0 {
		w.Error("an empty lease")
	}
}

// answer is the server's to the last message, in a mood.
func (w *walker) answer() event {
	if w.last == nil {
		return tick{}
	}
	w.shop.valid = time.Duration(w.random.IntN(10000)) * time.Second
	w.shop.preferred = time.Duration(w.random.IntN(10000)) * time.Second
	w.shop.t1, w.shop.t2 = time.Duration(w.random.IntN(5000))*time.Second, time.Duration(w.random.IntN(5000))*time.Second
	w.shop.forgets = w.random.IntN(4) == 0
	w.shop.prefix = house1
	if w.random.IntN(4) == 0 {
		w.shop.prefix = house2
	}
	kind := []dhcpv6.MessageType{dhcpv6.MessageTypeAdvertise, dhcpv6.MessageTypeReply}[w.random.IntN(2)]
	r := w.shop.answer(w.last, kind, w.shop.forgets)
	if w.random.IntN(3) == 0 {
		r.AddOption(&dhcpv6.OptionGeneric{OptionCode: dhcpv6.OptionRapidCommit})
	}
	return answered{r.ToBytes(), router1}
}

func (w *walker) event() event {
	switch w.random.IntN(12) {
	case 0:
		return linkUp{}
	case 1:
		return lineDead{}
	case 2:
		w.open = false
		return closed{}
	case 3:
		if w.random.IntN(10) == 0 {
			return giveUp{}
		}
	case 4, 5:
		if w.open { // one line of routers at a time
			return tick{}
		}
		w.open = true
		return opened{ourMAC, w.random.IntN(2) == 0}
	case 6, 7:
		from := router1
		if w.random.IntN(3) == 0 {
			from = router2
		}
		return advertised{said{lifetime: time.Duration(w.random.IntN(3)*w.random.IntN(9000)) * time.Second, flags: byte(w.random.Uint32()), networks: []announced{
			own(network1, w.random.Uint32N(9000), w.random.Uint32N(9000)), own(network2, forever, w.random.Uint32())}}.bytes(), from}
	}
	return w.answer()
}

func TestWalks(t *testing.T) {
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 1))
		w := &walker{T: t, m: NewMachine("fibre", random), random: random, now: noon, shop: honest()}
		var e event = start{}
		if seed%2 == 0 {
			s := kept()
			e = start{&s, seed%4 == 0}
		}
		w.step(e)
		for range 600 {
			if wake := w.m.Wake(); !wake.IsZero() && random.IntN(2) == 0 {
				w.now = wake
				w.step(tick{})
				continue
			}
			w.now = w.now.Add(time.Duration(random.Int64N(int64(time.Minute))))
			if wake := w.m.Wake(); !wake.IsZero() && wake.Before(w.now) {
				w.now = wake
			}
			w.step(w.event())
		}
		for i := atMost; i < len(w.sent); i++ {
			if d := w.sent[i].Sub(w.sent[i-atMost]); d < time.Minute {
				t.Fatalf("seed %d: %d messages within %s", seed, atMost+1, d)
			}
		}
	}
}
