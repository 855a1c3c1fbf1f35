// Package web answers other programs: the command line over a unix socket with HTTP and JSON (design §5).
//
// It reads snapshots and asks for changes through three small interfaces; it owns the socket file and nothing else.
package web

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/twinpath/twinpath/router"
)

// Source is the router as the API needs it.
type Source interface {
	// Snapshot returns the newest view and a channel that is closed when there is a newer one.
	Snapshot() (*router.Snapshot, <-chan struct{})
	Drain(wan string, off bool) error
}

// History is where events are kept.
type History interface {
	Since(time.Time) ([]router.Event, error)
}

// Applier takes new configurations. A confirm of 0 makes the change final at once.
type Applier interface {
	Apply(ctx context.Context, name string, text []byte, confirm time.Duration) error
	Confirm() error
}

// biggest is the largest configuration taken: a thousand times a real one.
const biggest = 1 << 20

// API is the HTTP interface. The zero value of a field is not usable.
type API struct {
	Source  Source
	History History
	Applier Applier
}

// Handler returns the routes.
func (a *API) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/status", a.status)
	mux.HandleFunc("GET /api/v1/events", a.events)
	mux.HandleFunc("GET /api/v1/stream", a.stream)
	mux.HandleFunc("GET /metrics", a.metrics)
	mux.HandleFunc("GET /whoami", a.whoami)
	mux.HandleFunc("GET /healthz", a.healthz)
	mux.HandleFunc("POST /api/v1/drain", a.drain(false))
	mux.HandleFunc("POST /api/v1/resume", a.drain(true))
	mux.HandleFunc("POST /api/v1/apply", a.apply)
	mux.HandleFunc("POST /api/v1/confirm", a.confirm)
	return mux
}

func (a *API) status(w http.ResponseWriter, _ *http.Request) {
	snapshot, _ := a.Source.Snapshot()
	reply(w, snapshot)
}

func (a *API) events(w http.ResponseWriter, r *http.Request) {
	var since time.Time
	if text := r.FormValue("since"); text != "" {
		t, err := time.Parse(time.RFC3339, text)
		if err != nil {
			http.Error(w, "since: not an RFC 3339 time, such as 2026-11-20T20:00:00Z", http.StatusBadRequest)
			return
		}
		since = t
	}
	events, err := a.History.Since(since)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	reply(w, events)
}

func (a *API) whoami(w http.ResponseWriter, _ *http.Request) {
	snapshot, _ := a.Source.Snapshot()
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, snapshot.Router+"\n")
}

// healthz is 200 while the kernel has what the router wants.
func (a *API) healthz(w http.ResponseWriter, _ *http.Request) {
	snapshot, _ := a.Source.Snapshot()
	if snapshot.Kernel.Error != "" {
		http.Error(w, snapshot.Kernel.Error, http.StatusServiceUnavailable)
		return
	}
	_, _ = io.WriteString(w, "ok\n")
}

func (a *API) drain(off bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := a.Source.Drain(r.FormValue("wan"), off); err != nil {
			http.Error(w, err.Error(), http.StatusNotFound)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

func (a *API) apply(w http.ResponseWriter, r *http.Request) {
	confirm, err := wait(r.FormValue("confirm"))
	if err != nil {
		http.Error(w, "confirm: "+err.Error(), http.StatusBadRequest)
		return
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, biggest))
	if err != nil {
		http.Error(w, "the configuration is larger than 1 MiB", http.StatusRequestEntityTooLarge)
		return
	}
	if err := a.Applier.Apply(r.Context(), r.FormValue("name"), text, confirm); err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// wait parses how long a change waits for its confirmation: nothing, or 5 s to an hour.
func wait(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 5*time.Second || d > time.Hour {
		return 0, errors.New("not a duration between 5s and 1h")
	}
	return d, nil
}

func (a *API) confirm(w http.ResponseWriter, _ *http.Request) {
	if err := a.Applier.Confirm(); err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// stream sends the snapshot at once and again whenever it changes, as server-sent events (WHATWG HTML §9.2).
func (a *API) stream(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	out := http.NewResponseController(w)
	for {
		snapshot, changed := a.Source.Snapshot()
		text, err := json.Marshal(snapshot)
		if err != nil {
			return
		}
		if _, err := io.WriteString(w, "data: "+string(text)+"\n\n"); err != nil || out.Flush() != nil {
			return
		}
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		}
	}
}

func reply(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(value) // the reader went away: nobody to tell
}
