package wan

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// running is a DHCP client at work in a synctest bubble.
type running struct {
	*DHCP
	t    *testing.T
	n    *network
	mu   sync.Mutex
	news []Update

	examined int // of news
	stop     func()
}

func run(t *testing.T, n *network, store Store) *running {
	r := prepare(t, n, store)
	r.start()
	return r
}

func prepare(t *testing.T, n *network, store Store) *running {
	r := &running{t: t, n: n}
	r.DHCP = &DHCP{
		Name: "fibre", Device: "wan0", Sockets: n, Store: store,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Report: func(u Update) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.news = append(r.news, u)
		},
	}
	return r
}

// start runs the client, until stop.
func (r *running) start() {
	ctx, cancel := context.WithCancel(r.t.Context())
	done := make(chan error)
	go func() { done <- r.Run(ctx) }()
	r.stop = func() {
		cancel()
		if err := <-done; err != nil {
			r.t.Errorf("Run ended with %v", err)
		}
		if left := r.n.seen().open; left != 0 {
			r.t.Errorf("%d sockets are left open", left)
		}
	}
}

// latest is the last update after that much time.
func (r *running) latest(after time.Duration) Update {
	time.Sleep(after)
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.news) == 0 {
		r.t.Fatal("nothing was reported")
	}
	return r.news[len(r.news)-1]
}

func (r *running) has(after time.Duration, address netip.Addr) {
	r.t.Helper()
	u := r.latest(after)
	if u.WAN != "fibre" || u.Lease == nil || u.Lease.Address.Addr() != address {
		r.t.Fatalf("reported %+v, want %v", u, address)
	}
}

func TestRun(t *testing.T) {
	scenes := map[string]func(*testing.T){
		"leased within a second, renewed, silent between": func(t *testing.T) {
			n, s := &network{serve: honest}, &shelf{}
			r := run(t, n, s)
			defer r.stop()
			r.has(time.Second, address7)
			if open := n.seen().open; open != 0 || s.empty() {
				t.Errorf("bound with %d sockets open, saved %v", open, !s.empty())
			}
			r.has(29*time.Minute, address7)
			if opened := n.seen().opened; opened != 1 {
				t.Errorf("opened %d sockets before T1", opened)
			}
			r.has(24*time.Hour, address7)
			if renewed := n.seen().unicasts; renewed < 48 {
				t.Errorf("renewed %d times in a day", renewed)
			}
		},
		"a restart keeps the lease": func(t *testing.T) {
			n, s := &network{serve: honest}, &shelf{}
			r := run(t, n, s)
			r.has(time.Second, address7)
			r.stop()
			if sent := n.seen().kinds; sent[len(sent)-1] != request {
				t.Errorf("sent %v, nothing was to be sent when stopped", sent)
			}
			n.serve = nil // the server is away
			r = run(t, n, s)
			defer r.stop()
			r.has(0, address7)
			r.has(30*time.Minute, address7)
			if u := r.latest(time.Hour); u.Lease != nil {
				t.Errorf("still uses %v after its end", u.Lease.Address)
			}
		},
		"released": func(t *testing.T) {
			n, s := &network{serve: honest}, &shelf{}
			r := run(t, n, s)
			defer r.stop()
			r.has(time.Second, address7)
			if err := r.Release(); err != nil {
				t.Error(err)
			}
			u := r.latest(time.Hour)
			sent := n.seen().kinds
			if u.Lease != nil || !s.empty() || sent[len(sent)-1] != dhcpv4.MessageTypeRelease {
				t.Errorf("after the release: %+v, saved %v, sent %v", u, !s.empty(), sent)
			}
			r.LinkUp()
			r.has(time.Second, address7)
		},
		"released when not running": func(t *testing.T) {
			d := &DHCP{Name: "fibre"}
			if err := d.Release(); err == nil || err.Error() != "release lease of fibre: its client is not running" {
				t.Errorf("got %v", err)
			}
		},
		"the disk is full": func(t *testing.T) {
			r := run(t, &network{serve: honest}, &shelf{full: true})
			defer r.stop()
			r.has(time.Second, address7)
		},
		"the device comes later": func(t *testing.T) {
			n := &network{serve: honest, broken: errors.New("no such network interface")}
			r := run(t, n, &shelf{})
			defer r.stop()
			if u := r.latest(time.Minute); u.Lease != nil || u.Reason != "no DHCP server answers" {
				t.Errorf("reported %+v", u)
			}
			n.mu.Lock()
			n.broken = nil
			n.mu.Unlock()
			r.LinkUp()
			r.has(time.Second, address7)
		},
		"no route to the server: broadcast": func(t *testing.T) {
			n := &network{serve: honest, noRoute: true}
			r := run(t, n, &shelf{})
			defer r.stop()
			r.has(24*time.Hour, address7)
			if seen := n.seen(); seen.unicasts != 0 || seen.opened < 40 {
				t.Errorf("%d messages by unicast, %d exchanges", seen.unicasts, seen.opened)
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			if i := slices.IndexFunc(r.news, func(u Update) bool { return strings.Contains(u.Reason, "does not answer") }); i >= 0 {
				t.Errorf("waited for T2: %q", r.news[i].Reason)
			}
		},
		"a line that broke is replaced": func(t *testing.T) {
			n := &network{serve: honest, faulty: 2}
			r := run(t, n, &shelf{})
			defer r.stop()
			r.has(10*time.Second, address7)
			if opened := n.seen().opened; opened != 3 {
				t.Errorf("opened %d lines, want 3", opened)
			}
		},
		"the address is in use": func(t *testing.T) {
			n := &network{serve: honest, user: "02:00:00:00:00:99"}
			r := run(t, n, &shelf{})
			defer r.stop()
			if u := r.latest(time.Second); u.Lease != nil || u.Reason != "address 198.51.100.7 is in use by 02:00:00:00:00:99" {
				t.Errorf("reported %+v", u)
			}
			n.mu.Lock()
			n.user = ""
			n.mu.Unlock()
			r.has(15*time.Second, address7)
		},
		"dead behind a live cable": func(t *testing.T) {
			n := &network{serve: honest}
			r := run(t, n, &shelf{})
			defer r.stop()
			r.has(time.Second, address7)
			before := len(n.seen().kinds)
			for range 8 * 60 {
				r.Dead()
				time.Sleep(time.Second)
			}
			r.has(0, address7)
			if got := n.seen().kinds[before:]; len(got) != 5 { // confirm after 1 min, discover and request after 2 and 4 more
				t.Errorf("sent %v in eight minutes", got)
			}
		},
		"stopped while it looks for another user": func(t *testing.T) {
			r := run(t, &network{serve: honest}, &shelf{})
			time.Sleep(400 * time.Millisecond)
			r.stop()
		},
	}
	for name, scene := range scenes {
		t.Run(name, func(t *testing.T) { synctest.Test(t, scene) })
	}
}

// A thousand cycles of leases with such a server leave the client bound and nothing behind.
func TestCapriciousServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &capricious{random: rand.New(rand.NewPCG(3, 4))}
		n := &network{serve: c.serve}
		r := run(t, n, &shelf{})
		leases, flaps := 0, rand.New(rand.NewPCG(5, 6))
		for leases < 1000 {
			time.Sleep(10 * time.Minute)
			if flaps.IntN(20) == 0 {
				r.LinkUp()
			}
			r.mu.Lock()
			for _, u := range r.news {
				if u.Lease != nil {
					leases++
					sane(t, rebased(*u.Lease))
				}
			}
			r.news = nil
			r.mu.Unlock()
		}
		n.mu.Lock()
		c.honest = true
		n.mu.Unlock()
		r.LinkUp()
		r.has(3*time.Hour, address7)
		r.stop()
		t.Logf("%d messages sent, faults %v", len(n.seen().kinds), r.Faults())
		if len(r.Faults()) < 6 {
			t.Errorf("met only %v", r.Faults())
		}
	})
}

