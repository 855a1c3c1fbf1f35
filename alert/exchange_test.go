package alert

import (
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twinpath/twinpath/router"
)

// pair is two routers that reach each other over the LAN, for as long as nobody cuts it.
type pair struct {
	worlds [2]*world
	desks  [2]running
	mu     sync.Mutex
	cut    bool
}

func newPair(t *testing.T) *pair {
	p := new(pair)
	for n := range 2 {
		w := newWorld()
		p.worlds[n] = w
		w.peer = func(bundle []byte) ([]byte, error) {
			p.mu.Lock()
			defer p.mu.Unlock()
			if p.cut {
				return nil, errors.New("no route to host")
			}
			return p.desks[1-n].Receive(bundle)
		}
		cfg := configured(phone)
		cfg.Name = [2]string{"main", "spare"}[n]
		cfg.LAN.Address = netip.MustParsePrefix([2]string{"192.168.1.2/24", "192.168.1.3/24"}[n])
		cfg.Pair = router.Pair{Peer: netip.MustParseAddr([2]string{"192.168.1.3", "192.168.1.2"}[n]), Secret: "s"}
		p.desks[n] = w.runs(t, cfg)
		p.serves(n, [2]string{"active", "backup"}[n], "fibre")
	}

	time.Sleep(5 * time.Minute)
	return p
}

// serves shows a router's state for the house, and its lines.
func (p *pair) serves(n int, state string, lines ...string) {
	p.worlds[n].show(router.Snapshot{VRRP: []router.VRRPSnapshot{{ID: 51, Family: "ipv4", State: state}}, Pair: &router.PairView{Connected: true}}, lines...)
}

func (p *pair) stop() {
	p.desks[0].stop()
	p.desks[1].stop()
}

func (p *pair) sever(cut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = cut
}

func TestOneOfTwoRoutersTells(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		defer p.stop()
		fibre, dsl := outage("a", "fibre"), outage("b", "dsl")
		dsl.Router = "spare"
		p.desks[0].Take(fibre)
		p.desks[1].Take(dsl)
		time.Sleep(2 * time.Minute)
		titled(t, p.worlds[1].read())
		if got := p.worlds[0].read(); len(got) != 2 {
			t.Errorf("people got %+v", got)
		}
		if p.worlds[0].waiting()+p.worlds[1].waiting() != 0 || p.worlds[1].view().Sender || !p.worlds[0].view().Sender {
			t.Errorf("%d and %d letters wait", p.worlds[0].waiting(), p.worlds[1].waiting())
		}
		p.serves(0, "backup", "fibre") // from now on it is the other one
		p.serves(1, "active", "fibre")
		p.desks[0].Take(ended(fibre))
		p.desks[1].Take(ended(dsl))
		time.Sleep(time.Hour)
		titled(t, p.worlds[0].read())
		if got := p.worlds[1].read(); len(got) != 2 {
			t.Errorf("people got %+v", got)
		}
	})
}

func TestTheSenderDiesOnTheWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		defer p.stop()
		p.worlds[0].fails(func(string, string) error { time.Sleep(10 * time.Second); return errors.New("no answer within 10s") })
		p.desks[1].Take(outage("a", "dsl"))
		time.Sleep(65 * time.Second) // it has the letter, and cannot deliver it
		if p.worlds[0].waiting() != 1 || p.worlds[1].waiting() != 1 {
			t.Errorf("%d and %d letters wait, want one each", p.worlds[0].waiting(), p.worlds[1].waiting())
		}
		p.sever(true)
		time.Sleep(2 * time.Minute)
		titled(t, p.worlds[1].read(), "spare: dsl is down")
		titled(t, p.worlds[0].read())
		p.sever(false) // it comes back, and is told that there is nothing left to tell, before it has a line
		time.Sleep(2 * time.Minute)
		p.worlds[0].fails(func(string, string) error { return nil })
		time.Sleep(time.Hour)
		titled(t, p.worlds[0].read())
		titled(t, p.worlds[1].read())
		if p.worlds[0].waiting()+p.worlds[1].waiting() != 0 {
			t.Errorf("%d and %d letters wait", p.worlds[0].waiting(), p.worlds[1].waiting())
		}
	})
}

func TestTheOneWithoutALineAsksTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		defer p.stop()
		p.worlds[0].fails(func(string, string) error { return errors.New("unreachable") })
		p.serves(0, "active") // it serves the house, though it has no line
		p.desks[0].Take(outage("a", "fibre"))
		time.Sleep(3 * time.Minute)
		titled(t, p.worlds[1].read(), "main: fibre is down")
		if p.worlds[0].waiting()+p.worlds[1].waiting() != 0 {
			t.Errorf("%d and %d letters wait", p.worlds[0].waiting(), p.worlds[1].waiting())
		}
		p.desks[1].Take(outage("b", "dsl")) // the sender cannot, so it tells itself
		time.Sleep(3 * time.Minute)
		titled(t, p.worlds[1].read(), "spare: dsl is down")
		titled(t, p.worlds[0].read())
	})
}

func TestAReceiptThatIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		defer p.stop()
		var lost atomic.Int32
		p.worlds[1].peer = func(bundle []byte) ([]byte, error) {
			receipt, err := p.desks[0].Receive(bundle)
			if lost.Add(1) < 5 {
				return nil, errors.New("no answer")
			}
			return receipt, err
		}
		p.desks[1].Take(outage("a", "dsl"))
		time.Sleep(50 * time.Second) // the two are told at the same time
		p.desks[1].Take(router.Incident{ID: "b", Router: "spare", Cause: router.CauseUndone, Moment: true, Start: time.Now(), Clock: true})
		time.Sleep(time.Hour)
		if got := p.worlds[0].read(); len(got) != 2 {
			t.Errorf("people got %+v", got)
		}
		if p.worlds[0].waiting()+p.worlds[1].waiting() != 0 {
			t.Errorf("%d and %d letters wait", p.worlds[0].waiting(), p.worlds[1].waiting())
		}
	})
}

func TestWhatIsTakenBackIsNotToldByTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		defer p.stop()
		p.worlds[0].fails(func(string, string) error { return errors.New("unreachable") })
		dsl := outage("a", "dsl")
		p.desks[1].Take(dsl)
		time.Sleep(90 * time.Second)
		p.desks[1].Take(ended(dsl))
		time.Sleep(20 * time.Second)
		p.worlds[0].fails(func(string, string) error { return nil })
		time.Sleep(time.Hour)
		titled(t, append(p.worlds[0].read(), p.worlds[1].read()...), "spare: dsl is back after 1 min 30 s")
	})
}

func TestARouterWithoutChannelsAsksTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		defer p.stop()
		cfg := configured()
		cfg.LAN.Address, cfg.Pair = netip.MustParsePrefix("192.168.1.2/24"), router.Pair{Peer: netip.MustParseAddr("192.168.1.3"), Secret: "s"}
		p.desks[0].Use(cfg)
		p.desks[0].Take(outage("a", "fibre"))
		time.Sleep(3 * time.Minute)
		titled(t, p.worlds[1].read(), "main: fibre is down")
		if p.worlds[0].waiting() != 0 {
			t.Errorf("%d letters wait", p.worlds[0].waiting())
		}
	})
}

// Who has nobody to tell cannot tell what both see.
func TestWhoHasNobodyToTellIsNotLeftToTell(t *testing.T) {
	var x exchange
	x.use(router.Config{LAN: router.LAN{Address: netip.MustParsePrefix("192.168.1.3/24")}, Pair: router.Pair{Peer: netip.MustParseAddr("192.168.1.2"), Secret: "s"}}, true)
	l := Letter{Incidents: []router.Incident{{Cause: router.CauseTwo}}}
	for _, tells := range []bool{false, true} {
		x.see(time.Now(), &router.Snapshot{Pair: &router.PairView{Second: &router.SecondView{Answers: true, Split: true, Tells: tells}}})
		if got := x.yields(time.Now(), l); got != tells {
			t.Errorf("the other router tells %t: it is left to it %t", tells, got)
		}
	}
}

// The LAN between the two is cut, and both serve the house: they find each other over their lines, and one of them tells.
func TestASplitBrainIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		defer p.stop()
		show := func(n int, state string, second *router.SecondView) {
			p.worlds[n].show(router.Snapshot{VRRP: []router.VRRPSnapshot{{ID: 51, Family: "ipv4", State: state}},
				Pair: &router.PairView{Connected: second == nil, Second: second}}, "fibre")
		}
		p.sever(true)
		var all [2][]router.Incident
		for n := range 2 {
			show(n, "active", &router.SecondView{Answers: true, Split: true, Tells: true})
			for _, cause := range []router.Cause{router.CausePeer, router.CauseTwo} {
				i := outage(string(cause)+[2]string{"main", "spare"}[n], "")
				i.Cause, i.WAN, i.Router = cause, "", [2]string{"main", "spare"}[n]
				all[n] = append(all[n], i)
				p.desks[n].Take(i)
			}
		}
		moved := outage("moved", "")
		moved.Cause, moved.WAN, moved.VRRP, moved.State, moved.Router, moved.Moment = router.CauseVRRP, "", "lan", "active", "spare", true
		p.desks[1].Take(moved)
		for range 10 {
			time.Sleep(10 * time.Second)
			for n := range 2 {
				show(n, "active", &router.SecondView{Answers: true, Split: true, Tells: true})
			}
		}
		if got := p.worlds[0].read(); len(got) == 0 || len(got) > 2 {
			t.Errorf("main tells %+v", got)
		}
		titled(t, p.worlds[1].read())
		p.sever(false)
		show(0, "active", nil)
		show(1, "active", nil) // for a moment more
		time.Sleep(time.Second)
		show(1, "backup", nil)
		for n := range 2 {
			for _, i := range all[n] {
				p.desks[n].Take(ended(i))
			}
		}
		time.Sleep(time.Hour)
		titled(t, p.worlds[1].read())
		for _, m := range p.worlds[0].read() {
			if !m.Resolved {
				t.Errorf("main tells again: %+v", m)
			}
		}
		if p.worlds[0].waiting()+p.worlds[1].waiting() != 0 {
			t.Errorf("%d and %d letters wait", p.worlds[0].waiting(), p.worlds[1].waiting())
		}
	})
}
