// Package budget counts what metered lines carry and says when it becomes too much.
//
// An account is one line's: pure, told the kernel's counters and the time. Counter is its driver: it reads the counters every ten
// seconds, has the store keep what was used by the day, and tells the router, which keeps people off a line whose data is used up.
package budget

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/twinpath/twinpath/router"
)

const (
	// often is how often the kernel's counters are read: at 100 Mbit/s a limit is passed by 125 MB at most.
	often = 10 * time.Second
	// soon is how often they are looked for at first: what a new line has carried by then is not counted.
	soon = time.Second
	// again is how often the store is asked anew: what its disk could not say before joins what is known.
	again = 10 * time.Minute
	// patience is how long counting waits for what store and kernel know. The kernel counts on meanwhile.
	patience = time.Minute
	// mark is how often an account's state is kept, beside the moments that matter.
	mark = time.Hour
)

// Source is where the router's snapshots come from.
type Source interface {
	Snapshot() (*router.Snapshot, <-chan struct{})
}

// Shelf keeps small things for good.
type Shelf interface {
	Put(key string, value []byte) error
	All() (map[string][]byte, error)
}

// Ports are what a Counter works with. None of Add, Tell and Record blocks.
type Ports struct {
	Source  Source
	Traffic func() (map[string]router.Traffic, error)                     // what each metered line has carried, by the kernel
	Add     func(wan, day string, rx, tx uint64)                          // to what is kept of a day, "2006-01-02"
	Days    func(wan, from, to string) (map[string]router.Traffic, error) // what is kept, by the day; both ends included
	Shelf   Shelf                                                         // for the accounts' states
	Tell    func(router.BudgetSeen)
	Record  func(router.Event)
	Boot    string // the machine's boot: the kernel's counters begin anew with it
	Now     func() time.Time
	Log     *slog.Logger
}

// Counter keeps the accounts of all metered lines.
type Counter struct {
	ports Ports
	wish  chan router.Config // of one: the latest wins

	accounts []*account
	started  time.Time
	failed   string // the last complaint, so that it is said once
}

// New returns a Counter that does nothing until Run.
func New(ports Ports) *Counter {
	return &Counter{ports: ports, wish: make(chan router.Config, 1)}
}

// Use gives it a configuration. It never blocks; one goroutine at a time may call it.
func (c *Counter) Use(cfg router.Config) {
	select {
	case <-c.wish:
	default:
	}
	c.wish <- cfg
}

// Run counts until ctx ends. Without a metered line it sleeps.
func (c *Counter) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			c.round(true)
			return nil
		case cfg := <-c.wish:
			c.configure(cfg)
		case <-timer.C:
		}
		c.round(false)
		timer.Stop()
		if len(c.accounts) > 0 {
			timer.Reset(c.pause())
		}
	}
}

// pause is how long until the next round.
func (c *Counter) pause() time.Duration {
	fresh := func(a *account) bool { return a.seen == nil }
	if slices.ContainsFunc(c.accounts, fresh) && c.ports.Now().Sub(c.started) < patience {
		return soon
	}
	return often
}

// configure keeps the accounts of lines that stay.
func (c *Counter) configure(cfg router.Config) {
	old := c.accounts
	c.accounts, c.started = nil, c.ports.Now()
	for _, w := range cfg.WANs {
		if !w.Metered || w.Kind == router.Peer {
			continue
		}
		a := newAccount(w.Name)
		if i := slices.IndexFunc(old, func(o *account) bool { return o.wan == w.Name }); i >= 0 {
			a = old[i]
		}
		a.limits = w.Budget
		c.accounts = append(c.accounts, a)
	}
}

// round reads everything and tells what is new of it. The last one keeps the states.
func (c *Counter) round(last bool) {
	if len(c.accounts) == 0 {
		return
	}
	now := c.ports.Now()
	snapshot, _ := c.ports.Source.Snapshot()
	traffic, err := c.ports.Traffic()
	c.complain(err)
	set := !snapshot.ClockUnset && !now.Before(earliest)
	for _, a := range c.accounts {
		if !c.open(now, a) {
			continue
		}
		a.see(now, snapshot)
		if counted, there := traffic[a.wan]; there {
			if used := a.count(now, set, c.ports.Boot, counted); used != (router.Traffic{}) {
				c.ports.Add(a.wan, a.day, used.Rx, used.Tx)
			}
		}
		c.say(now, a)
		if last || a.news || a.seen != nil && now.Sub(a.kept) >= mark {
			c.keep(now, a)
		}
	}
}

// open brings an account up to what the store knows, and reports whether it may count.
func (c *Counter) open(now time.Time, a *account) bool {
	if a.opened && now.Sub(a.asked) < again {
		return true
	}
	var err error
	if !a.opened {
		var kept map[string][]byte
		kept, err = c.ports.Shelf.All()
		a.shelved = string(kept[a.wan])
		a.restore(kept[a.wan])
	}
	days, missing := c.ports.Days(a.wan, a.since(now), "9999-12-31")
	a.merge(days)
	err = errors.Join(err, missing)
	c.complain(err)
	if err != nil && !a.opened && now.Sub(c.started) < patience {
		return false
	}
	a.opened, a.asked = true, now
	return true
}

// say tells what is new.
func (c *Counter) say(now time.Time, a *account) {
	for _, e := range a.warn(now) {
		c.ports.Record(e)
	}
	if view := a.view(now); a.worth(now, view) {
		c.ports.Tell(router.BudgetSeen{WAN: a.wan, View: view})
	}
}

// keep puts the account's state on the shelf.
func (c *Counter) keep(now time.Time, a *account) {
	text := a.state(c.ports.Boot)
	a.kept, a.news = now, false
	if string(text) == a.shelved {
		return
	}
	if err := c.ports.Shelf.Put(a.wan, text); err != nil {
		c.complain(err)
		return
	}
	a.shelved = string(text)
}

func (c *Counter) complain(err error) {
	if err == nil || err.Error() == c.failed {
		return
	}
	c.failed = err.Error()
	c.ports.Log.Warn("count what metered lines carry", "err", err)
}
