package web

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/twinpath/twinpath/router"
)

func (a *API) status(w http.ResponseWriter, _ *http.Request) {
	snapshot, _ := a.Source.Snapshot()
	replyText(w, a.encoded(snapshot))
}

func (a *API) events(w http.ResponseWriter, r *http.Request) {
	var since time.Time
	if text := r.URL.Query().Get("since"); text != "" {
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

// mostHours are 400 days, for which hours are kept.
const mostHours = 400 * 24

func (a *API) history(w http.ResponseWriter, r *http.Request) {
	hours := 24
	if text := r.URL.Query().Get("hours"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > mostHours {
			http.Error(w, fmt.Sprintf("hours: not a number from 1 to %d", mostHours), http.StatusBadRequest)
			return
		}
		hours = n
	}
	reply(w, a.Measures.History(hours))
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

// stream sends the snapshot at once and again whenever it changes, as server-sent events (WHATWG HTML §9.2).
func (a *API) stream(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	out := http.NewResponseController(w)
	for {
		snapshot, changed := a.Source.Snapshot()
		if _, err := fmt.Fprintf(w, "data: %s\n\n", a.encoded(snapshot)); err != nil || out.Flush() != nil {
			return
		}
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		}
	}
}

// written is a snapshot as JSON.
type written struct {
	of   *router.Snapshot
	text []byte
}

// encoded writes a snapshot once for all who read it.
func (a *API) encoded(snapshot *router.Snapshot) []byte {
	if last := a.newest.Load(); last != nil && last.of == snapshot {
		return last.text
	}
	text, err := json.Marshal(snapshot)
	if err != nil {
		panic(err) // it has nothing in it that JSON does not know
	}
	a.newest.Store(&written{snapshot, text})
	return text
}

func replyText(w http.ResponseWriter, text []byte) {
	w.Header().Set("Content-Type", jsonType)
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(append(slices.Clip(text), '\n')) // the reader went away: nobody to tell
}

func reply(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", jsonType)
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(value) // the reader went away: nobody to tell
}
