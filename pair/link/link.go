// Package link is the connection between the two routers of a pair, over the house's network: TLS 1.3 by a key that only [pair] secret gives,
// and messages in it. It carries them and knows nothing of what they say.
//
// Link owns the connection: who calls whom, that it comes back, and that nobody else gets a byte. Sockets come from its Net. Whoever uses it
// hears of everything from one goroutine (Events).
package link

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// ErrDown is why nothing is sent while there is no connection: Events.Up comes first.
var ErrDown = errors.New("there is no link to the other router")

// Why a connection of ours ends, in the words of its Bye.
var (
	errStops   = errors.New("it is being stopped")
	errChanges = errors.New("its configuration has changed")
)

// Settings say who the two routers are. Without a Partner or a Secret there is no link.
type Settings struct {
	Own, Partner netip.Addr // on the LAN; the router with the greater one calls
	Port         uint16     // of TCP
	Device       string     // of the LAN
	Index        int        // of the device: another one is another device of the same name
	Secret       string     // the same on both

	Router, Version string        // what the other one is told
	MAC             string        // of Device
	LinkLocal       netip.Addr    // of Device; invalid: none
	Beat            time.Duration // between two signs of life of package pulse
}

// Session is one connection, from Events.Up to Events.Down.
type Session struct {
	ID       uint64   // the same on both routers
	Partner  Greeting // what the other one says of itself
	Protocol int      // of the messages: the newest that both speak
	// Key returns a key that both have and nobody else (RFC 8446 §7.5).
	Key func(label string, size int) []byte
}

// Events is who hears of the connection, from one goroutine. None of its functions may block.
type Events struct {
	Up      func(Session)
	Message func(kind Kind, body []byte) // the body is the receiver's own
	Down    func(reason error, bye bool) // bye: the other router said that it would end
}

// Net opens the sockets of a link. They leave and come in by the device alone, and end soon when the other box is dead.
type Net interface {
	Listen(device string, at netip.AddrPort) (net.Listener, error)
	Dial(ctx context.Context, device string, from netip.Addr, to netip.AddrPort) (net.Conn, error)
}

// Link keeps the connection between the routers. It is safe for concurrent use.
type Link struct {
	net      Net
	events   Events
	log      *slog.Logger
	instance string // of this Link: who hears it from somebody else has reached itself
	protocol int    // the newest that is spoken, and the oldest
	least    int

	mu       sync.Mutex
	settings Settings
	changed  chan struct{} // closed when there are others
	reason   string
	session  *session // nil: down
}

// New returns a Link that has nobody to talk to yet.
func New(net Net, events Events, log *slog.Logger) *Link {
	return &Link{
		net: net, events: events, log: log, instance: newInstance(), protocol: protocol, least: least,
		changed: make(chan struct{}),
	}
}

// Use takes settings. Others than before end the connection, and another one begins.
func (l *Link) Use(s Settings) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s == l.settings {
		return
	}
	l.settings = s
	close(l.changed)
	l.changed = make(chan struct{})
}

// Reason returns why there is no connection, as a clause for people; empty: there is one, or nobody wants one.
func (l *Link) Reason() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.session != nil {
		return ""
	}
	return l.reason
}

// Vain reports whether no connection can come about before somebody changes something: the secret, or the program.
func (l *Link) Vain() bool {
	reason := l.Reason()
	return reason == errSecret.Error() || strings.HasPrefix(reason, otherVersion)
}

// Send sends a message, now or soon, and in order. It never blocks; a connection that does not get rid of what is sent ends.
func (l *Link) Send(kind Kind, body []byte) error {
	l.mu.Lock()
	c := l.session
	l.mu.Unlock()
	if c == nil {
		return ErrDown
	}
	return c.send(kind, body)
}

// Run keeps the connection until ctx ends.
func (l *Link) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		l.mu.Lock()
		s, changed := l.settings, l.changed
		l.mu.Unlock()
		l.term(ctx, s, changed)
	}
	l.say("")
	return nil
}

// term works by one set of settings.
func (l *Link) term(ctx context.Context, s Settings, changed <-chan struct{}) {
	id, why := s.identify()
	if l.say(why); id == nil {
		select {
		case <-ctx.Done():
		case <-changed:
		}
		return
	}
	ctx, cancel := context.WithCancelCause(ctx)
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel(nil)
	group.Go(func() {
		select {
		case <-ctx.Done():
		case <-changed:
			cancel(errChanges)
		}
	})
	if s.calls() {
		l.call(ctx, s, id)
		return
	}
	calls := make(chan *connection)
	group.Go(func() { l.listen(ctx, s, id, calls) })
	l.answer(ctx, s, calls)
}

// identify returns what this router shows to the other one; nil: there can be no link. Why is why there is none so far.
func (s Settings) identify() (id *identity, why string) {
	switch {
	case !s.Partner.IsValid() || s.Secret == "":
		return nil, ""
	case !s.Own.IsValid() || s.Device == "":
		return nil, "this router has no address on the LAN yet"
	case s.Own == s.Partner:
		return nil, "[pair] peer is this router's own address"
	}
	id, err := identify(s.Secret)
	if err != nil {
		return nil, err.Error()
	}
	return id, fmt.Sprintf("nothing was heard of %s yet", s.Partner)
}

// calls reports whether it is this router that calls.
func (s Settings) calls() bool { return s.Partner.Less(s.Own) }

// say keeps why there is no connection.
func (l *Link) say(reason string) {
	l.mu.Lock()
	news := l.reason != reason
	l.reason = reason
	l.mu.Unlock()
	if news && reason != "" {
		l.log.Info("no link to the other router", "reason", reason)
	}
}
