package lan

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Times of what two routers tell each other of the house's leases. Chosen here: a device that has just got its address keeps it if this router
// loses its power a second later; what was renewed is told once a minute, and so is all that got lost on the way.
const (
	gather    = 500 * time.Millisecond // of changes that come together
	pace      = 900 * time.Millisecond // between two letters, as when the house's power is back: the other router's page takes a hundred in 90 s
	repeat    = time.Minute
	sooner    = 5 * time.Second // after a letter that was not taken; it doubles
	justNow   = time.Minute     // how long who served until now is believed
	mostLease = 4096
)

// Peer is the other router of the pair.
type Peer interface {
	// Forward has the other router's Share Receive a letter, and returns its answer, both as JSON.
	Forward(ctx context.Context, letter []byte) (answer []byte, err error)
}

// Share tells the leases of the house to the other router of a pair, and keeps what that one tells, so that nobody's address changes when the
// other one serves. It is safe for concurrent use.
type Share struct {
	server *Server
	peer   Peer
	known  func() bool // what time it is
	noted  func()      // must not block: Shared has changed
	log    *slog.Logger

	news   chan struct{} // of one
	paired atomic.Bool
	lease  atomic.Int64 // how long the house's are: nothing longer is believed
	when   atomic.Pointer[time.Time]

	mu     sync.Mutex
	leased bool      // this router did at the last look
	until  time.Time // when it did for the last time; zero: it never did
}

// letter is what one router tells the other, and its answer. Times are told as what is left of them: the two clocks may differ.
type letter struct {
	Serves bool     `json:"serves"`           // the sender does
	Served bool     `json:"served,omitempty"` // it did until just now
	Leases []shared `json:"leases"`
}

type shared struct {
	Left    int64      `json:"left"` // seconds; 0: for ever
	MAC     string     `json:"mac"`
	Address netip.Addr `json:"address"`
	Name    string     `json:"name,omitempty"`
	Client  string     `json:"client,omitempty"`
}

// NewShare returns a Share that does nothing until Use and Run. Known says whether this router knows what time it is; noted must not block.
func NewShare(server *Server, peer Peer, known func() bool, noted func(), log *slog.Logger) *Share {
	return &Share{server: server, peer: peer, known: known, noted: noted, log: log, news: make(chan struct{}, 1)}
}

// Use says whether there is another router that keeps leases, and how long those of this house are. It never blocks.
func (s *Share) Use(paired bool, lease time.Duration) {
	s.paired.Store(paired)
	s.lease.Store(int64(lease))
	s.Look()
}

// Look has it see whether leases have changed, or who serves. It never blocks.
func (s *Share) Look() {
	select {
	case s.news <- struct{}{}:
	default: // it looks soon
	}
}

// Shared returns when the other router was last told, or told; zero: never.
func (s *Share) Shared() time.Time {
	if at := s.when.Load(); at != nil {
		return *at
	}
	return time.Time{}
}

// Run tells the other router until ctx ends.
func (s *Share) Run(ctx context.Context) error {
	pause := sooner
	for {
		wait := repeat
		if s.paired.Load() {
			if err := s.tell(ctx); err != nil {
				s.log.Debug("the other router does not know the leases", "err", err)
				wait, pause = pause, min(2*pause, repeat)
			} else {
				pause = sooner
			}
		}
		if !s.rest(ctx, wait, time.Now()) {
			return nil
		}
	}
}

// rest waits for news, and then a moment for more, or until it is time after the last letter. It reports whether to go on.
func (s *Share) rest(ctx context.Context, wait time.Duration, last time.Time) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	case <-s.news:
	}
	timer.Reset(max(gather, pace-time.Since(last)))
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
	}
	select {
	case <-s.news: // is told with the others
	default:
	}
	return true
}

// tell sends this router's leases, and takes in the answer.
func (s *Share) tell(ctx context.Context) error {
	text, err := s.compose(time.Now())
	if err != nil {
		return err
	}
	answer, err := s.peer.Forward(ctx, text)
	if err != nil {
		return err
	}
	var l letter
	if err := json.Unmarshal(answer, &l); err != nil {
		return err
	}
	s.learn(l, time.Now())
	return nil
}

// Receive takes in a letter of the other router, and returns the answer.
func (s *Share) Receive(text []byte) ([]byte, error) {
	var l letter
	if err := json.Unmarshal(text, &l); err != nil {
		return nil, err
	}
	now := time.Now()
	s.learn(l, now)
	return s.compose(now)
}

// compose is what this router knows. One that does not know the time does not know how long leases are good either, but those it has
// given itself.
func (s *Share) compose(now time.Time) ([]byte, error) {
	serves, served := s.roles(now)
	l := letter{Serves: serves, Served: served, Leases: []shared{}}
	leases, err := s.server.Leases(now)
	if err != nil {
		return nil, err
	}
	if !serves && !served && !s.known() {
		leases = nil
	}
	for _, one := range leases[:min(len(leases), mostLease)] {
		left := int64(0)
		if !one.Until.IsZero() {
			left = max(1, int64(one.left(now)/time.Second))
		}
		l.Leases = append(l.Leases, shared{left, one.MAC, one.Address, one.Name, one.Client})
	}
	return json.Marshal(l)
}

// roles reports whether this router gives addresses away now, and whether it did until just now.
func (s *Share) roles(now time.Time) (serves, served bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	serves = s.server.State().Leasing
	if s.leased || serves {
		s.until = now
	}
	s.leased = serves
	return serves, !serves && !s.until.IsZero() && now.Sub(s.until) < justNow
}

// learn takes in what the other router knows. Who serves, or did until just now, believes newer leases; who does not keeps what the other one
// has that does, or did.
func (s *Share) learn(l letter, now time.Time) {
	limit := time.Duration(s.lease.Load())
	if limit == 0 {
		return // this house has none
	}
	at := now.Round(0)
	s.when.Store(&at)
	defer s.noted()
	serves, served := s.roles(now)
	if !serves && (l.Serves || l.Served) && !served {
		s.server.book.replace(l.good(now, limit, false), now)
		return
	}
	if !serves && !l.Serves {
		return
	}
	mine, err := s.server.Leases(now)
	if err != nil {
		s.log.Warn("leases of the other router are not looked at", "err", err)
		return
	}
	if !serves { // who serves now may not know yet what was given away here until just now
		s.server.book.replace(joined(mine, l.good(now, limit, true)), now)
		return
	}
	add, drop := merge(mine, l.good(now, limit, true))
	if len(add) == 0 {
		return
	}
	select {
	case s.server.gifts <- gift{add, drop}:
	default: // the next letter has them, too
	}
}

// good are the leases of a letter that can be. Those that are longer than this house's are cut or, by who is in doubt, left out: the other
// router's clock was set meanwhile.
func (l letter) good(now time.Time, limit time.Duration, doubtful bool) []Lease {
	const slack = time.Minute
	var all []Lease
	for _, t := range l.Leases[:min(len(l.Leases), mostLease)] {
		one := Lease{MAC: t.MAC, Address: t.Address, Name: t.Name, Client: t.Client}
		left := time.Duration(min(max(t.Left, 0), int64(10*limit/time.Second))) * time.Second
		if one.sound() != nil || doubtful && left > limit+slack {
			continue
		}
		if t.Left > 0 {
			one.Until = now.Add(min(left, limit))
		}
		all = append(all, one)
	}
	return all
}
