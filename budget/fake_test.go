package budget

import (
	"errors"
	"log/slog"
	"maps"
	"testing"
	"time"

	"github.com/twinpath/twinpath/router"
)

// box is a machine with a Counter, whose kernel, store and clock are in the test's hands.
type box struct {
	t       *testing.T
	now     time.Time
	unset   bool // the clock
	counter *Counter
	cfg     router.Config

	kernel map[string]router.Traffic
	boot   string

	disk, memory map[string]router.Traffic // days of lte; memory is what a power cut takes
	shelf        map[string][]byte
	broken       error

	active string
	state  string // of the active line
	events []router.Event
	told   []router.BudgetView
}

var errDisk = errors.New("the disk does not answer")

func newBox(t *testing.T, limits router.Budget) *box {
	b := &box{t: t, now: time.Date(2026, 11, 21, 19, 0, 0, 0, time.UTC), boot: "first", active: "fibre", state: "up",
		kernel: map[string]router.Traffic{"lte": {}}, disk: map[string]router.Traffic{}, memory: map[string]router.Traffic{}, shelf: map[string][]byte{}}
	b.cfg = router.Config{WANs: []router.WANConfig{
		{Name: "fibre", Kind: router.DHCP}, {Name: "lte", Kind: router.DHCP, Cost: 50, Metered: true, Budget: limits},
		{Name: "other", Kind: router.Peer, Metered: true}}}
	b.begin()
	return b
}

// begin is a new run of the daemon.
func (b *box) begin() {
	b.counter = New(Ports{
		Source: b, Traffic: func() (map[string]router.Traffic, error) { return maps.Clone(b.kernel), nil },
		Add: func(wan, day string, rx, tx uint64) {
			if wan != "lte" {
				b.t.Errorf("%s is counted", wan)
			}
			b.memory[day] = plus(b.memory[day], router.Traffic{Rx: rx, Tx: tx})
		},
		Days: b.days, Shelf: b, Tell: func(s router.BudgetSeen) { b.told = append(b.told, s.View) },
		Record: func(e router.Event) { b.events = append(b.events, e) },
		Boot:   b.boot, Now: func() time.Time { return b.now }, Log: slog.New(slog.DiscardHandler),
	})
	b.counter.configure(b.cfg)
	b.counter.started = b.now
	b.counter.round(false)
}

func (b *box) days(wan, from, to string) (map[string]router.Traffic, error) {
	all := map[string]router.Traffic{}
	parts := []map[string]router.Traffic{b.memory, b.disk}
	if b.broken != nil {
		parts = parts[:1]
	}
	for _, part := range parts {
		for day, used := range part {
			if wan == "lte" && day >= from && day <= to {
				all[day] = plus(all[day], used)
			}
		}
	}
	return all, b.broken
}

func (b *box) Put(key string, value []byte) error {
	if b.broken == nil {
		b.shelf[key] = value
	}
	return b.broken
}

func (b *box) All() (map[string][]byte, error) {
	if b.broken != nil {
		return nil, b.broken
	}
	return maps.Clone(b.shelf), nil
}

func (b *box) Snapshot() (*router.Snapshot, <-chan struct{}) {
	s := &router.Snapshot{ClockUnset: b.unset}
	for _, w := range b.cfg.WANs {
		shown := router.WANSnapshot{Name: w.Name, Metered: w.Metered, State: "up"}
		if shown.Active = w.Name == b.active; shown.Active {
			shown.State = b.state
		}
		s.WANs = append(s.WANs, shown)
	}
	return s, nil
}

// carry has the line carry bytes, half of them each way.
func (b *box) carry(n uint64) {
	c := b.kernel["lte"]
	b.kernel["lte"] = router.Traffic{Rx: c.Rx + n/2, Tx: c.Tx + n - n/2}
}

// pass lets time go by in steps of ten seconds, at least one.
func (b *box) pass(d time.Duration) {
	for end := b.now.Add(d); ; {
		b.now = b.now.Add(often)
		b.counter.round(false)
		if !b.now.Before(end) {
			return
		}
	}
}

// flush is the store's batch reaching the disk.
func (b *box) flush() {
	for day, used := range b.memory {
		b.disk[day] = plus(b.disk[day], used)
	}
	b.memory = map[string]router.Traffic{}
}

// killed ends the daemon without a word, and starts another a while later.
func (b *box) killed() {
	b.memory = map[string]router.Traffic{}
	b.begin()
}

// rebooted cuts the power.
func (b *box) rebooted() {
	b.boot += "'"
	b.kernel["lte"] = router.Traffic{}
	b.killed()
}

func (b *box) view() router.BudgetView {
	return b.counter.accounts[0].view(b.now)
}

func (b *box) wantUsed(what string, month, incident uint64) {
	b.t.Helper()
	if got := b.view().Used; got.Month != month || got.Incident != incident {
		b.t.Errorf("%s: %d of the month and %d of the incident are used, want %d and %d", what, got.Month, got.Incident, month, incident)
	}
}

// wantSaid wants exactly these sentences since the last call.
func (b *box) wantSaid(sentences ...string) {
	b.t.Helper()
	for i := range max(len(sentences), len(b.events)) {
		switch {
		case i >= len(b.events):
			b.t.Errorf("not said: %s", sentences[i])
		case i >= len(sentences):
			b.t.Errorf("said too much: %s", b.events[i].Sentence)
		case b.events[i].Sentence != sentences[i]:
			b.t.Errorf("said: %s\nwant: %s", b.events[i].Sentence, sentences[i])
		}
	}
	for _, e := range b.events {
		if e.Kind != router.EventBudget || e.Cause != router.CauseBudget || e.To != "moment" || e.WAN != "lte" {
			b.t.Errorf("%+v is no moment of lte's budget", e)
		}
	}
	b.events = nil
}
