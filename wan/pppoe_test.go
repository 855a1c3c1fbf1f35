package wan

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// access is a link with a PPPoE server, as a test wants it.
type access struct {
	mu      sync.Mutex
	gone    bool
	payload int
	stiff   bool // it cannot be widened
	narrow  bool // packets of more than 1492 bytes vanish
	asked   int
	widened int
	hungUp  []uint16
}

func (a *access) Find(context.Context, string) (Concentrator, bool, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked++
	return Concentrator{Name: "BR1", Payload: a.payload}, !a.gone, nil
}

func (a *access) Wide(_ context.Context, bytes int) error {
	a.widened = bytes
	if a.stiff {
		return errors.New("invalid argument")
	}
	return nil
}

func (a *access) HangUp(_ net.HardwareAddr, session uint16) error {
	a.hungUp = append(a.hungUp, session)
	return nil
}

func (a *access) Passes(_ context.Context, _ string, _ netip.Addr, bytes int) bool {
	return !a.narrow || bytes <= narrow
}

func (a *access) Size(string) int { return 0 }

// ppp plays pppd: each dial says what the test wrote for it.
type ppp struct {
	mu      sync.Mutex
	plays   []string // words of the sessions to come; the last one again and again
	missing bool
	begun   []string // the options of each
	at      []time.Time
	running *fakeSession
	kept    memory
}

type fakeSession struct {
	mu   sync.Mutex
	text string
	done chan struct{}
	once sync.Once
}

func (s *fakeSession) ended() <-chan struct{} { return s.done }
func (s *fakeSession) end()                   { s.dies("Terminating on signal 15\nSent PADT\n") }
func (s *fakeSession) why() string            { return "it ended" }
func (s *fakeSession) words() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text
}

func (s *fakeSession) dies(words string) {
	s.once.Do(func() {
		s.mu.Lock()
		s.text += words
		s.mu.Unlock()
		close(s.done)
	})
}

func (p *ppp) begin(options string, m memory) (session, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.missing {
		return nil, fmt.Errorf("start pppd: %w", exec.ErrNotFound)
	}
	p.begun, p.at, p.kept = append(p.begun, options), append(p.at, time.Now()), m
	p.kept.PID = 7
	words := p.plays[0]
	if len(p.plays) > 1 {
		p.plays = p.plays[1:]
	}
	p.running = &fakeSession{text: words, done: make(chan struct{})}
	if !readWords(words).up {
		p.running.dies("")
	}
	return p.running, nil
}

func (p *ppp) resume() (session, memory) {
	if p.running == nil {
		return nil, p.kept
	}
	return p.running, p.kept
}

func (p *ppp) last() string {
	if p.running == nil {
		return ""
	}
	return p.running.words()
}

func (p *ppp) forget(m memory) { p.kept = m; p.kept.PID = 0 }

// dialler is a client at work, with what it reported.
type dialler struct {
	*PPPoE
	access *access
	ppp    *ppp
	mu     sync.Mutex
	told   []Update
	stop   context.CancelFunc
	over   chan struct{}
}

func newDialler(a *access, p *ppp) *dialler {
	d := &dialler{access: a, ppp: p, over: make(chan struct{})}
	d.PPPoE = &PPPoE{
		Name: "fibre", Device: "wan0", Account: Account{User: "me", Password: "secret"}, Access: a, Log: slog.New(slog.DiscardHandler), programs: p,
		Report: func(u Update) { d.mu.Lock(); d.told = append(d.told, u); d.mu.Unlock() },
	}
	return d
}

func (d *dialler) run(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	d.stop = stop
	go func() { _ = d.Run(ctx); close(d.over) }()
	t.Cleanup(d.end)
}

func (d *dialler) end() { d.stop(); <-d.over }

func (d *dialler) newest() Update {
	synctest.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.told) == 0 {
		return Update{}
	}
	return d.told[len(d.told)-1]
}

// dials is how often pppd was started.
func (d *dialler) dials() int {
	synctest.Wait()
	return len(d.ppp.begun)
}

// session is the newest one.
func (d *dialler) session() *fakeSession {
	synctest.Wait()
	return d.ppp.running
}

