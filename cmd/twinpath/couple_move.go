package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/twinpath/twinpath/pair/link"
	"github.com/twinpath/twinpath/router"
)

// Times of a planned move. All are bounds: nothing that an owner has asked for waits longer for the other router.
const (
	prepares = 3 * time.Second  // for the other router's word that it is ready (issue 8)
	leaves   = 2 * time.Second  // for the house to have left, once it may, and short connections to end
	aside    = 60 * time.Second // for the new configuration to work
	works    = 2 * time.Second  // before its first word is believed: a line that is made anew still has its old one
)

// mover moves the house to the other router and back before anything breaks it: it asks over the link whether that one would keep the house's
// connections, and only then leaves. It is a topic of the couple.
type mover struct {
	router interface {
		Drain(wan string, off bool) error
		Tell(router.Fact)
	}
	stopped func(context.Context) bool // whether the program is being stopped for good, and not restarted
	log     *slog.Logger

	mu      sync.Mutex
	send    func(link.Kind, []byte) // nil: there is no link
	view    *router.Snapshot        // the newest
	changed chan struct{}           // closed when there is another one
	config  router.Config
	number  uint64                     // of our newest question
	answers map[uint64]chan<- readying // to ours
	asked   *readying                  // the other router's, until it is answered
	parting bool                       // the other router has said that it is about to be stopped
	home    time.Time                  // from when on the house may come back; zero: it was not moved
}

// readying is the question whether a router would keep the house's connections, and its answer.
type readying struct {
	Number uint64 `json:"number"`
	Ready  bool   `json:"ready,omitempty"`
	Reason string `json:"reason,omitempty"`
}

func (h *household) newMover(cfg router.Config) *mover {
	return &mover{router: h.router, stopped: stopped, log: h.log, config: cfg, changed: make(chan struct{}), answers: map[uint64]chan<- readying{}}
}

// Up implements topic.
func (m *mover) Up(_ link.Session, send func(link.Kind, []byte)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.send, m.parting = send, false
}

// Down implements topic.
func (m *mover) Down() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.send, m.asked = nil, nil
	for _, a := range m.answers {
		a <- readying{Reason: "the link between the two routers has ended"} // has room for it
	}
	clear(m.answers)
}

// Hear implements topic.
func (m *mover) Hear(_ time.Time, kind link.Kind, body []byte) {
	var r readying
	if kind == link.Leaves {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.parting = true
		return
	}
	if kind != link.Prepare && kind != link.Prepared || json.Unmarshal(body, &r) != nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if kind == link.Prepare {
		m.asked = &r
		m.answer()
		return
	}
	if a := m.answers[r.Number]; a != nil {
		delete(m.answers, r.Number)
		a <- r // has room for it
	}
}

// Look implements topic.
func (m *mover) Look(now time.Time, s *router.Snapshot) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.view = s
	close(m.changed)
	m.changed = make(chan struct{})
	m.answer()
	if !m.home.IsZero() && !now.Before(m.home) && carried(s) {
		m.home = time.Time{}
		m.router.Tell(router.StandAside{})
	}
}

// answer tells the other router as soon as this one is ready, or that it never will be.
func (m *mover) answer() {
	if m.asked == nil || m.send == nil {
		return
	}
	switch pair := m.pair(); {
	case m.config.Pair.NoHandOver:
		m.asked.Reason = "it is not to keep connections ([pair] handover)"
	case pair == nil || pair.Phase != router.HandOverReady.String() && pair.Phase != router.HandOverKeeps.String():
		return
	default:
		m.asked.Ready = true
	}
	body, _ := json.Marshal(m.asked) // of a number and a text: it never fails
	m.asked = nil
	m.send(link.Prepared, body)
}

// Drain is router.Router's, but that the house leaves this router only when the other one is ready, or has had its time to be.
func (m *mover) Drain(wan string, off bool) error {
	if wan == "" && !off {
		if why := m.ask(context.Background()); why != "" {
			m.log.Warn("the house leaves this router, and the other one may not keep its connections", "reason", why)
		}
	}
	return m.router.Drain(wan, off)
}

// movable is the router as web.Source has it: one that leaves the house in good order.
type movable struct {
	*router.Router
	mover *mover
}

// Drain implements web.Source.
func (m movable) Drain(wan string, off bool) error { return m.mover.Drain(wan, off) }

