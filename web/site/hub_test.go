package site

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/web"
)

// bubble runs f with a site that watches d, in a time of its own.
func bubble(t *testing.T, d *fakeDaemon, f func(t *testing.T, s *Site)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d.changed = make(chan struct{}) // one of the bubble's
		ctx, cancel := context.WithCancel(context.Background())
		ours, theirs := net.Pipe()
		s := &Site{Client: web.NewConnClient(ours), Log: slog.New(slog.DiscardHandler)}
		s.prepare()
		var all sync.WaitGroup
		all.Go(func() { _ = web.ServeConn(ctx, theirs, d) })
		all.Go(func() { _ = s.hub.run(ctx) })
		synctest.Wait()
		f(t, s)
		cancel()
		all.Wait()
	})
}

func ok(sentence string) *router.Snapshot { return house(router.VerdictOK, sentence) }

func TestASilentDaemonIsNoticed(t *testing.T) {
	d := newDaemon(ok("Internet works, on fibre."))
	bubble(t, d, func(t *testing.T, s *Site) {
		if w := get(s, "/api/v1/status"); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "on fibre") {
			t.Fatalf("status: %d %s", w.Code, w.Body)
		}
		d.silence(true)
		time.Sleep(beat + answering + time.Second)
		synctest.Wait()
		w := get(s, "/api/v1/status")
		var said struct {
			Sentence string
			Silent   time.Time `json:"silent_since"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &said); err != nil {
			t.Fatal(err)
		}
		if w.Code != http.StatusServiceUnavailable || said.Sentence != "Internet works, on fibre." || time.Since(said.Silent) > beat {
			t.Errorf("while the daemon is silent: %d %+v, want 503 with what it said last and since when", w.Code, said)
		}
		if w := get(s, "/healthz"); w.Code != http.StatusServiceUnavailable {
			t.Errorf("healthz: %d, want 503", w.Code)
		}
		if page := get(s, "/").Body.String(); !strings.Contains(page, "No word from the router since") || !strings.Contains(page, `data-verdict="silent"`) {
			t.Error("the page does not say that the router is silent")
		}
		d.silence(false)
		time.Sleep(beat + time.Second)
		synctest.Wait()
		if w := get(s, "/api/v1/status"); w.Code != http.StatusOK {
			t.Errorf("when it speaks again: %d, want 200", w.Code)
		}
	})
}

func TestBeforeTheFirstWord(t *testing.T) {
	s := siteOf(t, newDaemon(nil))
	for _, target := range []string{"/api/v1/status", "/healthz"} {
		if w := get(s, target); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
			t.Errorf("%s: %d, want 503 with Retry-After", target, w.Code)
		}
	}
	if w := get(s, "/"); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "The router is starting.") {
		t.Errorf("/: %d %s", w.Code, w.Body)
	}
}

// follow reads the stream of a site piece by piece.
func follow(t *testing.T, s *Site) (pieces chan string, stop func()) {
	t.Helper()
	ours, theirs := net.Pipe()
	r := request(http.MethodGet, "/api/v1/stream", "")
	ctx, cancel := context.WithCancel(r.Context())
	w := &pipeWriter{head: http.Header{}, to: theirs}
	pieces = make(chan string, 100)
	go func() { s.Handler().ServeHTTP(w, r.WithContext(ctx)); _ = theirs.Close() }()
	go func() {
		defer close(pieces)
		lines := bufio.NewReader(ours)
		for piece := ""; ; {
			text, err := lines.ReadString('\n')
			if err != nil {
				return
			}
			if piece += text; text == "\n" {
				pieces <- piece
				piece = ""
			}
		}
	}()
	return pieces, cancel
}

type pipeWriter struct {
	head http.Header
	to   io.Writer
}

func (p *pipeWriter) Header() http.Header         { return p.head }
func (p *pipeWriter) WriteHeader(int)             {}
func (p *pipeWriter) Write(b []byte) (int, error) { return p.to.Write(b) }
func (p *pipeWriter) Flush()                      {}

func TestTheStream(t *testing.T) {
	d := newDaemon(ok("one"))
	bubble(t, d, func(t *testing.T, s *Site) {
		pieces, stop := follow(t, s)
		want := func(what string, within time.Duration) {
			t.Helper()
			began := time.Now()
			select {
			case got := <-pieces:
				if !strings.Contains(got, what) {
					t.Errorf("the stream says %q, want %q", got, what)
				}
			case <-time.After(within):
				t.Errorf("the stream does not say %q within %s of %s", what, within, began)
			}
		}
		want("retry:", time.Second)
		want(`"sentence":"one"`, time.Second)
		d.set(ok("two"))
		want(`"sentence":"two"`, time.Second)
		want(`event: beat`+"\n"+`data: {"daemon":"ok"}`, heartbeat+time.Second)
		want(`{"daemon":"ok"}`, heartbeat+time.Second)
		d.silence(true)
		want(`{"daemon":"silent","since":"`, beat+answering+time.Second)
		stop()
		for range pieces { // until the handler has gone
		}
		if s.streams.all != 0 || len(s.streams.by) != 0 {
			t.Errorf("%d streams are left over", s.streams.all)
		}
	})
}

func TestSlowReadersGetTheNewestOnly(t *testing.T) {
	d := newDaemon(ok("0"))
	bubble(t, d, func(t *testing.T, s *Site) {
		for n := range 50 {
			d.set(ok(fmt.Sprint(n + 1)))
			synctest.Wait()
		}
		pieces, stop := follow(t, s)
		<-pieces
		if got := <-pieces; !strings.Contains(got, `"sentence":"50"`) {
			t.Errorf("the first snapshot is %q, want the newest", got)
		}
		stop()
		for range pieces {
		}
	})
}

func TestStreamsAreBounded(t *testing.T) {
	var s streams
	one := netip.MustParseAddr("192.168.1.50")
	for n := range oneStream {
		if !s.enter(one) {
			t.Fatalf("stream %d of one source finds no room", n+1)
		}
	}
	if s.enter(one) {
		t.Errorf("one source has more than %d streams", oneStream)
	}
	for n := s.all; n < everyStream; n++ {
		if !s.enter(netip.AddrFrom4([4]byte{10, 0, 0, byte(n)})) {
			t.Fatalf("stream %d finds no room", n+1)
		}
	}
	if s.enter(netip.MustParseAddr("10.0.1.1")) {
		t.Errorf("there are more than %d streams", everyStream)
	}
	s.leave(one)
	if !s.enter(netip.MustParseAddr("10.0.1.1")) {
		t.Error("one has left, and its place stays empty")
	}
}

func TestManyReadersCostTheDaemonNothing(t *testing.T) {
	d := onBackup()
	s := siteOf(t, d)
	before := d.times("/api/v1/status") + d.times("/whoami")
	for range 300 {
		for _, target := range []string{"/api/v1/status", "/whoami", "/healthz"} {
			if w := get(s, target); w.Code != http.StatusOK {
				t.Fatalf("%s: %d", target, w.Code)
			}
		}
	}
	if after := d.times("/api/v1/status") + d.times("/whoami"); after > before+2 { // a beat may fall into it
		t.Errorf("900 requests were %d questions to the daemon", after-before)
	}
	began := time.Now()
	for range 200 {
		for _, target := range []string{"/", "/part", "/graphs", "/metrics", "/api/v1/events", "/api/v1/history", "/report"} {
			if w := get(s, target); w.Code != http.StatusOK {
				t.Fatalf("%s: %d", target, w.Code)
			}
		}
	}
	seconds := int(time.Since(began).Seconds()) + 1
	for _, path := range []string{"/metrics", "/api/v1/events", "/api/v1/history", "/api/v1/incidents", "/api/v1/report"} {
		if n := d.times(path); n > seconds {
			t.Errorf("200 readers within %d s were %d questions for %s, want one a second", seconds, n, path)
		}
	}
}

func TestEventsSince(t *testing.T) {
	d := newDaemon(ok("ok"))
	now := time.Now().UTC().Truncate(time.Second)
	for n := range 3 {
		d.events = append(d.events, router.Event{Time: now.Add(time.Duration(n-3) * time.Hour), Kind: router.EventRouter, Sentence: fmt.Sprint(n)})
	}
	s := siteOf(t, d)
	for since, want := range map[string]int{"": 3, now.Add(-150 * time.Minute).Format(time.RFC3339): 2, now.Format(time.RFC3339): 0} {
		var got []router.Event
		if w := get(s, "/api/v1/events?since="+since); json.Unmarshal(w.Body.Bytes(), &got) != nil || len(got) != want {
			t.Errorf("since %q: %d events of %s, want %d", since, len(got), w.Body, want)
		}
	}
	if w := get(s, "/api/v1/events?since=yesterday"); w.Code != http.StatusBadRequest {
		t.Errorf("since yesterday: %d, want 400", w.Code)
	}
}

// What is asked again are the events of the newest known second: none is lost, none is there twice.
func TestEventsAreTakenOnce(t *testing.T) {
	d := newDaemon(ok("ok"))
	at := time.Now().UTC().Truncate(time.Second).Add(-time.Hour)
	d.events = []router.Event{{Time: at, Sentence: "one"}, {Time: at.Add(300 * time.Millisecond), Sentence: "two"}}
	s := siteOf(t, d)
	first, _, err := s.hub.events(t.Context())
	if err != nil || len(first) != 2 {
		t.Fatalf("%v %v", first, err)
	}
	d.mu.Lock()
	d.events = append(d.events, router.Event{Time: at.Add(600 * time.Millisecond), Sentence: "three"})
	d.mu.Unlock()
	s.hub.happened.at = time.Now().Add(-time.Hour)
	again, _, err := s.hub.events(t.Context())
	if err != nil || len(again) != 3 || again[2].Sentence != "three" {
		t.Errorf("%v %v, want one, two, three", again, err)
	}
}

func TestHistoryHours(t *testing.T) {
	d := newDaemon(ok("ok"))
	d.measures = measured("fibre", "lte")
	s := siteOf(t, d)
	for hours, want := range map[string]int{"": 1440, "1": 60, "24": 1440} {
		var got router.Measures
		w := get(s, "/api/v1/history?hours="+hours)
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || len(got.WANs) != 2 || len(got.WANs[0].Points) != want || got.WANs[0].Points[want-1].State != "down" {
			t.Errorf("%q hours: %d %v, want the newest %d points of both", hours, w.Code, err, want)
		}
	}
	for _, hours := range []string{"0", "25", "-1", "x"} {
		if w := get(s, "/api/v1/history?hours="+hours); w.Code != http.StatusBadRequest {
			t.Errorf("%s hours: %d, want 400", hours, w.Code)
		}
	}
}

func TestTwoActivesAreSaidFirst(t *testing.T) {
	ours := paired().snapshot
	ours.Pair.State, ours.Pair.HearsUs = "active", false
	if c := pairOf(ours); c.Word != "Both are Active" || c.Mood != "bad" {
		t.Errorf("when both are Active the page says %s: %s", c.Word, c.Hearing)
	}
}
