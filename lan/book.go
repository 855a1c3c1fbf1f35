package lan

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twinpath/twinpath/durable"
)

// book is the leases of the house: in a file that is dnsmasq's while it runs, and what the other router has told while it does not. It is
// safe for concurrent use.
type book struct {
	file string
	log  *slog.Logger

	mu   sync.Mutex
	lent bool      // to a dnsmasq that runs
	kept []Lease   // newer than the file says, with times that a clock that is set does not change; nil: the file counts
	at   time.Time // when they were written; zero: they are not
}

// all returns the leases that are good.
func (b *book) all(now time.Time) ([]Lease, error) {
	b.mu.Lock()
	kept := b.kept
	b.mu.Unlock()
	if kept == nil {
		return readLeases(b.file, now)
	}
	var all []Lease
	for _, l := range kept {
		if l.left(now) > 0 {
			all = append(all, l)
		}
	}
	return all, nil
}

// lend gives the file to a dnsmasq that is about to start. What it could not read is left out.
func (b *book) lend(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.kept == nil:
		b.mend(now)
	case b.at.IsZero() || stepped(b.at, now): // else the disk would only hold a take-over up
		b.keep(now)
	}
	b.lent, b.kept = true, nil
}

// giveBack ends lend.
func (b *book) giveBack() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lent = false
}

// replace keeps these leases instead, unless dnsmasq has the file; it reports whether it did.
func (b *book) replace(leases []Lease, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.lent {
		return false
	}
	same := slices.EqualFunc(b.kept, leases, func(k, l Lease) bool {
		const slack = 5 * time.Second
		apart := k.Until.Sub(l.Until).Abs()
		k.Until, l.Until = time.Time{}, time.Time{}
		return k == l && apart < slack
	})
	if same && b.kept != nil {
		return true // the disk is spared
	}
	b.kept = append([]Lease{}, leases...)
	b.keep(now)
	return true
}

// keep writes what the other router has told. What is in memory is as good until the power goes. The caller holds the lock.
func (b *book) keep(now time.Time) {
	b.at = now
	if err := b.write(b.kept, now); err != nil {
		b.at = time.Time{}
		b.log.Warn("the leases of the other router are not kept", "err", err)
	}
}

// stepped reports whether the clock was set between two times.
func stepped(before, now time.Time) bool {
	const noticed = 5 * time.Second
	return (now.Round(0).Sub(before.Round(0)) - now.Sub(before)).Abs() > noticed
}

// mend writes the file anew where a part of it is of no use. The caller holds the lock.
func (b *book) mend(now time.Time) {
	text, err := readFile(b.file)
	if err != nil {
		b.log.Warn("leases not read", "err", err)
		return
	}
	leases, bad := parseLeases(text, now)
	if bad == 0 {
		return
	}
	b.log.Warn("leases that nobody can read are forgotten", "lines", bad, "good", len(leases))
	if err := b.write(leases, now); err != nil {
		b.log.Warn("leases not mended", "err", err)
	}
}

// write replaces the file. The times in it are by the clock as it is now. The caller holds the lock.
func (b *book) write(leases []Lease, now time.Time) error {
	var text strings.Builder
	for _, l := range leases {
		if !l.Until.IsZero() {
			l.Until = now.Round(0).Add(l.Until.Sub(now))
		}
		text.WriteString(l.line())
	}
	if err := durable.Replace(b.file, []byte(text.String()), 0o644); err != nil {
		return fmt.Errorf("write leases: %w", err)
	}
	return nil
}
