package site

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"html/template"
	"net/http"
	"sync"
	"time"

	"github.com/twinpath/twinpath/router"
)

func (s *Site) statusRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", s.status)
	mux.HandleFunc("GET /part", s.part(s.now))
	mux.HandleFunc("GET /graphs", s.part(s.graphs))
}

// statusPage is what the page at / is made of: each part is drawn once for everybody.
type statusPage struct {
	Now, Graphs template.HTML
}

// status is the page at /.
func (s *Site) status(w http.ResponseWriter, r *http.Request) {
	now, err := s.now(r.Context())
	if err != nil {
		s.undrawn(w, r, err)
		return
	}
	graphs, err := s.graphs(r.Context())
	if err != nil {
		s.undrawn(w, r, err)
		return
	}
	_, owner := s.owner(r)
	v := s.view(r, owner, statusPage{Now: template.HTML(now.text.plain), Graphs: template.HTML(graphs.text.plain)})
	easel := &s.easels.guest
	if owner {
		easel = &s.easels.owner
	}
	page, err := easel.draw(fmt.Sprint(now.tag, graphs.tag, v.Router, v.Version, v.Setup, v.Secure), func() ([]byte, error) { return s.pages.draw("status", "frame", v) })
	if err != nil {
		s.undrawable(w, "status", err)
		return
	}
	sendPacked(w, r, http.StatusOK, "text/html; charset=utf-8", page.text)
}

func (s *Site) undrawn(w http.ResponseWriter, r *http.Request, err error) {
	s.Log.Error("draw the status page", "err", err)
	s.fail(w, r, http.StatusInternalServerError, "The status cannot be drawn.", "The log says why.")
}

// part sends a part of the page to the script that keeps it up to date, or that it has it already.
func (s *Site) part(of func(context.Context) (*drawn, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		d, err := of(r.Context())
		if err != nil {
			s.undrawn(w, r, err)
			return
		}
		w.Header().Set("ETag", d.tag)
		if r.Header.Get("If-None-Match") == d.tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		sendPacked(w, r, http.StatusOK, "text/html; charset=utf-8", d.text)
	}
}

// drawn is a part of the page, drawn for everybody who looks at the same facts.
type drawn struct {
	facts string // what it was drawn from
	text  *packed
	tag   string
}

// easel keeps the newest drawing of a part.
type easel struct {
	mu     sync.Mutex
	newest *drawn
}

// draw returns the drawing of facts, and makes it when it is another's.
func (e *easel) draw(facts string, make func() ([]byte, error)) (*drawn, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.newest != nil && e.newest.facts == facts {
		return e.newest, nil
	}
	text, err := make()
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	e.newest = &drawn{facts, &packed{plain: text}, `"` + hex.EncodeToString(sum[:8]) + `"`}
	return e.newest, nil
}

// now draws what changes from second to second.
func (s *Site) now(ctx context.Context) (*drawn, error) {
	seen := s.hub.seen()
	if seen == nil {
		return s.easels.now.draw("nothing", func() ([]byte, error) {
			return s.pages.draw("status", "now", statusView{Setup: s.hub.settings().Setup})
		})
	}
	incidents, told, err := s.hub.incidents(ctx)
	day, measured, _ := s.hub.day(ctx) // the page goes without where nothing is measured
	facts := fmt.Sprint(seen.number, told, err != nil, measured, seen.snapshot.Time.Minute())
	return s.easels.now.draw(facts, func() ([]byte, error) {
		v := look(seen, day)
		v.Incidents, v.Forgotten, v.Setup = timeline(incidents), err != nil, s.hub.settings().Setup
		return s.pages.draw("status", "now", v)
	})
}

// graphs draws what changes from minute to minute.
func (s *Site) graphs(ctx context.Context) (*drawn, error) {
	day, measured, _ := s.hub.day(ctx) // what was known last, if anything
	return s.easels.graphs.draw(fmt.Sprint(measured), func() ([]byte, error) {
		return s.pages.draw("status", "graphs", linesOver(day))
	})
}

// lineGraphs are the graphs of one line.
type lineGraphs struct {
	Name string
	Each []graph
}

func linesOver(day *router.Measures) []lineGraphs {
	if day == nil {
		return nil
	}
	hour := newest(day, time.Hour)
	var all []lineGraphs
	for i, w := range day.WANs {
		all = append(all, lineGraphs{w.Name, []graph{
			draw(w.Name, "24 hours", w.Points, step(day), day.Until, 2*i, 24),
			draw(w.Name, "hour", hour.WANs[i].Points, step(day), day.Until, 2*i+1, 12),
		}})
	}
	return all
}
