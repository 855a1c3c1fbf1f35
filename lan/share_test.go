package lan

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// twins are two routers that share leases; what is on the wire between them can be cut.
type twins struct {
	t    *testing.T
	book [2]*book
	side [2]*Share

	mu    sync.Mutex
	cut   bool
	posts int
}

// wire is the way to one of them.
type wire struct {
	twins *twins
	to    int
}

func (w wire) Forward(_ context.Context, letter []byte) ([]byte, error) {
	w.twins.mu.Lock()
	cut := w.twins.cut
	w.twins.posts++
	w.twins.mu.Unlock()
	if cut {
		return nil, errors.New("no route to host")
	}
	return w.twins.side[w.to].Receive(letter)
}

// newTwins starts both. Those that are lost do not know what time it is.
func newTwins(t *testing.T, lost ...int) *twins {
	w := &twins{t: t}
	for i := range w.side {
		server := New(t.TempDir(), nil, func() {}, slog.New(slog.DiscardHandler))
		w.book[i] = server.book
		w.side[i] = NewShare(server, wire{w, 1 - i}, func() bool { return !slices.Contains(lost, i) }, func() {}, slog.New(slog.DiscardHandler))
	}
	for _, s := range w.side {
		s.Use(true, 12*time.Hour)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- s.Run(ctx) }()
		t.Cleanup(func() { cancel(); <-ended })
	}
	return w
}

// serves has one of them serve, or not.
func (w *twins) serves(n int, yes bool) {
	if yes {
		w.book[n].lend(time.Now())
	} else {
		w.book[n].giveBack()
	}
	w.side[n].server.state.Store(&State{Serving: yes, Leasing: yes})
	w.side[n].Look()
}

// gives has the one that serves give an address away, as dnsmasq writes it.
func (w *twins) gives(n int, leases ...Lease) {
	w.t.Helper()
	must(w.t, w.book[n].write(leases, time.Now()))
	w.side[n].Look()
}

func (w *twins) knows(n int, when string, want ...Lease) {
	w.t.Helper()
	got, err := w.side[n].server.Leases(time.Now())
	must(w.t, err)
	var texts [2]string
	for i, all := range [2][]Lease{got, want} {
		for _, l := range all {
			texts[i] += fmt.Sprintf("%s %s %s %s; ", l.Address, l.MAC, l.Name, l.left(time.Now()).Round(10*time.Second))
		}
	}
	if texts[0] != texts[1] {
		w.t.Errorf("%s %d knows %q, want %q", when, n, texts[0], texts[1])
	}
}

func ends(host byte, left time.Duration) Lease {
	l := leased(host, fmt.Sprintf("02:00:00:00:00:%02x", host), 0)
	l.Until, l.Name = time.Now().Add(left), fmt.Sprintf("device-%d", host)
	return l
}

func TestTheOtherRouterKnowsWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTwins(t)
		w.serves(0, true)
		time.Sleep(time.Second)
		one, two := ends(10, 12*time.Hour), ends(11, 12*time.Hour)
		w.gives(0, one)
		time.Sleep(time.Second)
		w.knows(1, "a second later", one)
		w.gives(0, one, two)
		time.Sleep(time.Second)
		w.knows(1, "of the second device", one, two)
		w.gives(0, two)
		time.Sleep(time.Second)
		w.knows(1, "after one was given back", two)
		if w.side[1].Shared().IsZero() {
			t.Error("it does not say when")
		}
	})
}

func TestTheOneThatTakesOverStartsWithThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTwins(t)
		w.serves(0, true)
		one := ends(10, 12*time.Hour)
		w.gives(0, one)
		time.Sleep(time.Second)
		w.mu.Lock()
		w.cut = true // its power
		w.mu.Unlock()
		w.serves(1, true)
		time.Sleep(time.Second)
		w.knows(1, "serving", one)
		two := ends(11, 12*time.Hour)
		w.gives(1, one, two)
		time.Sleep(time.Hour)
		w.serves(0, false)
		w.mu.Lock()
		w.cut = false // it is back, with what it knew
		w.mu.Unlock()
		time.Sleep(time.Minute)
		w.knows(0, "back", one, two)
	})
}

// TestTheWayBack: who serves until now says so, and the one that serves from now on takes over what is newer.
func TestTheWayBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTwins(t)
		w.serves(1, true)
		time.Sleep(time.Second)
		late := ends(12, 12*time.Hour)
		w.mu.Lock()
		w.cut = true
		w.mu.Unlock()
		w.gives(1, late)
		time.Sleep(5 * time.Second)
		w.serves(0, true)
		w.serves(1, false)
		w.mu.Lock()
		w.cut = false
		w.mu.Unlock()
		select {
		case g := <-w.side[0].server.gifts:
			if len(g.add) != 1 || g.add[0].Address != late.Address || len(g.drop) > 0 {
				t.Errorf("%+v", g)
			}
		case <-time.After(2 * time.Minute):
			t.Error("what was given away just before is lost")
		}
		w.knows(1, "and it has forgotten nothing", late)
	})
}

func TestARouterThatDoesNotKnowTheTimeTellsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTwins(t, 0)
		must(t, w.book[0].write([]Lease{ends(10, 50*time.Hour)}, time.Now()))
		w.serves(1, true)
		time.Sleep(2 * time.Minute)
		select {
		case g := <-w.side[1].server.gifts:
			t.Errorf("believed: %+v", g)
		default:
		}
	})
}

// TestWhatCannotBeIsNotBelieved: leases longer than the house's are of a clock that was set.
func TestWhatCannotBeIsNotBelieved(t *testing.T) {
	now := time.Now()
	l := letter{Leases: []shared{
		{Left: 60, MAC: "02:00:00:00:00:0a", Address: address("192.168.1.10")},
		{Left: 1 << 40, MAC: "02:00:00:00:00:0b", Address: address("192.168.1.11")},
		{Left: -5, MAC: "02:00:00:00:00:0c", Address: address("192.168.1.12")},
		{Left: 60, MAC: "bad mac", Address: address("192.168.1.13")},
	}}
	if all := l.good(now, time.Hour, true); len(all) != 2 || all[0].Address != address("192.168.1.10") {
		t.Errorf("by who is in doubt: %+v", all)
	}
	if all := l.good(now, time.Hour, false); len(all) != 3 || all[1].Until.Sub(now) != time.Hour {
		t.Errorf("cut: %+v", all)
	}
}

func TestNobodyIsToldWhereThereIsNoPair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTwins(t)
		w.side[0].Use(false, time.Hour)
		w.side[1].Use(false, time.Hour)
		time.Sleep(time.Second)
		w.mu.Lock()
		before := w.posts
		w.mu.Unlock()
		w.gives(0, ends(10, time.Hour))
		time.Sleep(10 * time.Minute)
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.posts != before {
			t.Errorf("%d letters", w.posts-before)
		}
	})
}

// The power of the house is back, and its devices come one after the other. The other router's page takes ten letters from us, and then one a second.
func TestDevicesThatComeOneAfterTheOtherAreNoFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTwins(t)
		w.serves(0, true)
		time.Sleep(time.Minute)
		w.mu.Lock()
		before := w.posts
		w.mu.Unlock()
		for range 600 {
			w.side[0].Look()
			time.Sleep(100 * time.Millisecond)
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if n := w.posts - before; n < 40 || n > 70 {
			t.Errorf("%d letters in a minute", n)
		}
	})
}
