package lan

import (
	"fmt"
	"hash/fnv"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twinpath/twinpath/durable"
)

// book is the leases of the house: in a file that is dnsmasq's while it runs, and what the other router has told while it does not. It is
// safe for concurrent use.
type book struct {
	home string // where the file belongs
	log  *slog.Logger

	mu   sync.Mutex
	file string    // where it is: elsewhere once its disk takes nothing
	lent bool      // to a dnsmasq that runs
	kept []Lease   // newer than the file says, with times that a clock that is set does not change; nil: the file counts
	at   time.Time // when they were written; zero: they are not
}

func newBook(home string, log *slog.Logger) *book { return &book{home: home, file: home, log: log} }

// path is where the file is.
func (b *book) path() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.file
}

// all returns the leases that are good.
func (b *book) all(now time.Time) ([]Lease, error) {
	b.mu.Lock()
	kept, file := b.kept, b.file
	b.mu.Unlock()
	if kept == nil {
		return readLeases(file, now)
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
	b.settle()
	switch {
	case b.kept == nil:
		b.mend(now)
	case b.at.IsZero() || stepped(b.at, now): // else the disk would only hold a take-over up
		b.keep(now)
	}
	b.lent, b.kept = true, nil
}

// settle moves the file to where it can be written: a dnsmasq without one does not serve at all, and a card that is worn out must not keep a
// house from its names. The caller holds the lock.
func (b *book) settle() {
	if b.file != b.home || writable(b.home) == nil {
		return
	}
	dir, err := os.MkdirTemp("", sparePrefix(b.home))
	if err != nil {
		b.log.Warn("leases have no other place", "err", err)
		return
	}
	b.log.Warn("leases are not kept on the disk", "err", writable(b.home))
	b.file, b.at = filepath.Join(dir, filepath.Base(b.home)), time.Time{}
	text, err := readFile(b.home)
	if err == nil {
		err = os.WriteFile(b.file, text, 0o644)
	}
	if err != nil {
		b.log.Warn("leases not read", "err", err)
	}
}

// clear removes what is elsewhere.
func (b *book) clear() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.file != b.home {
		_ = os.RemoveAll(filepath.Dir(b.file))
		b.file = b.home
	}
}

func writable(file string) error {
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	return f.Close()
}

// sparePrefix is how the directory begins in which leases are that belong elsewhere: whose they are is in its name.
func sparePrefix(home string) string {
	sum := fnv.New64a()
	_, _ = sum.Write([]byte(home))
	return fmt.Sprintf("twinpath-leases-%016x-", sum.Sum64())
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
