package ddns

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/twinpath/twinpath/router"
)

// Ports are what a Registrar needs of the world.
type Ports struct {
	View   func() (*router.Snapshot, <-chan struct{})
	Public func(ctx context.Context, wan string) (netip.Addr, error) // the IPv4 address that the Internet sees a WAN's packets come from
	Tell   func(ctx context.Context, e router.DDNS, a netip.Addr) error
	Show   func(router.NamesSeen) // must not block
	Record func(router.Event)     // must not block
	Shelf  Shelf
	Log    *slog.Logger
}

// Shelf is where things outlive the daemon.
type Shelf interface {
	Put(key string, value []byte) error
	Get(key string) ([]byte, error) // nil: it is not there
}

// ErrRefused is what the error of Ports.Tell is when trying again does not help: the owner has to change something.
var ErrRefused = errors.New("refused")

// Behind a modem that translates, or an ISP that does, nobody tells of a new address: it is asked for so often.
const askAgain = 10 * time.Minute

// Registrar keeps the configured names leading to the house.
type Registrar struct {
	Ports
	configs chan []router.DDNS // of one: the latest wins

	// Run's own.
	names  []*name
	public map[string]asked // by WAN
	shown  []router.NameView
}

// asked is what the Internet said of a line.
type asked struct {
	local, public netip.Addr
	at            time.Time
	err           error
}

// New returns a registrar that does nothing until Run.
func New(p Ports) *Registrar {
	return &Registrar{Ports: p, configs: make(chan []router.DDNS, 1), public: map[string]asked{}}
}

// Use says which names there are from now on. It never blocks.
func (r *Registrar) Use(cfg router.Config) {
	for {
		select {
		case r.configs <- cfg.DDNS:
			return
		case <-r.configs:
		}
	}
}

// Run keeps the names until ctx ends.
func (r *Registrar) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		var changed <-chan struct{}
		if len(r.names) > 0 {
			var s *router.Snapshot
			s, changed = r.View()
			timer.Reset(r.round(ctx, s))
		}
		select {
		case <-ctx.Done():
			return nil
		case entries := <-r.configs:
			r.take(entries)
		case <-changed:
		case <-timer.C:
		}
	}
}

// take makes these the names. What is known of those that stay is kept.
func (r *Registrar) take(entries []router.DDNS) {
	old := r.names
	r.names = nil
	for _, e := range entries {
		i := slices.IndexFunc(old, func(n *name) bool { return reflect.DeepEqual(n.entry, e) })
		if i >= 0 {
			r.names = append(r.names, old[i])
			continue
		}
		n := newName(e)
		if text, err := r.Shelf.Get(n.key); err == nil && text != nil {
			_ = json.Unmarshal(text, &n.kept) // what cannot be read is told again
		}
		r.names = append(r.names, n)
	}
	r.show()
}

// round tells the providers what they have to be told now, and returns how long nothing has to be done unless something changes.
func (r *Registrar) round(ctx context.Context, s *router.Snapshot) time.Duration {
	next := time.Now().Add(refresh)
	for _, n := range r.names {
		if n.entry.WAN == "" && !serves(s) {
			n.leave()
		}
		w, ours := wishOf(n.entry, s)
		if !ours {
			continue
		}
		a := r.address(ctx, w)
		if !w.public {
			next = earlier(next, r.public[w.wan].at.Add(askAgain))
		}
		if !a.IsValid() || ctx.Err() != nil {
			continue
		}
		if !n.due(a, time.Now()).After(time.Now()) {
			r.tell(ctx, n, w.wan, a)
		}
		next = earlier(next, n.due(a, time.Now()))
	}
	r.show()
	return max(time.Until(next), time.Second)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// address returns the Internet's address of a line, as far as it is known.
func (r *Registrar) address(ctx context.Context, w wish) netip.Addr {
	if w.public {
		return w.address
	}
	known, there := r.public[w.wan]
	if there && known.local == w.address && time.Since(known.at) < askAgain {
		return known.public
	}
	public, err := r.Public(ctx, w.wan)
	if err == nil && (!reachable(public) || !public.Is4()) {
		err = fmt.Errorf("%s is no address of the Internet", public)
	}
	if err != nil {
		public = netip.Addr{}
		if known.err == nil {
			r.Log.Warn("the Internet's address of a line is not known", "wan", w.wan, "err", err)
		}
	}
	r.public[w.wan] = asked{local: w.address, public: public, at: time.Now(), err: err}
	return public
}

// tell has the provider of a name told, and says how that went if it is news.
func (r *Registrar) tell(ctx context.Context, n *name, wan string, a netip.Addr) {
	before := n.kept.Address
	err := r.Tell(ctx, n.entry, a)
	if ctx.Err() != nil {
		return
	}
	hosts := strings.Join(n.entry.Hosts, ", ")
	event := router.Event{Time: time.Now(), Kind: router.EventRouter, WAN: wan}
	if err == nil {
		news := n.succeeded(wan, a, time.Now())
		r.keep(n)
		if news {
			event.Sentence = fmt.Sprintf("%s now leads to %s, over %s.", hosts, a, wan)
			r.Record(event)
		}
		return
	}
	if !n.failed(a, err.Error(), errors.Is(err, ErrRefused), time.Now()) {
		return
	}
	event.Sentence = fmt.Sprintf("%s cannot be led to %s: %s.", hosts, a, err)
	if before.IsValid() && before != a {
		event.Sentence = fmt.Sprintf("%s still leads to %s instead of %s: %s.", hosts, before, a, err)
	}
	if errors.Is(err, ErrRefused) {
		event.Blame = router.BlameOwner
	}
	r.Record(event)
}

func (r *Registrar) keep(n *name) {
	text, err := json.Marshal(n.kept)
	if err == nil {
		err = r.Shelf.Put(n.key, text)
	}
	if err != nil {
		r.Log.Warn("a name's address is not kept", "host", n.entry.Hosts, "err", err)
	}
}

// show passes on how it goes, if that has changed.
func (r *Registrar) show() {
	var all []router.NameView
	for _, n := range r.names {
		all = append(all, n.view()...)
	}
	if !slices.Equal(all, r.shown) {
		r.shown = all
		r.Show(router.NamesSeen{Names: all})
	}
}
