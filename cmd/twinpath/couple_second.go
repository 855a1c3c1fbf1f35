package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/netip"
	"reflect"
	"sync"
	"time"

	"github.com/twinpath/twinpath/internal/kernel"
	twin "github.com/twinpath/twinpath/pair"
	"github.com/twinpath/twinpath/pair/link"
	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/store"
)

// abroad has the two routers of a pair find each other over the Internet while the LAN between them is silent. It is a topic, and runs for as
// long as there is a pair. It keeps the addresses of the other router's lines: after a power cut there is nobody to ask for them.
type abroad struct {
	*twin.Second
	view   func() (*router.Snapshot, <-chan struct{})
	config func() *router.Config
	shelf  *store.Shelf
	log    *slog.Logger

	mu     sync.Mutex
	theirs []twin.Way // as last known
	silent bool
	keeper sync.Mutex // of the shelf's order
}

const theirWays = "ways" // on the shelf

func (h *household) newAbroad(config func() *router.Config) *abroad {
	a := &abroad{view: h.router.Snapshot, config: config, shelf: h.store.Shelf("partner"), log: h.log}
	a.Second = twin.NewSecond(a.stand, openAbroad, func(f router.SecondSeen) { h.router.Tell(f) }, h.log)
	return a
}

// openAbroad opens a socket that only its line's packets come to, and that is let in by none but answers.
func openAbroad(from twin.Way, port uint16) (net.PacketConn, error) {
	config := net.ListenConfig{Control: kernel.Control(from.Device, from.Mark)}
	return config.ListenPacket(context.Background(), "udp", netip.AddrPortFrom(from.Address, port).String())
}

// Run looks for the other router whenever the LAN is silent, until ctx ends.
func (a *abroad) Run(ctx context.Context) error {
	a.recall()
	return a.Second.Run(ctx)
}

// Up implements topic.
func (a *abroad) Up(link.Session, func(link.Kind, []byte)) { a.Second.Look() }

// Down implements topic.
func (a *abroad) Down() { a.Second.Look() }

// Hear implements topic.
func (a *abroad) Hear(time.Time, link.Kind, []byte) {}

// Look implements topic.
func (a *abroad) Look(_ time.Time, s *router.Snapshot) {
	if s.Pair != nil && s.Pair.Linked { // else anybody in the house may answer in its name
		a.learn(waysOf(s.Pair.WANs))
	}
	silent := isSilent(s.Pair)
	a.mu.Lock()
	news := silent != a.silent
	a.silent = silent
	a.mu.Unlock()
	if news {
		a.Second.Look()
	}
}

// isSilent reports whether nothing that needs both directions works over the LAN.
func isSilent(p *router.PairView) bool { return p != nil && !p.Linked && (p.Gone || !p.Connected) }

// learn keeps where the other router's lines are.
func (a *abroad) learn(ways []twin.Way) {
	a.mu.Lock()
	news := len(ways) > 0 && !reflect.DeepEqual(ways, a.theirs)
	if news {
		a.theirs = ways
	}
	a.mu.Unlock()
	if !news {
		return
	}
	go func() {
		a.keeper.Lock()
		defer a.keeper.Unlock()
		a.mu.Lock()
		text, err := json.Marshal(a.theirs)
		a.mu.Unlock()
		if err == nil {
			err = a.shelf.Put(theirWays, text)
		}
		if err != nil {
			a.log.Debug("the other router's addresses are not kept", "err", err)
		}
	}()
}

// recall reads what an earlier run kept.
func (a *abroad) recall() {
	items, _ := a.shelf.All() // without a disk there is nothing to be read
	for _, i := range items {
		var ways []twin.Way
		if i.Key != theirWays || json.Unmarshal(i.Value, &ways) != nil {
			continue
		}
		a.mu.Lock()
		if a.theirs == nil {
			a.theirs = ways
		}
		a.mu.Unlock()
	}
}

// waysOf are the addresses of the other router's own lines.
func waysOf(wans []router.PartnerWAN) []twin.Way {
	var all []twin.Way
	for _, w := range wans {
		if w.Kind == router.Peer.String() {
			continue
		}
		texts := []string{w.Address}
		if w.IPv6 != nil {
			texts = append(texts, w.IPv6.Address)
		}
		for _, text := range texts {
			if at, err := netip.ParseAddr(text); err == nil {
				all = append(all, twin.Way{Line: w.Name, Address: at})
			}
		}
	}
	return all
}

// stand is how this router stands now.
func (a *abroad) stand() twin.Standing {
	s, _ := a.view()
	cfg := a.config()
	if !paired(cfg) || !isSilent(s.Pair) {
		return twin.Standing{}
	}
	st := twin.Standing{
		Silent: true, Router: s.Router, Them: s.Pair.Router, State: s.Side.Standing(), Heard: heardOf(s),
		Secret: cfg.Pair.Secret, Port: cfg.Pair.Port, Ours: ownWays(s), Tells: len(cfg.Alert.To) > 0,
	}
	for _, v := range s.VRRP {
		for _, text := range v.Addresses {
			if p, err := netip.ParsePrefix(text); err == nil && st.House == "" && cfg.LAN.Address.Masked().Contains(p.Addr()) {
				st.House = p.Addr().String()
			}
		}
	}
	a.mu.Lock()
	st.Theirs = a.theirs
	a.mu.Unlock()
	return st
}

// heardOf is when the other router's adverts came last.
func heardOf(s *router.Snapshot) (last time.Time) {
	for _, sp := range s.Speakers {
		if sp.Source == s.Pair.Peer && sp.Last.After(last) {
			last = sp.Last
		}
	}
	return last
}

// ownWays are the addresses of our own lines that work.
func ownWays(s *router.Snapshot) []twin.Way {
	var all []twin.Way
	for _, w := range s.WANs {
		if w.Kind == router.Peer.String() || w.Way.Name == "" || w.State == "down" || w.State == "captive" {
			continue
		}
		texts := []string{w.Address}
		if w.IPv6 != nil {
			texts = append(texts, w.IPv6.Address)
		}
		for _, text := range texts {
			if at, err := netip.ParseAddr(text); err == nil {
				all = append(all, twin.Way{Line: w.Name, Address: at, Device: w.Way.Name, Mark: own(w.Mark)})
			}
		}
	}
	return all
}
