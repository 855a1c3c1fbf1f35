package pair

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/router"
)

var (
	noon  = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	other = netip.MustParseAddr("192.168.1.3")
)

func election(state, active string) router.VRRPSnapshot {
	return router.VRRPSnapshot{Name: "lan", ID: 51, Family: "ipv4", State: state, ActiveRouter: active, Addresses: []string{"192.168.1.1/24"}}
}

// spare is the second router's own snapshot.
func spare() *router.Snapshot {
	return &router.Snapshot{
		Router: "spare", Version: "1", Sentence: "Internet works here.", Verdict: router.VerdictOK, Time: noon,
		VRRP: []router.VRRPSnapshot{election("backup", "192.168.1.2")},
	}
}

// read is a snapshot as it is read of another router.
func read(t *testing.T, s *router.Snapshot) *status {
	t.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	theirs := new(status)
	if err := json.Unmarshal(text, theirs); err != nil {
		t.Fatal(err)
	}
	return theirs
}

// watching is a Watch beside another router, which answers with f.
func watching(t *testing.T, f http.HandlerFunc, tell func(router.PeerSeen)) *Watch {
	t.Helper()
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	w := NewWatch(func() *router.Snapshot { return new(router.Snapshot) }, tell, slog.New(slog.DiscardHandler))
	_, w.port, _ = net.SplitHostPort(server.Listener.Addr().String())
	t.Cleanup(w.http.CloseIdleConnections)
	return w
}

func TestTheOtherRouterIsAsked(t *testing.T) {
	w := watching(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v1/status" {
			t.Errorf("asked for %s", r.URL.Path)
		}
		_ = json.NewEncoder(w).Encode(spare())
	}, nil)
	m, err := w.ask(t.Context(), loopback)
	if err != nil || m.theirs.Router != "spare" || m.us != loopback || len(m.theirs.VRRP) != 1 {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestAnOddNeighbourIsNotBelieved(t *testing.T) {
	for name, f := range map[string]http.HandlerFunc{
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://192.0.2.1/", http.StatusFound)
		},
		"error": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
		"flood": func(w http.ResponseWriter, _ *http.Request) {
			for range 3 << 10 {
				_, _ = w.Write(make([]byte, 1<<10))
			}
		},
		"words": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") },
	} {
		if m, err := watching(t, f, nil).ask(t.Context(), loopback); err == nil {
			t.Errorf("%s: %+v", name, m)
		}
	}
}

func TestItIsToldWhenItComesAndWhenItIsReplaced(t *testing.T) {
	told := make(chan router.PeerSeen, 10)
	w := watching(t, func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(spare()) }, func(p router.PeerSeen) { told <- p })
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	w.Use(loopback)
	over := make(chan error, 1)
	go func() { over <- w.Run(ctx) }()
	if p := <-told; p.View == nil || !p.View.Connected || p.View.Router != "spare" || p.View.Peer != "127.0.0.1" {
		t.Errorf("seen: %+v", p.View)
	}
	w.Use(netip.Addr{})
	if p := <-told; p.View != nil {
		t.Errorf("without a pair: %+v", p.View)
	}
	cancel()
	if err := <-over; err != nil {
		t.Error(err)
	}
}

func TestNewsOnly(t *testing.T) {
	told := 0
	w := watching(t, func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(spare()) }, func(router.PeerSeen) { told++ })
	w.Use(loopback)
	var last meeting
	for range 5 {
		last = w.visit(t.Context(), last)
	}
	if told != 1 {
		t.Errorf("told %d times that nothing has changed, want once", told)
	}
	last.at = last.at.Add(-gone)
	w.port = "1" // where nobody answers
	if last = w.visit(t.Context(), last); told != 2 || last.told.Connected {
		t.Errorf("after %s without an answer: told %d times, %+v", gone, told, last.told)
	}
}

func TestASilentNeighbourIsGivenTime(t *testing.T) {
	told := 0
	w := watching(t, nil, func(router.PeerSeen) { told++ })
	w.port = "1"
	w.Use(loopback)
	last := w.visit(t.Context(), meeting{})
	if told != 0 {
		t.Error("it counts as away before it could have answered")
	}
	last.began = last.began.Add(-gone)
	if w.visit(t.Context(), last); told != 1 {
		t.Errorf("after %s it does not count as away", gone)
	}
}

func TestThePairAsSeenFromHere(t *testing.T) {
	ours := &router.Snapshot{Time: noon, VRRP: []router.VRRPSnapshot{election("active", "192.168.1.2")}}
	m := &meeting{peer: other, us: first, at: noon, theirs: read(t, spare())}
	view := m.seenBy(ours, noon.Add(5*time.Second))
	if !view.Connected || !view.HearsUs || view.Heard || view.State != "backup" || view.Router != "spare" || view.Seen == nil {
		t.Errorf("beside a Backup: %+v", view)
	}
	if view := m.seenBy(ours, noon.Add(gone)); view.Connected || view.HearsUs || view.State != "" || view.Seen == nil {
		t.Errorf("after %s without an answer: %+v", gone, view)
	}
	split := spare()
	split.VRRP[0] = election("active", "192.168.1.3")
	m = &meeting{peer: other, us: first, at: noon, theirs: read(t, split)}
	if view := m.seenBy(ours, noon); view.HearsUs || view.Heard || view.State != "active" {
		t.Errorf("when both are Active: %+v", view)
	}
	ours.Speakers = []router.SpeakerSnapshot{{Source: "192.168.1.3", Last: noon.Add(-time.Second)}}
	if view := m.seenBy(ours, noon); !view.Heard {
		t.Error("its adverts reach us, and it does not count as heard")
	}
	ours.Speakers[0].Last = noon.Add(-time.Minute)
	if view := m.seenBy(ours, noon); view.Heard {
		t.Error("its adverts have not reached us for a minute, and it counts as heard")
	}
}

func TestTheOtherRouterIsBrief(t *testing.T) {
	theirs := spare()
	long := strings.Repeat("ä\x1b\n", 100_000) // what steers a terminal is left out
	theirs.Router, theirs.Version, theirs.Sentence = long, long, long
	m := &meeting{peer: other, us: first, at: noon, theirs: read(t, theirs)}
	view := m.seenBy(&router.Snapshot{Time: noon}, noon)
	for _, text := range []string{view.Router, view.Version, view.Sentence} {
		if n := len([]rune(text)); n != clause+1 {
			t.Errorf("%d characters of another router are shown, want %d", n, clause+1)
		}
	}
}