// rebased drops the times, which sane counts from noon.
func rebased(l Lease) Lease {
	l.Renew, l.Rebind, l.Expire = time.Time{}, time.Time{}, time.Time{}
	return l
}

func TestFixedLines(t *testing.T) {
	lease := *saved()
	tests := map[string]struct {
		client func(func(Update)) Client
		want   netip.Addr // gateway
	}{
		"static": {func(f func(Update)) Client { return &Static{Name: "fibre", Lease: lease, Report: f} }, server1},
		"peer":   {func(f func(Update)) Client { return &Peer{Name: "fibre", Gateway: server2, Report: f} }, server2},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			news := make(chan Update, 1)
			c := test.client(func(u Update) { news <- u })
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error)
			go func() { done <- c.Run(ctx) }()
			if u := <-news; u.WAN != "fibre" || u.Lease.Gateway != test.want || u.Lease.Address.IsValid() != (name == "static") {
				t.Errorf("reported %+v", u)
			}
			c.LinkUp()
			c.Dead()
			if err := c.Release(); err != nil {
				t.Error(err)
			}
			if u := <-news; u.Lease != nil {
				t.Errorf("released to %+v", u)
			}
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
}

func TestTheStoreSurvivesAPowerCut(t *testing.T) {
	dir := t.TempDir()
	f := FileStore{dir + "/lease.json"}
	if err := f.Save(keep(*saved(), noon, Uptime{})); err != nil {
		t.Fatal(err)
	}
	// What a cut in the middle of a save leaves beside it.
	if err := os.WriteFile(dir+"/.lease.json.123", []byte(`{"lease":`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, ok := f.Load(); !ok {
		t.Error("the old lease is gone")
	}
}
