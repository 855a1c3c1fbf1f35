package lan

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twinpath/twinpath/router"
)

// fake is a dnsmasq that does as the test says. synctest makes its calls follow each other.
type fake struct {
	bench *bench
	heard chan struct{}
	done  chan struct{}
	news  chan struct{}
	err   error
}

func (f *fake) serving() <-chan struct{} { return f.heard }
func (f *fake) ended() <-chan struct{}   { return f.done }
func (f *fake) why() error               { return f.err }

func (f *fake) changed() <-chan struct{} { return f.news }

func (f *fake) ask(servers []string) error {
	f.bench.note("ask %s", strings.Join(servers, " "))
	return f.bench.refusal()
}

func (f *fake) give(l Lease, _ time.Time) error {
	f.bench.note("give %s %s", l.Address, l.MAC)
	return nil
}

func (f *fake) forget(a netip.Addr) error {
	f.bench.note("forget %s", a)
	return f.bench.refusal()
}

func (f *fake) end() {
	f.bench.note("end")
	close(f.done)
}

// dies ends it from outside.
func (f *fake) dies(err error) {
	f.err = err
	close(f.done)
	synctest.Wait()
}

// bench is a Server whose dnsmasq is a fake, and what happened to it.
type bench struct {
	*Server
	t      *testing.T
	mu     sync.Mutex // of what follows: synctest orders it, but the race detector does not see how
	notes  []string
	last   *fake
	cannot error // start one
	slow   bool  // a new one does not serve until told
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t}
	b.Server = New(t.TempDir(), func(e router.Event) { b.note("%s (%s)", e.Sentence, e.Blame) }, func() {}, slog.New(slog.DiscardHandler))
	b.sweep = func() { b.note("sweep") }
	b.spawn = func(arguments, servers []string) (program, error) {
		if err := b.refusal(); err != nil {
			return nil, err
		}
		i := slices.IndexFunc(arguments, func(s string) bool { return strings.HasPrefix(s, "--dhcp-range=") })
		b.note("start %s %s", strings.TrimPrefix(arguments[i], "--dhcp-range="), strings.Join(servers, " "))
		b.last = &fake{bench: b, heard: make(chan struct{}), done: make(chan struct{}), news: make(chan struct{})}
		if !b.slow {
			close(b.last.heard)
		}
		return b.last, nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- b.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	synctest.Wait()
	b.expect("sweep")
	return b
}

func (b *bench) note(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.notes = append(b.notes, fmt.Sprintf(format, args...))
}

func (b *bench) refusal() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.cannot
}

// refuses makes every new one fail; nil makes them work again.
func (b *bench) refuses(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cannot = err
}

// expect claims everything that happened since the last time.
func (b *bench) expect(want ...string) {
	b.t.Helper()
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	if !slices.Equal(b.notes, want) {
		b.t.Errorf("got  %q\nwant %q", b.notes, want)
	}
	b.notes = nil
}

func (b *bench) after(d time.Duration, want ...string) {
	b.t.Helper()
	time.Sleep(d)
	b.expect(want...)
}

func served() Wanted { return For(home(), lan0, weather()) }

const (
	started = "start 192.168.1.100,192.168.1.199,43200 198.51.100.1@wan0 2001:db8::53@wan0"
	nothing = "The house gets neither addresses nor names: "
)

// elsewhere is served with the other line's server.
func elsewhere() Wanted {
	w := served()
	w.Upstream = []Upstream{{Server: address("203.0.113.1"), Device: "wan1"}}
	return w
}

func TestAChangeOfServersIsNoRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.Want(served())
		b.expect(started)
		b.Want(served())
		b.expect()
		b.Want(elsewhere())
		b.expect("ask 203.0.113.1@wan1")
		narrow := elsewhere()
		narrow.DHCP.Last = netip.MustParseAddr("192.168.1.150")
		b.Want(narrow)
		b.expect("end", "start 192.168.1.100,192.168.1.150,43200 203.0.113.1@wan1")
		b.Want(Wanted{})
		b.expect("end")
		b.after(time.Hour)
	})
}

