package pair

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/twinpath/twinpath/router"
)

// How the second path is used. Chosen here: often enough that both ask within the half minute for which a firewall takes an answer, and no load.
const (
	asksAt     = time.Second      // between two questions for the first minute
	asksLater  = 5 * time.Second  // and then
	asksRarely = 20 * time.Second // when nobody has answered for long: one that is off costs a metered line 40 MB a month
	eager      = time.Minute
	long       = time.Hour
	unheard    = 12 * time.Second // without an answer until the other one counts as silent there, too
	mostWords  = 20               // that are read in a second
	mostPaths  = 4                // from a line of ours to an address of the other router
)

// Standing is how this router stands while the LAN between the two is silent.
type Standing struct {
	Silent bool // the other router is to be asked over the lines
	Router string
	Them   string    // the other router's name
	State  string    // of our election for the house
	House  string    // the address that both would serve
	Tells  bool      // this router has somebody to tell of trouble
	Heard  time.Time // when something of the other router came over the LAN last
	Secret string
	Port   uint16
	Ours   []Way
	Theirs []Way // Device and Mark are not used
}

// Way is one end of a second path: a line with a public address of one family.
type Way struct {
	Line    string
	Address netip.Addr
	Device  string
	Mark    uint32
}

// Second asks the other router over the lines to the Internet how it stands, while the LAN between them is silent, and only then. Both ask from
// the port that both ask at: so each firewall takes the other's words for answers, and nothing is opened on a line. Make it with NewSecond.
type Second struct {
	stand func() Standing
	open  func(from Way, port uint16) (net.PacketConn, error)
	tell  func(router.SecondSeen)
	log   *slog.Logger
	wake  chan struct{}
}

// NewSecond returns a Second that does nothing until it runs. Open opens a UDP socket on a line of ours. Stand and tell must not block.
func NewSecond(stand func() Standing, open func(from Way, port uint16) (net.PacketConn, error), tell func(router.SecondSeen), log *slog.Logger) *Second {
	return &Second{stand: stand, open: open, tell: tell, log: log, wake: make(chan struct{}, 1)}
}

// Look has it look at how this router stands. It never blocks.
func (s *Second) Look() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Run asks whenever the LAN is silent, until ctx ends.
func (s *Second) Run(ctx context.Context) error {
	for {
		if s.stand().Silent {
			s.ask(ctx)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.wake:
		}
	}
}

// public reports whether an address can be reached from elsewhere: no modem and no provider translates it (RFC 6598 is shared among customers).
func public(a netip.Addr) bool {
	shared := netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64}), 10)
	return a.IsGlobalUnicast() && !a.IsPrivate() && !shared.Contains(a.Unmap())
}

// path leads from a line of ours to one of theirs.
type path struct{ from, to Way }

// paths are the ways from our lines to theirs.
func (st Standing) paths() []path {
	var all []path
	for _, from := range st.Ours {
		for _, to := range st.Theirs {
			if public(from.Address) && public(to.Address) && from.Address.Is4() == to.Address.Is4() && len(all) < mostPaths {
				all = append(all, path{from, to})
			}
		}
	}
	return all
}

// ask goes on for as long as the LAN is silent.
func (s *Second) ask(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	a := &asking{Second: s, began: time.Now(), box: newLetterbox(time.Now), sockets: map[Way]net.PacketConn{}, heard: make(chan []byte, mostWords)}
	defer a.readers.Wait()
	defer a.close(nil)
	defer cancel()
	defer func() { s.tell(router.SecondSeen{}) }()
	for {
		st := s.stand()
		if !st.Silent {
			return
		}
		a.send(ctx, st)
		a.say(st)
		if !a.listen(ctx, st, time.NewTimer(a.pace(time.Now()))) {
			return
		}
	}
}

// asking is one stretch of silence.
type asking struct {
	*Second
	began   time.Time
	box     *letterbox
	sockets map[Way]net.PacketConn
	readers sync.WaitGroup
	heard   chan []byte

	newest word
	at     time.Time // of the newest fresh word
	paths  bool      // there is a way to ask
	said   *router.SecondView
}

// pace is the time until the next question.
func (a *asking) pace(now time.Time) time.Duration {
	switch {
	case now.Sub(a.began) <= eager:
		return asksAt
	case now.Sub(a.began) > long && now.Sub(a.at) > long:
		return asksRarely
	}
	return asksLater
}

// send asks over each path.
func (a *asking) send(ctx context.Context, st Standing) {
	all := st.paths()
	a.paths = len(all) > 0
	a.close(all)
	for _, p := range all {
		socket := a.socket(ctx, p.from, st.Port)
		if socket == nil {
			continue
		}
		text, err := a.box.write(st.Secret, word{Router: st.Router, Line: p.from.Line, State: st.State, Hears: a.hears(st), Tells: st.Tells})
		if err == nil {
			_, err = socket.WriteTo(text, net.UDPAddrFromAddrPort(netip.AddrPortFrom(p.to.Address, st.Port)))
		}
		if err != nil {
			a.log.Debug("ask the other router over a line", "wan", p.from.Line, "to", p.to.Address, "err", err)
		}
	}
}

