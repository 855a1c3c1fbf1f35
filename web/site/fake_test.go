package site

import (
	"context"
	"encoding/json"
	"flag"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinpath/twinpath/report"
	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/web"
)

var update = flag.Bool("update", false, "write the golden files anew")

// noon is when the pictures are taken.
var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// TestMain has every page drawn in one zone.
func TestMain(m *testing.M) {
	time.Local = time.UTC
	m.Run()
}

// fakeDaemon answers as the real one does over its private connection, with what the test sets.
type fakeDaemon struct {
	mu       sync.Mutex
	snapshot *router.Snapshot
	changed  chan struct{}
	events   []router.Event
	troubles []router.Incident // newest first
	measures router.Measures
	settings web.Settings
	session  string // the one good token
	asked    map[string]int
	followed chan struct{}                                // closed: somebody follows the stream, and so has the settings
	deaf     bool                                         // it takes requests and answers none
	verb     func(w http.ResponseWriter, r *http.Request) // what else it can do
}

func newDaemon(s *router.Snapshot) *fakeDaemon {
	return &fakeDaemon{
		snapshot: s, changed: make(chan struct{}), session: "good", asked: map[string]int{}, followed: make(chan struct{}),
		measures: router.Measures{Step: 60, Until: noon}, settings: web.Settings{Router: "main", Names: []string{"router.example"}, Password: true},
	}
}

func (d *fakeDaemon) set(s *router.Snapshot) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.snapshot = s
	close(d.changed)
	d.changed = make(chan struct{})
}

func (d *fakeDaemon) silence(deaf bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.deaf = deaf
}

// times is how often a path was asked for.
func (d *fakeDaemon) times(path string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.asked[path]
}

func (d *fakeDaemon) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	if d.asked[r.URL.Path]++; r.URL.Path == "/api/v1/stream" && d.asked[r.URL.Path] == 1 {
		close(d.followed)
	}
	deaf, events, troubles, measures, settings, session, verb := d.deaf, d.events, d.troubles, d.measures, d.settings, d.session, d.verb
	d.mu.Unlock()
	if deaf {
		<-r.Context().Done()
		return
	}
	switch r.Method + " " + r.URL.Path {
	case "GET /api/v1/stream":
		d.stream(w, r)
	case "GET /api/v1/events":
		writeJSON(w, events)
	case "GET /api/v1/incidents":
		writeJSON(w, troubles)
	case "GET /api/v1/report":
		reported(w, r, settings.Router, troubles)
	case "GET /api/v1/history":
		writeJSON(w, measures)
	case "GET /api/v1/settings":
		writeJSON(w, settings)
	case "GET /whoami":
		_, _ = w.Write([]byte(settings.Router + "\n"))
	case "GET /metrics":
		text := "# TYPE twinpath_wan_up gauge\n"
		if r.FormValue("format") == "openmetrics" {
			text += "# EOF\n"
		}
		_, _ = io.WriteString(w, text)
	case "GET /api/v1/session":
		if r.Header.Get("Authorization") != "Bearer "+session {
			http.Error(w, "log in first", http.StatusUnauthorized)
			return
		}
		writeJSON(w, map[string]any{"until": noon.Add(time.Hour)})
	default:
		if verb == nil {
			http.NotFound(w, r)
			return
		}
		verb(w, r)
	}
}

func (d *fakeDaemon) stream(w http.ResponseWriter, r *http.Request) {
	for {
		d.mu.Lock()
		s, changed := d.snapshot, d.changed
		d.mu.Unlock()
		if s != nil {
			text, _ := json.Marshal(s)
			_, _ = w.Write([]byte("data: " + string(text) + "\n\n"))
		}
		_ = http.NewResponseController(w).Flush()
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		}
	}
}

// reported is the daemon's report of all that it knows, for any period.
func reported(w http.ResponseWriter, r *http.Request, name string, all []router.Incident) {
	if from := r.FormValue("from"); from == "x" {
		http.Error(w, "from: \"x\" is neither a date, such as 2026-11-20, nor an RFC 3339 time", http.StatusBadRequest)
		return
	}
	made := report.Make(report.Facts{Router: name, Version: "1.0", From: noon.AddDate(0, 0, -30), To: noon, Now: noon, WAN: r.FormValue("wan"), Incidents: all})
	switch r.FormValue("format") {
	case "csv":
		_ = report.CSV(w, made)
	case "html":
		_ = report.HTML(w, made)
	case "json":
		writeJSON(w, made)
	default:
		_ = report.Text(w, made)
	}
}

func writeJSON(w http.ResponseWriter, value any) { _ = json.NewEncoder(w).Encode(value) }

// siteOf is a site that watches the daemon, and has heard it.
func siteOf(t testing.TB, d *fakeDaemon) *Site {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ours, theirs := net.Pipe()
	s := &Site{Client: web.NewConnClient(ours), Log: slog.New(slog.DiscardHandler)}
	s.prepare()
	var all sync.WaitGroup
	all.Go(func() { _ = web.ServeConn(ctx, theirs, d) })
	all.Go(func() { _ = s.hub.run(ctx) })
	t.Cleanup(func() { cancel(); all.Wait() })
	switch {
	case d.snapshot != nil:
		heard(t, s, func(n *seen) bool { return n != nil })
	case !d.deaf:
		<-d.followed
	}
	return s
}

// heard waits for the hub to have seen something.
func heard(t testing.TB, s *Site, what func(*seen) bool) {
	t.Helper()
	limit := time.After(20 * time.Second)
	for {
		next := s.hub.next()
		if what(s.hub.seen()) {
			return
		}
		select {
		case <-next:
		case <-limit:
			t.Fatal("the hub has not heard it within 20 s")
		}
	}
}

// own is where the box answers in tests without a socket.
var own = netip.MustParseAddr("192.168.1.2")

// request is one as it comes from the LAN to the box's own address.
func request(method, target, body string) *http.Request {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Host = own.String()
	r.RemoteAddr = "192.168.1.50:40000"
	r.Header.Set("Accept", "text/html")
	at := &net.TCPAddr{IP: own.AsSlice(), Port: 80}
	return r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, net.Addr(at)))
}

func get(s *Site, target string) *httptest.ResponseRecorder {
	return do(s, request(http.MethodGet, target, ""))
}

func do(s *Site, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w
}
