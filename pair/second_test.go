package pair

import (
	"context"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twinpath/twinpath/router"
)

// abroad is the Internet between two lines, each behind a firewall that takes nothing but answers.
type abroad struct {
	mu     sync.Mutex
	ends   map[netip.AddrPort]*end
	asked  map[[2]netip.AddrPort]bool // from, to
	sent   int
	dead   bool
	tapped [][]byte
}

func newAbroad() *abroad {
	return &abroad{ends: map[netip.AddrPort]*end{}, asked: map[[2]netip.AddrPort]bool{}}
}

// counts are how many words were sent and how many sockets are open.
func (a *abroad) counts() (sent, sockets int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.sent, len(a.ends)
}

// end is a socket on a line.
type end struct {
	net.PacketConn
	at   netip.AddrPort
	of   *abroad
	in   chan []byte
	gone chan struct{}
	once sync.Once
}

func (a *abroad) open(from Way, port uint16) (net.PacketConn, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	e := &end{at: netip.AddrPortFrom(from.Address, port), of: a, in: make(chan []byte, 10), gone: make(chan struct{})}
	a.ends[e.at] = e
	return e, nil
}

func (e *end) WriteTo(text []byte, to net.Addr) (int, error) {
	at := to.(*net.UDPAddr).AddrPort()
	e.of.mu.Lock()
	defer e.of.mu.Unlock()
	e.of.sent++
	e.of.asked[[2]netip.AddrPort{e.at, at}] = true
	e.of.tapped = append(e.of.tapped, append([]byte(nil), text...))
	if there := e.of.ends[at]; there != nil && e.of.asked[[2]netip.AddrPort{at, e.at}] && !e.of.dead {
		there.in <- append([]byte(nil), text...)
	}
	return len(text), nil
}

func (e *end) ReadFrom(buffer []byte) (int, net.Addr, error) {
	select {
	case text := <-e.in:
		return copy(buffer, text), nil, nil
	case <-e.gone:
		return 0, nil, net.ErrClosed
	}
}

func (e *end) Close() error {
	e.once.Do(func() {
		close(e.gone)
		e.of.mu.Lock()
		defer e.of.mu.Unlock()
		delete(e.of.ends, e.at)
	})
	return nil
}

// half is one router of a pair beside its Second.
type half struct {
	*Second
	mu    sync.Mutex
	st    Standing
	views []*router.SecondView
}

func (h *half) set(change func(*Standing)) {
	h.mu.Lock()
	change(&h.st)
	h.mu.Unlock()
	h.Look()
}

func (h *half) newest(t *testing.T) router.SecondView {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.views) == 0 || h.views[len(h.views)-1] == nil {
		t.Fatalf("%s knows nothing: %v", h.st.Router, h.views)
	}
	return *h.views[len(h.views)-1]
}

func halves(t *testing.T, a *abroad) (main, backup *half) {
	t.Helper()
	fibre, lte := Way{Line: "fibre", Address: netip.MustParseAddr("198.51.100.7")}, Way{Line: "lte", Address: netip.MustParseAddr("192.0.2.7")}
	of := func(name, them, state string, ours, theirs Way) *half {
		h := &half{st: Standing{Router: name, Them: them, State: state, House: "192.168.1.1", Secret: "0123456789abcdef", Port: 61112,
			Ours: []Way{ours, {Line: "modem", Address: netip.MustParseAddr("192.168.178.20")}}, Theirs: []Way{theirs}}}
		h.Second = NewSecond(func() Standing { h.mu.Lock(); defer h.mu.Unlock(); return h.st }, a.open,
			func(f router.SecondSeen) { h.mu.Lock(); defer h.mu.Unlock(); h.views = append(h.views, f.View) }, slog.New(slog.DiscardHandler))
		return h
	}
	return of("main", "backup", "active", fibre, lte), of("backup", "main", "active", lte, fibre)
}

// apart runs both routers while test does something.
func apart(t *testing.T, test func(t *testing.T, a *abroad, main, backup *half)) {
	synctest.Test(t, func(t *testing.T) {
		a := newAbroad()
		main, backup := halves(t, a)
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for _, h := range []*half{main, backup} {
			all.Go(func() {
				if err := h.Run(ctx); err != nil {
					t.Error(err)
				}
			})
		}
		test(t, a, main, backup)
		cancel()
		all.Wait()
		if len(a.ends) > 0 {
			t.Errorf("sockets are left: %v", maps.Collect(maps.All(a.ends)))
		}
	})
}

func silent(s *Standing) { s.Silent = true }

func TestASplitBrainIsSeenOverTheLines(t *testing.T) {
	apart(t, func(t *testing.T, a *abroad, main, backup *half) {
		time.Sleep(time.Hour)
		if sent, sockets := a.counts(); sent > 0 || sockets > 0 {
			t.Fatalf("%d words and %d sockets while the LAN is well", sent, sockets)
		}
		main.set(silent)
		time.Sleep(700 * time.Millisecond)
		backup.set(silent)
		time.Sleep(5 * time.Second)
		const want = "Split brain: the LAN between the two routers is cut; both serve 192.168.1.1. Look at the cables and switches between them."
		for _, h := range []*half{main, backup} {
			if v := h.newest(t); !v.Split || !v.Answers || v.Sentence != want {
				t.Errorf("%s: %+v", h.st.Router, v)
			}
		}
		before, _ := a.counts()
		time.Sleep(time.Minute)
		if after, _ := a.counts(); float64(after-before)/60 > 2 {
			t.Errorf("%d words in a minute", after-before)
		}
		main.set(func(s *Standing) { s.Silent = false })
		backup.set(func(s *Standing) { s.Silent = false })
		synctest.Wait()
		for _, h := range []*half{main, backup} {
			h.mu.Lock()
			if n := len(h.views); h.views[n-1] != nil {
				t.Errorf("%s goes on: %+v", h.st.Router, h.views[n-1])
			}
			h.mu.Unlock()
		}
		if _, sockets := a.counts(); sockets > 0 {
			t.Error("sockets are left though the LAN is well")
		}
	})
}

