package site

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/web"
)

const (
	// beat is how often readers of the stream are told that the daemon lives; a page is stale after 15 s without one.
	beat = 5 * time.Second
	// shortest and longest are between two tries to watch the daemon.
	shortest = 100 * time.Millisecond
	longest  = 5 * time.Second
	// answering is how long the daemon may take to say that it lives.
	answering = 3 * time.Second
)

// seen is the newest that the daemon has said, ready to be sent. It is immutable.
type seen struct {
	snapshot *router.Snapshot
	json     *packed   // what /api/v1/status answers
	number   uint64    // counts what has been seen
	silent   time.Time // since when the daemon has not answered; zero: it does
}

// hub watches the daemon for everybody who looks at this site.
type hub struct {
	client *web.Client
	log    *slog.Logger

	latest  atomic.Pointer[seen]
	changed atomic.Pointer[chan struct{}]
	set     atomic.Pointer[web.Settings]

	happened kept[[]router.Event]
	troubles kept[[]router.Incident]
	measured kept[*router.Measures]
	counted  [2]kept[[]byte] // metrics: the text format, OpenMetrics

	mu     sync.Mutex
	daemon *router.Snapshot
	silent time.Time
	number uint64
}

func newHub(client *web.Client, log *slog.Logger) *hub {
	h := &hub{client: client, log: log}
	ready := make(chan struct{})
	h.changed.Store(&ready)
	h.set.Store(&web.Settings{})
	return h
}

// settings are the newest that the daemon has given; empty before that.
func (h *hub) settings() web.Settings { return *h.set.Load() }

// seen is the newest view, nil before there is one.
func (h *hub) seen() *seen { return h.latest.Load() }

// next is closed when there is a newer view than the one that is read after the call.
func (h *hub) next() <-chan struct{} { return *h.changed.Load() }

// run watches the daemon until ctx ends, again and again.
func (h *hub) run(ctx context.Context) error {
	for wait := shortest; ; wait = min(2*wait, longest) {
		began := time.Now()
		err := h.watch(ctx)
		if ctx.Err() != nil {
			return nil
		}
		h.quiet(time.Now())
		h.log.Warn("the daemon does not answer", "err", err)
		if time.Since(began) > longest {
			wait = shortest
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

// watch follows one stream. Another one, or a daemon that hangs with it open, ends it.
func (h *hub) watch(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	asking, stop := context.WithTimeout(ctx, answering)
	settings, err := h.client.Settings(asking)
	stop()
	if err != nil {
		return err
	}
	h.set.Store(&settings)
	go h.listen(ctx)
	return h.client.Watch(ctx, func(s *router.Snapshot) { h.take(s) })
}

// listen asks the daemon now and then whether it lives: its stream says nothing while nothing changes.
func (h *hub) listen(ctx context.Context) {
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		asking, stop := context.WithTimeout(ctx, answering)
		_, err := h.client.Raw(asking, "/whoami")
		stop()
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			h.quiet(time.Now())
		default:
			h.speaking()
		}
	}
}

// take is the daemon's newest word.
func (h *hub) take(s *router.Snapshot) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.daemon, h.silent = s, time.Time{}
	h.publish()
}

// quiet notes that the daemon does not answer.
func (h *hub) quiet(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.silent.IsZero() {
		h.silent = now
		h.publish()
	}
}

// speaking notes that it does.
func (h *hub) speaking() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.silent.IsZero() {
		h.silent = time.Time{}
		h.publish()
	}
}

// publish makes the view once for everybody. It is called with the lock held.
func (h *hub) publish() {
	if h.daemon == nil {
		return
	}
	text, err := h.encode(h.daemon)
	if err != nil {
		h.log.Error("encode snapshot", "err", err)
		return
	}
	h.number++
	h.latest.Store(&seen{snapshot: h.daemon, json: &packed{plain: append(text, '\n')}, number: h.number, silent: h.silent})
	ready := make(chan struct{})
	close(*h.changed.Swap(&ready))
}

// encode adds since when the daemon has been silent to what it said last.
func (h *hub) encode(snapshot *router.Snapshot) ([]byte, error) {
	if h.silent.IsZero() {
		return json.Marshal(snapshot)
	}
	return json.Marshal(struct {
		*router.Snapshot
		Silent time.Time `json:"silent_since"`
	}{snapshot, h.silent.UTC()})
}