func (d *dialler) wants(t *testing.T, reason string, up bool) {
	t.Helper()
	if u := d.newest(); (u.Lease != nil) != up || u.Reason != reason {
		t.Errorf("reported %+v, want %q, up %t", u, reason, up)
	}
}

func TestPPPoEComesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDialler(&access{}, &ppp{plays: []string{wordsUp}})
		d.run(t)
		time.Sleep(time.Second)
		d.wants(t, "connected to the PPPoE server BR1", true)
		want := Lease{
			Address: netip.MustParsePrefix("198.51.100.101/32"), Device: "ppp-fibre", MTU: 1492,
			DNS: []netip.Addr{netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("9.9.9.9")},
		}
		if l := d.newest().Lease; l == nil || l.Address != want.Address || l.Device != want.Device || l.MTU != want.MTU || !slices.Equal(l.DNS, want.DNS) || l.Gateway.IsValid() {
			t.Errorf("lease %+v, want %+v", l, want)
		}
		if d.access.widened != 0 {
			t.Error("the link was widened for a server that offers no more than 1492 bytes")
		}
	})
}

func TestPPPoENoServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &access{gone: true}
		d := newDialler(a, &ppp{plays: []string{wordsUp}})
		d.run(t)
		time.Sleep(time.Minute)
		d.wants(t, "no PPPoE server answers on wan0", false)
		if u := d.newest(); !u.Failed || u.Ours || d.dials() != 0 {
			t.Errorf("reported %+v; pppd started %d times", u, d.dials())
		}
		if a.asked != 9 { // at once, after 1, 2, 4, 8 and every 10 s
			t.Errorf("asked %d times in a minute", a.asked)
		}
		a.mu.Lock()
		a.gone = false
		a.mu.Unlock()
		d.LinkUp()
		time.Sleep(time.Second)
		d.wants(t, "connected to the PPPoE server BR1", true)
	})
}

func TestPPPoEWrongPassword(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDialler(&access{}, &ppp{plays: []string{wordsRefused}})
		d.run(t)
		time.Sleep(4 * time.Hour)
		d.wants(t, `the ISP refuses the user name or the password ("Login incorrect")`, false)
		if !d.newest().Ours {
			t.Error("the owner is not to blame")
		}
		var pauses []time.Duration
		for i := 1; i < len(d.ppp.at); i++ {
			pauses = append(pauses, d.ppp.at[i].Sub(d.ppp.at[i-1]).Round(time.Minute))
		}
		if fmt.Sprint(pauses[:7]) != "[1m0s 2m0s 4m0s 8m0s 16m0s 30m0s 30m0s]" {
			t.Errorf("dialled with pauses of %v", pauses)
		}
		if n := len(d.told); n > 3 {
			t.Errorf("reported %d times", n)
		}
	})
}

func TestPPPoEEndsAndIsDialledAgain(t *testing.T) {
	for name, c := range map[string]struct{ words, reason string }{
		"hung up": {"Modem hangup\nConnection terminated.\n", `the ISP has ended the session`},
		"lost":    {"No response to 3 echo-requests\nConnection terminated.\nSent PADT\n", `the ISP does not answer in the session any more`},
		"killed":  {"", `pppd has ended ("it ended")`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDialler(&access{}, &ppp{plays: []string{wordsUp}})
				d.run(t)
				time.Sleep(2 * proven)
				d.session().dies(c.words)
				synctest.Wait()
				d.wants(t, c.reason, false)
				time.Sleep(dialFirst + time.Second)
				d.wants(t, "connected to the PPPoE server BR1", true)
				if closed := len(d.access.hungUp) == 0; closed == (c.words == "") {
					t.Errorf("sessions hung up: %v", d.access.hungUp)
				}
			})
		})
	}
}

