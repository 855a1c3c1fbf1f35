package main

import (
	"context"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/twinpath/twinpath/firewall"
	"github.com/twinpath/twinpath/internal/kernel"
	"github.com/twinpath/twinpath/pair/flow"
	"github.com/twinpath/twinpath/pair/handover"
	"github.com/twinpath/twinpath/pair/link"
	"github.com/twinpath/twinpath/pair/pulse"
	"github.com/twinpath/twinpath/router"
)

// couple has the two routers of a pair work together: it ties their link, their signs of life, their lists of connections and the hand-over of
// these to the router. Where [pair] has no peer or no secret it does nothing and has nothing. Make it with newCouple.
type couple struct {
	kernel coupleKernel
	net    link.Net
	beats  pulse.Net
	view   func() (*router.Snapshot, <-chan struct{})
	tell   func(router.TogetherSeen) // must not block
	log    *slog.Logger
	topics []topic

	lending *lending
	mover   *mover
	abroad  *abroad

	config atomic.Pointer[router.Config]
	news   chan struct{} // of one: configuration or interfaces may have changed
}

// topic is something that the two routers tell each other of. All its functions are called from one goroutine, and none may block.
type topic interface {
	// Up hears that the two are linked, and how messages get to the other one; send may be called from anywhere.
	Up(s link.Session, send func(link.Kind, []byte))
	// Hear takes a message of any kind; those of other topics are none of its business.
	Hear(now time.Time, kind link.Kind, body []byte)
	// Look sees each new snapshot, linked or not, and at least every five seconds while linked.
	Look(now time.Time, s *router.Snapshot)
	// Down hears that the two are no longer linked, or that there is no pair any more.
	Down()
}

func (h *household) newCouple(cfg router.Config) *couple {
	c := &couple{
		kernel: h.kernel, net: kernel.PairNet{}, beats: kernel.Beats{}, view: h.router.Snapshot, log: h.log,
		tell: func(f router.TogetherSeen) { h.router.Tell(f) }, news: make(chan struct{}, 1),
	}
	c.lending = &lending{log: h.log}
	c.mover, c.abroad = h.newMover(cfg), h.newAbroad(c.config.Load)
	c.topics = []topic{c.lending, c.mover, c.abroad, h.newSights(c.config.Load), h.chronicle}
	c.Use(cfg)
	return c
}

// Use makes a configuration the one that counts. It never blocks.
func (c *couple) Use(cfg router.Config) {
	c.config.Store(&cfg)
	c.Look()
}

// Look has the couple look at the house's side again. It never blocks.
func (c *couple) Look() { ring(c.news) }

// paired reports whether a configuration asks for two routers that work together.
func paired(cfg *router.Config) bool { return cfg.Pair.Peer.IsValid() && cfg.Pair.Secret != "" }

// Run has the two routers work together for as long as a configuration asks for it, until ctx ends.
func (c *couple) Run(ctx context.Context) error {
	for was := false; ctx.Err() == nil; was = true {
		cfg := c.config.Load()
		if !paired(cfg) {
			c.alone(was)
		}
		for !paired(cfg) && ctx.Err() == nil {
			select {
			case <-ctx.Done():
			case <-c.news:
				cfg = c.config.Load()
			}
		}
		if ctx.Err() != nil {
			return nil
		}
		if err := newDuet(c, cfg).run(ctx); err != nil {
			return err
		}
	}
	return nil
}

// alone leaves nothing of a pair behind: nor of one that an earlier run knew.
func (c *couple) alone(was bool) {
	if _, err := c.kernel.Divert(handover.Diversion{}); err != nil {
		c.log.Error("connections of another router are still sent there", "err", err)
	}
	for _, t := range c.topics {
		t.Down()
	}
	if was {
		c.tell(router.TogetherSeen{})
	}
}

// coupleKernel is what a couple wants of the kernel.
type coupleKernel interface {
	WatchFlows(ctx context.Context, own func(firewall.Mark) bool, tell func(flow.Change)) error
	TellFlows(flows []flow.Flow) (told int, err error)
	Neighbours(device string) ([]handover.Neighbour, error)
	Introduce(device string, all []handover.Neighbour) error
	LinkLocal(index int) (netip.Addr, error)
	Vacate(router.Vacate) (router.Vacated, error)
	Diverted() (handover.Diversion, error)
	diverter
}