func TestServersChangedBeforeItServesAreToldWhenItDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.slow = true
		b.Want(served())
		b.expect(started)
		b.Want(elsewhere())
		b.expect() // an early SIGHUP would end it
		close(b.last.heard)
		b.expect("ask 203.0.113.1@wan1")
		b.Want(served())
		b.expect("ask 198.51.100.1@wan0 2001:db8::53@wan0")
		b.Want(Wanted{})
		b.expect("end")
	})
}

func TestTheLatestWishWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		for range 10 {
			b.Want(Wanted{})
			b.Want(served())
		}
		synctest.Wait()
		b.mu.Lock()
		if n := len(b.notes); n%2 == 0 || b.notes[n-1] != started { // those between may be done or not
			t.Errorf("got %q", b.notes)
		}
		b.notes = nil
		b.mu.Unlock()
		b.Want(Wanted{})
		b.expect("end")
	})
}

func TestWhatEndsIsStartedAgainMoreAndMoreSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.Want(served())
		b.expect(started)
		ended := errors.New("dnsmasq has ended: out of memory")
		b.last.dies(ended)
		b.expect(nothing + "dnsmasq has ended: out of memory. (other)")
		for _, pause := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
			b.after(pause*time.Second-1, []string{}...)
			b.after(1, started)
			b.last.dies(ended)
			b.expect() // told once
		}
		b.after(time.Minute, started)
		b.after(steady, "The house gets addresses and names again. ()")
		b.last.dies(errors.New("dnsmasq has ended: signal: killed"))
		b.expect(nothing + "dnsmasq has ended: signal: killed. (other)")
		b.after(time.Second, started)
		b.Want(Wanted{})
		b.expect("end")
	})
}

func TestAMissingProgramIsToldOnceAndTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.refuses(fmt.Errorf("start dnsmasq: %w", &exec.Error{Name: "dnsmasq", Err: exec.ErrNotFound}))
		b.Want(served())
		b.expect(nothing + "the program dnsmasq is missing (install it: apt install dnsmasq-base). (owner)")
		b.after(time.Hour)
		b.refuses(nil) // the owner has installed it
		b.after(lastPause+steady, started, "The house gets addresses and names again. ()")
		b.Want(Wanted{})
		b.expect("end")
	})
}

func TestATroubleOfAnotherKindIsToldAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.refuses(errors.New("start dnsmasq: permission denied"))
		b.Want(served())
		b.expect(nothing + "start dnsmasq: permission denied. (other)")
		b.refuses(errors.New("dnsmasq has ended: failed to create listening socket for 192.168.1.2: Address already in use"))
		b.after(time.Second, nothing+"another program on this machine does that already (stop it, for example: systemctl disable --now dnsmasq). (other)")
		b.Want(Wanted{}) // not ours to serve any more: no news, good or bad
		b.after(time.Hour)
		b.refuses(nil)
		b.Want(served())
		b.expect(started)
		b.after(time.Hour)
		b.Want(Wanted{})
		b.expect("end")
	})
}

func TestANewWishIsTriedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.Want(served())
		b.expect(started)
		for range 5 {
			b.last.dies(errors.New("x"))
			time.Sleep(lastPause)
			synctest.Wait()
		}
		b.last.dies(errors.New("x"))
		b.mu.Lock()
		b.notes = nil
		b.mu.Unlock()
		b.Want(elsewhere())
		b.expect("start 192.168.1.100,192.168.1.199,43200 203.0.113.1@wan1")
		b.Want(Wanted{})
		b.expect("end")
	})
}

// A dnsmasq that does not answer is waited for seconds each time: a house may have thousands of leases, and the daemon has to end meanwhile.
func TestWhoDoesNotAnswerIsNotAskedAgainForEachLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.Want(served())
		b.expect(started)
		b.refuses(errors.New("it does not answer"))
		b.gifts <- gift{
			add:  []Lease{{MAC: "02:00:00:00:00:0a", Address: address("192.168.1.150")}},
			drop: []netip.Addr{address("192.168.1.151"), address("192.168.1.152"), address("192.168.1.153")},
		}
		b.expect("forget 192.168.1.151")
		b.refuses(nil)
	})
}
