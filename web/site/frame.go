package site

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// view is what a template gets: what the frame shows, and the page's own value in Data.
type view struct {
	Router  string // its name; empty before the daemon has spoken
	Version string
	Here    string // the path of the request
	Owner   bool   // somebody is logged in
	Setup   bool   // nobody owns this box yet
	Secure  bool   // over TLS
	Data    any
}

// render sends a page of templates/NAME.html, drawn with data as .Data.
func (s *Site) render(w http.ResponseWriter, r *http.Request, name string, data any) {
	s.renderAs(w, r, http.StatusOK, name, data)
}

// renderAs is render with another status.
func (s *Site) renderAs(w http.ResponseWriter, r *http.Request, status int, name string, data any) {
	_, owner := s.owner(r)
	text, err := s.pages.draw(name, "frame", s.view(r, owner, data))
	if err != nil {
		s.undrawable(w, name, err)
		return
	}
	send(w, r, status, "text/html; charset=utf-8", text)
}

func (s *Site) undrawable(w http.ResponseWriter, name string, err error) {
	s.Log.Error("draw page", "page", name, "err", err)
	http.Error(w, "this page cannot be drawn\nhint: the log says why", http.StatusInternalServerError)
}

func (s *Site) view(r *http.Request, owner bool, data any) view {
	settings := s.hub.settings()
	v := view{Router: settings.Router, Here: r.URL.Path, Owner: owner, Setup: settings.Setup, Secure: r.TLS != nil, Data: data}
	if seen := s.hub.seen(); seen != nil {
		v.Router, v.Version = seen.snapshot.Router, seen.snapshot.Version
	}
	return v
}

// problem is what problem.html shows.
type problem struct {
	Status     int
	What, Hint string
}

// fail says why there is no answer: as a page to a browser, as text to a program.
func (s *Site) fail(w http.ResponseWriter, r *http.Request, status int, what, hint string) {
	if !forPeople(r) {
		if hint != "" {
			what += "\nhint: " + hint
		}
		send(w, r, status, "text/plain; charset=utf-8", []byte(what+"\n"))
		return
	}
	s.renderAs(w, r, status, "problem", problem{Status: status, What: what, Hint: hint})
}

// forPeople reports whether a browser shows the answer to a person.
func forPeople(r *http.Request) bool {
	switch {
	case strings.HasPrefix(r.URL.Path, "/api/"), r.URL.Path == "/metrics", r.URL.Path == "/whoami", r.URL.Path == "/healthz":
		return false
	}
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}

// least is the size from which compressing is worth it: a packet holds the rest.
const least = 1400

// send answers with a text, compressed where the reader can read that.
func send(w http.ResponseWriter, r *http.Request, status int, kind string, text []byte) {
	sendPacked(w, r, status, kind, &packed{plain: text})
}

// packed is a text that is sent to many: it is compressed once, when the first of them asks.
type packed struct {
	plain []byte
	once  sync.Once
	small []byte
}

func (p *packed) gzip() []byte {
	p.once.Do(func() { p.small = compress(p.plain) })
	return p.small
}

func sendPacked(w http.ResponseWriter, r *http.Request, status int, kind string, p *packed) {
	h, text := w.Header(), p.plain
	h.Set("Content-Type", kind)
	h.Add("Vary", "Accept-Encoding")
	if len(text) > least && takesGzip(r) {
		text = p.gzip()
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(text) // the reader went away: nobody to tell
	}
}

func takesGzip(r *http.Request) bool {
	for word := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, parameters, _ := strings.Cut(strings.TrimSpace(word), ";")
		if name == "gzip" {
			return strings.ReplaceAll(parameters, " ", "") != "q=0"
		}
	}
	return false
}

func compress(text []byte) []byte {
	var b bytes.Buffer
	z := compressors.Get().(*gzip.Writer)
	defer compressors.Put(z)
	z.Reset(&b)
	_, _ = z.Write(text) // into memory: cannot fail
	_ = z.Close()
	return b.Bytes()
}

// compressors are kept: each has 800 kB of tables.
var compressors = sync.Pool{New: func() any { return gzip.NewWriter(nil) }}

// pages are the templates by name.
type pages map[string]*template.Template

// loadPages reads templates/. Files named part_* and frame.html belong to every page; each other file is one page, which
// defines "title" and "main", and may define "head".
func loadPages(a assets) pages {
	entries, err := templates.ReadDir("templates")
	if err != nil {
		panic(err) // they are part of the program
	}
	base := template.New("base").Funcs(functions(a))
	all := pages{}
	for _, e := range entries {
		if e.Name() == "frame.html" || strings.HasPrefix(e.Name(), "part_") {
			base = template.Must(base.ParseFS(templates, "templates/"+e.Name()))
		}
	}
	for _, e := range entries {
		name, _ := strings.CutSuffix(e.Name(), ".html")
		if name != "frame" && !strings.HasPrefix(name, "part_") {
			all[name] = template.Must(template.Must(base.Clone()).ParseFS(templates, "templates/"+e.Name()))
		}
	}
	return all
}

// buffers spare the collector: a page is some ten kilobytes.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// draw executes one definition of a page.
func (p pages) draw(page, definition string, data any) ([]byte, error) {
	t := p[page]
	if t == nil {
		return nil, fmt.Errorf("draw %s: there is no such page", page)
	}
	b := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(b)
	b.Reset()
	if err := t.ExecuteTemplate(b, definition, data); err != nil {
		return nil, fmt.Errorf("draw %s: %w", page, err)
	}
	return bytes.Clone(b.Bytes()), nil
}
