package lab

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
)

// Holders watches which of the house's routers has a virtual address, by the kernel's own news.
type Holders struct {
	address netip.Addr
	start   time.Time
	done    chan struct{}
	tasks   sync.WaitGroup

	mu      sync.Mutex
	changes []change
}

// change is one router's getting or losing the address.
type change struct {
	at    time.Time
	box   string
	holds bool
}

// Watch starts watching an address on every router of the house; it ends with the house. FRR's routers have theirs all the time.
func (h *House) Watch(address netip.Addr) (*Holders, error) {
	w := &Holders{address: address, start: time.Now(), done: make(chan struct{})}
	for _, b := range h.Boxes {
		if err := w.follow(b); err != nil {
			return nil, fmt.Errorf("watch %s on %s: %w", address, b.Name, err)
		}
	}
	h.onClose(func() { close(w.done); w.tasks.Wait() })
	return w, nil
}

func (w *Holders) follow(b *Box) error {
	news := make(chan netlink.AddrUpdate, 64)
	err := b.space.Do(func() error {
		return netlink.AddrSubscribeWithOptions(news, w.done, netlink.AddrSubscribeOptions{ListExisting: true})
	})
	if err != nil {
		return err
	}
	w.tasks.Go(func() {
		on := map[int]bool{} // by interface
		for u := range news {
			a, _ := netip.AddrFromSlice(u.LinkAddress.IP)
			if a.Unmap() != w.address {
				continue
			}
			before := len(on) > 0
			if u.NewAddr {
				on[u.LinkIndex] = true
			} else {
				delete(on, u.LinkIndex)
			}
			if holds := len(on) > 0; holds != before {
				w.note(change{time.Now(), b.Name, holds})
			}
		}
	})
	return nil
}

func (w *Holders) note(c change) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.changes = append(w.changes, c)
}

// Now are the names of the routers that have the address, sorted.
func (w *Holders) Now() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return holding(w.changes)
}

// holding are those that have it after some changes.
func holding(changes []change) []string {
	all := map[string]bool{}
	for _, c := range changes {
		all[c.box] = c.holds
	}
	var names []string
	for name, yes := range all {
		if yes {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Taken is when a router got the address after a moment; zero if it did not.
func (w *Holders) Taken(after time.Time, box string) time.Time { return w.find(after, box, true) }

// Lost is when a router lost the address after a moment; zero if it did not.
func (w *Holders) Lost(after time.Time, box string) time.Time { return w.find(after, box, false) }

func (w *Holders) find(after time.Time, box string, holds bool) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.changes {
		if c.box == box && c.holds == holds && !c.at.Before(after) {
			return c.at
		}
	}
	return time.Time{}
}

// HolderTimes is how long an address had no holder, and how long several.
type HolderTimes struct {
	None, Several time.Duration // in all
	LongestNone   time.Duration
	Changes       int
}

// Since sums up from a moment until now.
func (w *Holders) Since(from time.Time) HolderTimes {
	w.mu.Lock()
	defer w.mu.Unlock()
	return holderTimes(w.changes, from, time.Now())
}

func holderTimes(changes []change, from, to time.Time) (t HolderTimes) {
	var row time.Duration
	last, count := from, 0
	spell := func(until time.Time) {
		d := until.Sub(last)
		switch {
		case count == 0:
			t.None += d
			row += d
			t.LongestNone = max(t.LongestNone, row)
			last = until
			return
		case count > 1:
			t.Several += d
		}
		row, last = 0, until
	}
	for i, c := range changes {
		if c.at.After(from) {
			spell(c.at)
			t.Changes++
		}
		count = len(holding(changes[:i+1]))
	}
	spell(to)
	return t
}

func (t HolderTimes) String() string {
	return fmt.Sprintf("%d changes, nobody %s (longest %s), several %s", t.Changes, round(t.None), round(t.LongestNone), round(t.Several))
}

// Story is every change as text, for the log of a failed test.
func (w *Holders) Story() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var s strings.Builder
	for _, c := range w.changes {
		fmt.Fprintf(&s, "%s %s has %s: %t\n", c.at.Format("05.000"), c.box, w.address, c.holds)
	}
	return s.String()
}