// socket is the one of a line; nil: there is none.
func (a *asking) socket(ctx context.Context, from Way, port uint16) net.PacketConn {
	if c := a.sockets[from]; c != nil {
		return c
	}
	c, err := a.open(from, port)
	if err != nil {
		a.log.Debug("open a socket for the second path", "wan", from.Line, "err", err)
		return nil
	}
	a.sockets[from] = c
	a.readers.Go(func() {
		buffer := make([]byte, mostWord)
		for {
			n, _, err := c.ReadFrom(buffer)
			if err != nil {
				return
			}
			select {
			case a.heard <- append([]byte(nil), buffer[:n]...):
			case <-ctx.Done():
				return
			default: // nobody says so much
			}
		}
	})
	return c
}

// close closes the sockets that no path uses any more.
func (a *asking) close(keep []path) {
	used := map[Way]bool{}
	for _, p := range keep {
		used[p.from] = true
	}
	for from, c := range a.sockets {
		if !used[from] {
			_ = c.Close()
			delete(a.sockets, from)
		}
	}
}

// listen reads what comes until the timer fires, and no more than mostWords; false: ctx has ended.
func (a *asking) listen(ctx context.Context, st Standing, timer *time.Timer) bool {
	defer timer.Stop()
	for n := 0; ; {
		heard := a.heard
		if n >= mostWords {
			heard = nil
		}
		select {
		case <-ctx.Done():
			return false
		case <-timer.C:
			return true
		case <-a.wake:
			if !a.stand().Silent {
				return true
			}
		case text := <-heard:
			n++
			w, fresh, err := a.box.read(st.Secret, text)
			if err != nil {
				a.log.Debug("read what came by the second path", "err", err)
				continue
			}
			if fresh {
				a.newest, a.at = w, time.Now()
				a.say(st)
			}
		}
	}
}

// say tells what is known by now, when that is news.
func (a *asking) say(st Standing) {
	now := time.Now()
	var view *router.SecondView
	switch {
	case !a.at.IsZero() && now.Sub(a.at) < unheard:
		view = answered(st, a.hears(st), a.newest)
	case a.paths && now.Sub(a.began) >= unheard:
		view = &router.SecondView{Sentence: fmt.Sprintf("%s answers neither over the LAN nor over its line.", title(cmp.Or(st.Them, a.newest.Router)))}
	default:
		return
	}
	view.Since = now.UTC()
	if a.said != nil {
		view.Since = a.said.Since
		if *view == *a.said {
			return
		}
		view.Since = now.UTC()
	}
	a.said = view
	a.tell(router.SecondSeen{View: view})
}

// hears reports whether something still comes over the LAN. What came before the silence says nothing.
func (a *asking) hears(st Standing) bool { return st.Heard.After(a.began) }

// answered is what follows from a word of the other router.
func answered(st Standing, hears bool, w word) *router.SecondView {
	them := cmp.Or(w.Router, st.Them, "the other router")
	v := &router.SecondView{Answers: true, Line: w.Line, State: w.State, HearsUs: w.Hears, Tells: w.Tells, Split: st.State == "active" && w.State == "active"}
	switch {
	case v.Split:
		v.Sentence = fmt.Sprintf("Split brain: %s; both serve %s. Look at the cables and switches between them.", direction(st, hears, w, them), cmp.Or(st.House, "the house"))
	case w.State == "active":
		v.Sentence = fmt.Sprintf("Over the LAN nothing is heard of %s, but it answers over %s: it serves the house.", them, w.Line)
	case st.State == "active":
		v.Sentence = fmt.Sprintf("Over the LAN nothing is heard of %s, but it answers over %s: it leaves the house to this router.", them, w.Line)
	default:
		v.Sentence = fmt.Sprintf("Over the LAN nothing is heard of %s, but it answers over %s. Neither of the two serves the house.", them, w.Line)
	}
	return v
}

// direction says what of the LAN between the two does not work.
func direction(st Standing, hears bool, w word, them string) string {
	switch {
	case w.Hears && !hears:
		return fmt.Sprintf("the LAN between the two routers works in one direction only: what %s sends does not reach %s", them, cmp.Or(st.Router, "this router"))
	case hears && !w.Hears:
		return fmt.Sprintf("the LAN between the two routers works in one direction only: what %s sends does not reach %s", cmp.Or(st.Router, "this router"), them)
	}
	return "the LAN between the two routers is cut"
}

// title begins a sentence with the other router; a name of its own stays as it is.
func title(name string) string { return cmp.Or(name, "The other router") }
