package incident

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/twinpath/twinpath/router"
)

const (
	// beat is how often is looked without news while something goes on: for what has to last to be an incident.
	beat = 5 * time.Second
	// climbEvery is how often the way out is looked along again while a line is in trouble, and climbFor how long that takes at most.
	climbEvery, climbFor = 5 * time.Minute, 5 * time.Second
	// opening is how long the first look waits for what the run before left open: the store may have to be read first.
	opening = 5 * time.Second
	// tooLate is when is no longer asked for it: the disk does not answer.
	tooLate = time.Minute
)

// Ports are a Recorder's ways to the world. Source, Tell and Now are set; without another one nobody does what it is for.
type Ports struct {
	Source interface {
		Snapshot() (*router.Snapshot, <-chan struct{})
	}
	// Tell is called with each incident that changed; it must not block.
	Tell func(router.Incident)
	// Open returns the incidents that the run before left open; an error: not yet.
	Open func() ([]router.Incident, error)
	// Climb looks along a line: how far the way out is sound, and the farthest router that answered.
	Climb func(ctx context.Context, wan string) ([]router.Rung, netip.Addr)
	// Load is what a line carried over the last ten seconds, in bytes per second.
	Load  func(wan string) (rx, tx uint64)
	Pulse Pulse
	Boot  string // names this start of the machine
	Now   func() time.Time
	Log   *slog.Logger
}

// Recorder keeps the book of incidents from what the router says and shows. Make it with New.
type Recorder struct {
	ports   Ports
	box     *box
	book    *Book
	reached chan reached
	climbs  map[string]climb // by line
	left    bool             // what the run before left open has been taken over
}

// climb is what is known of the looks along one line.
type climb struct {
	incident string
	at       time.Time
	running  bool
}

// reached is what one look along a line found.
type reached struct {
	wan   string
	rungs []router.Rung
	last  netip.Addr
}

// New returns a recorder that does nothing until Run but hold events.
func New(ports Ports) *Recorder {
	if ports.Log == nil {
		ports.Log = slog.New(slog.DiscardHandler)
	}
	return &Recorder{ports: ports, box: newBox(), reached: make(chan reached), climbs: map[string]climb{}}
}

// Record takes in an event. It never blocks.
func (r *Recorder) Record(event router.Event) { r.box.put(event) }

// Run keeps the book until ctx ends.
func (r *Recorder) Run(ctx context.Context) error {
	snapshot, _ := r.ports.Source.Snapshot()
	r.book = NewBook(r.ports.Now(), snapshot.Router, tag())
	if r.ports.Load != nil {
		r.book.Load = func(wan string) (l router.Load) { l.Rx, l.Tx = r.ports.Load(wan); return l }
	}
	last := r.takePulse()
	beating := make(chan struct{})
	go func() { defer close(beating); r.beat(ctx) }()
	defer func() { <-beating }()
	r.takeOver(ctx, last)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		snapshot, changed := r.ports.Source.Snapshot() // before the box: every event that led to it is in there
		now := r.ports.Now()
		for _, event := range r.box.take() {
			r.tell(r.book.Step(now, event))
		}
		r.tell(r.book.See(now, snapshot))
		r.climb(ctx, now)
		if !r.left || r.book.Restless() {
			timer.Reset(beat)
		}
		select {
		case <-ctx.Done():
			r.tell(r.book.Open(r.ports.Now())) // as far as it has come, for the next run
			return nil
		case <-changed:
		case <-r.box.news:
		case <-timer.C:
			r.takeOverLate(last)
		case found := <-r.reached:
			c := r.climbs[found.wan]
			c.running = false
			r.climbs[found.wan] = c
			r.tell(r.book.Climbed(r.ports.Now(), found.wan, found.rungs, found.last))
		}
	}
}

// tag makes the IDs of this run its own: four letters that are not mistaken for digits.
func tag() string {
	const letters = "bcdfghjkmnpqrstvwxz"
	t := make([]byte, 4)
	for i := range t {
		t[i] = letters[rand.IntN(len(letters))]
	}
	return string(t)
}

func (r *Recorder) tell(changed []router.Incident) {
	for _, i := range changed {
		r.ports.Log.Debug("incident", "id", i.ID, "cause", i.Cause, "wan", i.WAN, "open", i.Open(), "sentence", i.Sentence)
		r.ports.Tell(i)
	}
}

// takeOver waits a moment for what the run before left open.
func (r *Recorder) takeOver(ctx context.Context, last time.Time) {
	const again = 100 * time.Millisecond
	retry := time.NewTicker(again)
	defer retry.Stop()
	for range opening / again {
		if r.takeOverLate(last); r.left {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-retry.C:
		}
	}
}

func (r *Recorder) takeOverLate(last time.Time) {
	if r.left {
		return
	}
	if r.ports.Open == nil || r.ports.Now().Sub(r.book.born) > tooLate {
		r.left = true
		return
	}
	open, err := r.ports.Open()
	if err != nil {
		r.ports.Log.Debug("open incidents not read yet", "err", err)
		return
	}
	r.left = true
	r.book.Restore(open, last)
}

// climb has the lines in trouble looked along: at the beginning, and now and then.
func (r *Recorder) climb(ctx context.Context, now time.Time) {
	if r.ports.Climb == nil {
		return
	}
	troubled := r.book.Troubled()
	for wan, c := range r.climbs {
		if troubled[wan] == "" && !c.running {
			delete(r.climbs, wan)
		}
	}
	for wan, id := range troubled {
		c := r.climbs[wan]
		if c.running || c.incident == id && now.Sub(c.at) < climbEvery {
			continue
		}
		r.climbs[wan] = climb{incident: id, at: now, running: true}
		go func() {
			limited, cancel := context.WithTimeout(ctx, climbFor)
			defer cancel()
			rungs, last := r.ports.Climb(limited, wan)
			select {
			case r.reached <- reached{wan, rungs, last}:
			case <-ctx.Done():
			}
		}()
	}
}
