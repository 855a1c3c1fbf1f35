package ddns

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twinpath/twinpath/router"
)

// world is a router, the Internet and a provider.
type world struct {
	mu      sync.Mutex
	snap    *router.Snapshot
	changed chan struct{}
	said    []string // to the provider, with the minute
	errs    []error  // of the next tries
	public  map[string]string
	asked   int
	events  []string
	shown   []router.NameView
	shelf   map[string][]byte
	start   time.Time
}

func newWorld() *world {
	return &world{snap: &router.Snapshot{}, changed: make(chan struct{}), public: map[string]string{}, shelf: map[string][]byte{}, start: time.Now()}
}

func (w *world) view() (*router.Snapshot, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.snap, w.changed
}

// carry makes a line with an address the one that carries the house.
func (w *world) carry(name, address string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.snap = &router.Snapshot{WANs: []router.WANSnapshot{{Name: name, Kind: "dhcp", State: "up", Active: true, Address: address}}}
	close(w.changed)
	w.changed = make(chan struct{})
}

func (w *world) askPublic(_ context.Context, wan string) (netip.Addr, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked++
	if w.public[wan] == "" {
		return netip.Addr{}, errors.New("no answer")
	}
	return netip.MustParseAddr(w.public[wan]), nil
}

// seen has the Internet see a line's packets come from an address.
func (w *world) seen(wan, address string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.public[wan] = address
}

func (w *world) tell(_ context.Context, e router.DDNS, a netip.Addr) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said = append(w.said, fmt.Sprintf("%s %s %v", strings.Join(e.Hosts, ","), a, time.Since(w.start).Round(time.Second)))
	if len(w.errs) > 0 {
		err := w.errs[0]
		w.errs = w.errs[1:]
		return err
	}
	return nil
}

// Put implements Shelf.
func (w *world) Put(key string, value []byte) error { w.shelf[key] = value; return nil }

// Get implements Shelf.
func (w *world) Get(key string) ([]byte, error) { return w.shelf[key], nil }

// run runs a registrar for these entries until the test's end or stop.
func (w *world) run(t *testing.T, entries ...router.DDNS) (r *Registrar, stop func()) {
	r = New(Ports{View: w.view, Public: w.askPublic, Tell: w.tell, Shelf: w, Log: slog.New(slog.DiscardHandler),
		Show:   func(f router.NamesSeen) { w.shown = f.Names },
		Record: func(e router.Event) { w.events = append(w.events, e.Sentence) }})
	r.Use(router.Config{DDNS: entries})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	return r, func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// heard wants exactly this to have been said to the provider since the last time.
func (w *world) heard(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Equal(w.said, want) {
		t.Errorf("the provider heard %q, want %q", w.said, want)
	}
	w.said = nil
}

func home() router.DDNS { return router.DDNS{Provider: "custom", Hosts: []string{"home.example.org"}} }

func TestNamesFollowTheLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		_, stop := w.run(t, home())
		w.heard(t)
		w.carry("lte", "198.51.100.2")
		w.carry("fibre", "203.0.113.2") // a moment later
		w.heard(t)
		time.Sleep(time.Hour)
		w.heard(t, "home.example.org 203.0.113.2 5s")
		w.carry("fibre", "203.0.113.2") // something else has changed
		w.heard(t)
		w.carry("lte", "198.51.100.2")
		time.Sleep(6 * time.Second)
		w.heard(t, "home.example.org 198.51.100.2 1h0m5s")
		w.carry("fibre", "203.0.113.2") // it flaps
		w.carry("lte", "198.51.100.2")
		w.carry("fibre", "203.0.113.2")
		time.Sleep(8 * time.Second)
		w.heard(t)
		time.Sleep(2 * time.Second)
		w.heard(t, "home.example.org 203.0.113.2 1h0m15s")
		if want := []string{"home.example.org now leads to 203.0.113.2, over fibre.", "home.example.org now leads to 198.51.100.2, over lte.",
			"home.example.org now leads to 203.0.113.2, over fibre."}; !slices.Equal(w.events, want) {
			t.Errorf("events %q", w.events)
		}
		if len(w.shown) != 1 || w.shown[0].Address != "203.0.113.2" || w.shown[0].WAN != "fibre" || w.shown[0].Error != "" {
			t.Errorf("shown is %+v", w.shown)
		}
		stop()
		_, stop = w.run(t, home()) // another daemon, later
		time.Sleep(24 * time.Hour)
		w.heard(t)
		time.Sleep(24 * 24 * time.Hour)
		w.heard(t, "home.example.org 203.0.113.2 601h0m15s") // some providers forget
		stop()
	})
}

func TestNamesOfTroubledProviders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.errs = []error{errors.New("connect to dns.example: no route to host"), errors.New("no answer"), nil, refused("the provider says \"nohost\"")}
		r, stop := w.run(t, home())
		w.carry("fibre", "203.0.113.2")
		time.Sleep(time.Hour)
		w.heard(t, "home.example.org 203.0.113.2 5s", "home.example.org 203.0.113.2 5m5s", "home.example.org 203.0.113.2 15m5s")
		w.carry("lte", "198.51.100.2")
		time.Sleep(23 * time.Hour)
		w.heard(t, "home.example.org 198.51.100.2 1h0m5s")
		if len(w.shown) != 1 || w.shown[0].Address != "203.0.113.2" || w.shown[0].Error != `the provider says "nohost"` {
			t.Errorf("shown is %+v", w.shown)
		}
		changed := home()
		changed.Hosts = []string{"other.example.org"}
		r.Use(router.Config{DDNS: []router.DDNS{changed}}) // the owner has seen to it
		time.Sleep(6 * time.Second)
		w.heard(t, "other.example.org 198.51.100.2 24h0m5s")
		want := []string{"home.example.org cannot be led to 203.0.113.2: connect to dns.example: no route to host.",
			"home.example.org now leads to 203.0.113.2, over fibre.",
			`home.example.org still leads to 203.0.113.2 instead of 198.51.100.2: the provider says "nohost".`,
			"other.example.org now leads to 198.51.100.2, over lte."}
		if !slices.Equal(w.events, want) {
			t.Errorf("events %q, want %q", w.events, want)
		}
		r.Use(router.Config{})
		synctest.Wait()
		if len(w.shown) != 0 {
			t.Errorf("shown is %+v, want nothing", w.shown)
		}
		stop()
	})
}

// Behind a modem that translates, the Internet is asked: at once for a new line, and now and then, since nobody tells.
func TestNamesBehindTranslation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		_, stop := w.run(t, home())
		w.carry("lte", "100.64.1.1")
		time.Sleep(30 * time.Minute)
		w.heard(t) // waits for all to rest, as everywhere before looking into w
		if w.asked < 2 || w.asked > 5 {
			t.Errorf("asked %d times in 30 min, want about each 10 min", w.asked)
		}
		w.seen("lte", "192.168.1.1") // of a liar
		time.Sleep(10 * time.Minute)
		w.heard(t)
		w.seen("lte", "203.0.113.77")
		time.Sleep(11 * time.Minute)
		synctest.Wait()
		w.mu.Lock()
		if len(w.said) != 1 || !strings.HasPrefix(w.said[0], "home.example.org 203.0.113.77 ") {
			t.Errorf("the provider heard %q", w.said)
		}
		w.asked = 0
		w.mu.Unlock()
		w.carry("lte", "100.64.1.2") // a new lease
		synctest.Wait()
		if w.asked != 1 {
			t.Errorf("asked %d times for a new lease, want once at once", w.asked)
		}
		stop()
	})
}
