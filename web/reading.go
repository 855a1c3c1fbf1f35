package web

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"time"
)

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

func (a *API) history(w http.ResponseWriter, r *http.Request) {
	hours := 24
	if text := r.FormValue("hours"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 24 {
			http.Error(w, "hours: not a number from 1 to 24", http.StatusBadRequest)
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
	w.Header().Set("Content-Type", jsonType)
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(value) // the reader went away: nobody to tell
}