// lasting is a context that ends with ctx, or after the house has left a router that is stopped for good: within prepares and leaves.
func (m *mover) lasting(ctx context.Context) (longer context.Context, cancel func()) {
	longer, end := context.WithCancelCause(context.WithoutCancel(ctx))
	forget := context.AfterFunc(ctx, func() {
		m.leave(longer)
		end(context.Cause(ctx))
	})
	return longer, func() { forget(); end(nil) }
}

// leave has the house leave a router that is about to be stopped for good, and tells the other one that nothing is to be sent here after that. A
// mere restart of the program nobody is to notice.
func (m *mover) leave(ctx context.Context) {
	m.mu.Lock()
	s, send := m.view, m.send
	m.mu.Unlock()
	if send == nil || !m.stopped(ctx) {
		return
	}
	m.log.Info("this router is stopped for good: the house leaves it")
	if serving(s) && able(s.Pair) {
		_ = m.Drain("", false) // of the whole router: it cannot be unknown
		m.left()
	}
	send(link.Leaves, nil)
}

// deserted reports whether the other router has been stopped by its own word, so that its kernel carries nothing any more.
func (m *mover) deserted() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.parting && m.send == nil
}

// ask returns why the other router would not keep the connections of the house; empty: it would. A router that does not serve the house has
// nothing to ask for.
func (m *mover) ask(ctx context.Context) (why string) {
	m.mu.Lock()
	if !serving(m.view) {
		m.mu.Unlock()
		return ""
	}
	if m.send == nil {
		m.mu.Unlock()
		return "the two routers are not linked"
	}
	m.number++
	answer, question := make(chan readying, 1), readying{Number: m.number}
	m.answers[question.Number] = answer
	send := m.send
	m.mu.Unlock()
	body, _ := json.Marshal(question)
	send(link.Prepare, body)
	why = answered(ctx, answer)
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.answers, question.Number)
	return why
}

// answered waits for the other router's word.
func answered(ctx context.Context, answer <-chan readying) (why string) {
	late := time.NewTimer(prepares)
	defer late.Stop()
	select {
	case r := <-answer:
		return r.Reason
	case <-late.C:
		return "it has not become ready within " + prepares.String()
	case <-ctx.Done():
		return ctx.Err().Error()
	}
}

// around moves the house to the other router while a configuration comes into use that would break what runs here, and returns what is to be
// called when it is in use, or refused. It takes no longer than prepares and leaves together.
func (m *mover) around(next router.Config) (after func()) {
	m.mu.Lock()
	old, s := m.config, m.view
	m.config = next
	moved := !m.home.IsZero()
	m.mu.Unlock()
	if moved || s == nil || !serving(s) || !able(s.Pair) {
		return func() {}
	}
	why := router.Breaks(old, next, carrying(s))
	if why == "" || m.ask(context.Background()) != "" {
		return func() {}
	}
	now := time.Now()
	m.router.Tell(router.StandAside{Until: now.Add(aside), Reason: "In the new configuration " + why + ": the other router is to serve the house meanwhile."})
	m.left()
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.home = time.Now().Add(works)
	}
}

// left waits until the house has left this router and its last connection has ended, or until they have had their time: most of what is
// under way at any moment is short.
func (m *mover) left() {
	late := time.NewTimer(leaves)
	defer late.Stop()
	for {
		m.mu.Lock()
		s, changed := m.view, m.changed
		m.mu.Unlock()
		if !serving(s) && s.Pair != nil && s.Pair.Left == 0 {
			return
		}
		select {
		case <-changed:
		case <-late.C:
			return
		}
	}
}

func (m *mover) pair() *router.PairView {
	if m.view == nil {
		return nil
	}
	return m.view.Pair
}

// serving reports whether any address of the house is on this router.
func serving(s *router.Snapshot) bool {
	return s != nil && slices.ContainsFunc(s.VRRP, func(v router.VRRPSnapshot) bool { return v.Holding || v.State == "active" })
}

// able reports whether the other router could serve the house, by a line of its own.
func able(p *router.PairView) bool {
	return p != nil && p.Linked && slices.ContainsFunc(p.Lines, func(l router.PartnerLine) bool { return l.Usable })
}

func carrying(s *router.Snapshot) (names []string) {
	for _, w := range s.WANs {
		if w.Active {
			names = append(names, w.Name)
		}
	}
	return names
}

// carried reports whether a line of this router carries what it has.
func carried(s *router.Snapshot) bool {
	return slices.ContainsFunc(s.WANs, func(w router.WANSnapshot) bool {
		return w.Active && (w.State == "up" || w.State == "degraded")
	})
}