func TestTheBrokenDirectionIsNamed(t *testing.T) {
	apart(t, func(t *testing.T, _ *abroad, main, backup *half) {
		main.set(silent)
		backup.set(func(s *Standing) { s.Silent, s.Heard = true, time.Now().Add(time.Second) })
		time.Sleep(5 * time.Second)
		const want = "what backup sends does not reach main; both serve 192.168.1.1."
		for _, h := range []*half{main, backup} {
			if v := h.newest(t); !strings.Contains(v.Sentence, want) {
				t.Errorf("%s: %s", h.st.Router, v.Sentence)
			}
		}
	})
}

func TestOneThatServesAndOneThatDoesNot(t *testing.T) {
	apart(t, func(t *testing.T, a *abroad, main, backup *half) {
		main.set(silent)
		backup.set(func(s *Standing) { s.Silent, s.State, s.Tells = true, "fault", true })
		time.Sleep(5 * time.Second)
		if v := main.newest(t); v.Split || v.State != "fault" || !v.Tells || v.Sentence != "Over the LAN nothing is heard of backup, but it answers over lte: it leaves the house to this router." {
			t.Errorf("main: %+v", v)
		}
		if v := backup.newest(t); v.Tells || v.Sentence != "Over the LAN nothing is heard of main, but it answers over fibre: it serves the house." {
			t.Errorf("backup: %+v", v)
		}
		a.mu.Lock()
		a.dead = true
		a.mu.Unlock()
		time.Sleep(unheard + asksAt)
		if v := main.newest(t); v.Answers || v.Sentence != "backup answers neither over the LAN nor over its line." {
			t.Errorf("main, without an answer: %+v", v)
		}
	})
}

func TestWithoutAPublicAddressNobodyIsAsked(t *testing.T) {
	apart(t, func(t *testing.T, a *abroad, main, _ *half) {
		main.set(func(s *Standing) {
			s.Silent, s.Theirs = true, []Way{{Line: "lte", Address: netip.MustParseAddr("100.64.3.9")}}
		})
		time.Sleep(time.Minute)
		if sent, _ := a.counts(); sent > 0 || len(main.views) > 0 {
			t.Errorf("%d words, %d views", sent, len(main.views))
		}
	})
}

// A router that is off for weeks must not use up a metered line, and is found all the same when it is on again.
func TestOneThatIsOffIsAskedRarely(t *testing.T) {
	apart(t, func(t *testing.T, a *abroad, main, backup *half) {
		main.set(silent)
		time.Sleep(2 * time.Hour)
		before, _ := a.counts()
		time.Sleep(2 * time.Hour)
		if after, _ := a.counts(); after-before > 400 {
			t.Errorf("%d words in two hours", after-before)
		}
		backup.set(silent)
		time.Sleep(time.Minute)
		for _, h := range []*half{main, backup} {
			if v := h.newest(t); !v.Answers {
				t.Errorf("%s: %+v", h.st.Router, v)
			}
		}
	})
}

func TestOldAndOwnWordsAreNoNews(t *testing.T) {
	const secret = "0123456789abcdef"
	ours, theirs := newLetterbox(time.Now), newLetterbox(time.Now)
	first, err := theirs.write(secret, word{State: "active"})
	if err != nil {
		t.Fatal(err)
	}
	if _, fresh, err := ours.read(secret, first); fresh || err != nil {
		t.Errorf("a word that answers nothing: fresh %t, %v", fresh, err)
	}
	asked, _ := ours.write(secret, word{})
	if _, fresh, err := theirs.read(secret, asked); !fresh || err != nil {
		t.Errorf("a word that answers: fresh %t, %v", fresh, err)
	}
	answer, _ := theirs.write(secret, word{State: "active"})
	if w, fresh, err := ours.read(secret, answer); !fresh || err != nil || w.State != "active" {
		t.Errorf("the answer: %+v, fresh %t, %v", w, fresh, err)
	}
	if _, fresh, _ := ours.read(secret, answer); fresh {
		t.Error("an old word counts again")
	}
	if _, _, err := theirs.read(secret, answer); err == nil {
		t.Error("a router takes its own word for the other's")
	}
	if _, _, err := ours.read("another secret!!", answer); err == nil {
		t.Error("the secret does not matter")
	}
	if len(answer) > mostWord {
		t.Errorf("a word has %d bytes", len(answer))
	}
	long := strings.Repeat("ä", 10_000)
	if text, err := ours.write(secret, word{Router: long, Line: long, State: long}); err != nil || len(text) > mostWord {
		t.Errorf("a word has %d bytes, %v", len(text), err)
	}
}