func TestPPPoEWide(t *testing.T) {
	for name, c := range map[string]struct {
		*access
		owner   int
		size    int
		dialled int
	}{
		"both ends can":          {&access{payload: 1500}, 0, 1500, 1},
		"the server does not":    {&access{}, 0, 1492, 1},
		"the link cannot":        {&access{payload: 1500, stiff: true}, 0, 1492, 1},
		"they vanish":            {&access{payload: 1500, narrow: true}, 0, 1492, 2},
		"the owner wants less":   {&access{payload: 1500}, 1480, 1480, 1},
		"the owner knows better": {&access{narrow: true}, 1500, 1500, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDialler(c.access, &ppp{plays: []string{wordsUp}})
				d.MTU = c.owner
				d.run(t)
				time.Sleep(5 * time.Second)
				d.wants(t, "connected to the PPPoE server BR1", true)
				if l := d.newest().Lease; l.MTU != c.size || d.dials() != c.dialled {
					t.Errorf("MTU %d after %d dials, want %d after %d", l.MTU, d.dials(), c.size, c.dialled)
				}
				if newest := d.ppp.begun[d.dials()-1]; !strings.Contains(newest, fmt.Sprintf("mru %d\n", c.size)) {
					t.Errorf("options %q", newest)
				}
			})
		})
	}
}

// That packets of 1508 bytes vanish is known for a day.
func TestPPPoERemembersWhatVanishes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDialler(&access{payload: 1500, narrow: true}, &ppp{plays: []string{wordsUp}})
		d.run(t)
		time.Sleep(time.Hour)
		d.session().dies("Modem hangup\n")
		time.Sleep(time.Minute)
		if n := d.dials(); n != 3 {
			t.Errorf("%d dials, want 3", n)
		}
		time.Sleep(forgetful)
		d.session().dies("Modem hangup\n")
		time.Sleep(time.Minute)
		if n := d.dials(); n != 5 {
			t.Errorf("%d dials, want 5", n)
		}
	})
}

func TestPPPoEOutlivesTheDaemon(t *testing.T) {
	for name, c := range map[string]struct {
		password string
		without6 bool
		same     bool
	}{"the same account": {"secret", false, true}, "another one": {"other", false, false}, "no IPv6 any more": {"secret", true, false}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, p := &access{}, &ppp{plays: []string{wordsUp}}
				first := newDialler(a, p)
				first.run(t)
				time.Sleep(time.Second)
				first.end()
				was := p.running
				second := newDialler(a, p)
				second.Account.Password, second.NoIPv6 = c.password, c.without6
				second.run(t)
				time.Sleep(time.Second)
				second.wants(t, "connected to the PPPoE server BR1", true)
				if same := p.running == was; same != c.same {
					t.Errorf("the session goes on: %t, want %t", same, c.same)
				}
			})
		})
	}
}

func TestPPPoERelease(t *testing.T) {
	for name, c := range map[string]struct {
		*access
		words string
	}{"connected": {&access{}, wordsUp}, "no server": {&access{gone: true}, wordsUp}, "refused": {&access{}, wordsRefused}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDialler(c.access, &ppp{plays: []string{c.words}})
				d.run(t)
				time.Sleep(time.Second / 2)
				if err := d.Release(); err != nil {
					t.Fatal(err)
				}
				d.wants(t, "the line has been given up", false)
				n := d.dials()
				time.Sleep(time.Hour)
				if d.dials() != n || d.session() != nil && d.ppp.kept.PID != 0 {
					t.Error("dialled after the release")
				}
				d.LinkUp()
				time.Sleep(time.Second)
				if d.dials() != n+1 && !c.gone {
					t.Error("not dialled after the carrier came back")
				}
			})
		})
	}
}

func TestOptionsKeepWhatTheySay(t *testing.T) {
	p := &PPPoE{Name: "a-very-long-name", Device: "wan0", Account: Account{User: `me"@isp`, Password: `a\b c#d`, Service: "fast"}}
	text := p.options(1492)
	for _, want := range []string{"nic-wan0\n", "ifname " + SessionDevice("a-very-long-name") + "\n", `user "me\"@isp"` + "\n", `password "a\\b c#d"` + "\n", `pppoe-service "fast"` + "\n", "mtu 1492\nmru 1492\n", "noauth\n", "+ipv6\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("options lack %q:\n%s", want, text)
		}
	}
	if p.NoIPv6 = true; strings.Contains(p.options(1492), "+ipv6") {
		t.Error("IPv6 although it is off")
	}
}
