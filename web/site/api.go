package site

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/twinpath/twinpath/web"
)

// apiRoutes are for programs. Reading is answered from here; whatever changes something is the daemon's to allow.
func (s *Site) apiRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /api/v1/status", s.statusJSON)
	mux.HandleFunc("GET /api/v1/stream", s.stream)
	mux.HandleFunc("GET /api/v1/events", s.eventsJSON)
	mux.HandleFunc("GET /api/v1/history", s.historyJSON)
	mux.HandleFunc("GET /metrics", s.metrics)
	mux.HandleFunc("GET /whoami", s.whoami)
	mux.HandleFunc("GET /healthz", s.healthz)
	s.verbRoutes(mux)
}

// statusJSON answers 503 with the last known while the daemon is silent: nobody takes that for the present.
func (s *Site) statusJSON(w http.ResponseWriter, r *http.Request) {
	now := s.hub.seen()
	switch {
	case now == nil:
		s.unspoken(w, r)
	case !now.silent.IsZero():
		w.Header().Set("Retry-After", "2")
		sendPacked(w, r, http.StatusServiceUnavailable, "application/json", now.json)
	default:
		sendPacked(w, r, http.StatusOK, "application/json", now.json)
	}
}

func (s *Site) unspoken(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Retry-After", "1")
	s.fail(w, r, http.StatusServiceUnavailable, "the router has not spoken yet", "it has just been started: try again in a second")
}

func (s *Site) whoami(w http.ResponseWriter, r *http.Request) {
	name := s.hub.settings().Router
	if now := s.hub.seen(); now != nil {
		name = now.snapshot.Router
	}
	if name == "" {
		s.unspoken(w, r)
		return
	}
	send(w, r, http.StatusOK, "text/plain; charset=utf-8", []byte(name+"\n"))
}

// healthz is 200 while the daemon answers and the kernel has what it wants.
func (s *Site) healthz(w http.ResponseWriter, r *http.Request) {
	switch now := s.hub.seen(); {
	case now == nil:
		s.unspoken(w, r)
	case !now.silent.IsZero():
		s.fail(w, r, http.StatusServiceUnavailable, "no word from the router since "+now.silent.UTC().Format(time.RFC3339), "")
	case now.snapshot.Kernel.Error != "":
		s.fail(w, r, http.StatusServiceUnavailable, now.snapshot.Kernel.Error, "")
	default:
		send(w, r, http.StatusOK, "text/plain; charset=utf-8", []byte("ok\n"))
	}
}

func (s *Site) metrics(w http.ResponseWriter, r *http.Request) {
	open := web.PrefersOpenMetrics(r.Header.Values("Accept"))
	text, err := s.hub.metrics(r.Context(), open)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	kind := "text/plain; version=0.0.4; charset=utf-8"
	if open {
		kind = "application/openmetrics-text; version=1.0.0; charset=utf-8"
	}
	send(w, r, http.StatusOK, kind, text)
}

// eventsJSON answers from the last week, which is known here; who wants more asks at the box itself.
func (s *Site) eventsJSON(w http.ResponseWriter, r *http.Request) {
	since := time.Now().Add(-week)
	if text := r.FormValue("since"); text != "" {
		t, err := time.Parse(time.RFC3339, text)
		if err != nil {
			s.fail(w, r, http.StatusBadRequest, "since: not an RFC 3339 time, such as 2026-11-20T20:00:00Z", "")
			return
		}
		since = t
	}
	events, told, err := s.hub.events(r.Context())
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	from := len(events)
	for from > 0 && !events[from-1].Time.Before(since) {
		from--
	}
	d, err := s.easels.events.draw(fmt.Sprint(told, from), func() ([]byte, error) { return json.Marshal(events[from:]) })
	s.sendJSON(w, r, d, err)
}

// historyJSON is the daemon's own answer, for 1 to 24 hours.
func (s *Site) historyJSON(w http.ResponseWriter, r *http.Request) {
	hours := 24
	if text := r.FormValue("hours"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 24 {
			s.fail(w, r, http.StatusBadRequest, "hours: not a number from 1 to 24", "")
			return
		}
		hours = n
	}
	day, measured, err := s.hub.day(r.Context())
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	d, err := s.easels.history[hours-1].draw(strconv.Itoa(measured), func() ([]byte, error) {
		return json.Marshal(newest(day, time.Duration(hours)*time.Hour))
	})
	s.sendJSON(w, r, d, err)
}

func (s *Site) sendJSON(w http.ResponseWriter, r *http.Request, d *drawn, err error) {
	if err != nil {
		s.undrawn(w, r, err)
		return
	}
	sendPacked(w, r, http.StatusOK, "application/json", d.text)
}

// refuse passes the daemon's refusal on, with its own status.
func (s *Site) refuse(w http.ResponseWriter, r *http.Request, err error) {
	status := web.StatusOf(err)
	if status == 0 {
		s.Log.Debug("the daemon does not answer", "err", err)
		w.Header().Set("Retry-After", "2")
		s.fail(w, r, http.StatusServiceUnavailable, "the router does not answer", "it may be restarting: try again in a few seconds")
		return
	}
	if wait := web.RetryAfter(err); wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(wait.Seconds()+0.999)))
	}
	var said web.Refusal
	if errors.As(err, &said) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, string(said)+"\n")
		return
	}
	s.fail(w, r, status, err.Error(), "")
}
