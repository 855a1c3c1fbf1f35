package web

import (
	"bufio"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/router"
)

func ask(h http.Handler, method, path, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	return w
}

func TestAnswers(t *testing.T) {
	sick := newFakeSource()
	sick.snapshot.Kernel.Error = "add route default: network is unreachable"
	for name, c := range map[string]struct {
		source       *fakeSource
		history      fakeHistory
		refusal      error
		method, path string
		body         string
		status       int
		want         string
	}{
		"status":         {path: "/api/v1/status", status: 200, want: `"sentence":"Internet works, on fibre."`},
		"all events":     {path: "/api/v1/events", status: 200, want: `"sentence":"one"`},
		"late events":    {path: "/api/v1/events?since=2026-11-21T15:00:00Z", status: 200, want: "[]\n"},
		"bad since":      {path: "/api/v1/events?since=yesterday", status: 400, want: "since: not an RFC 3339 time"},
		"lost history":   {path: "/api/v1/events", history: fakeHistory{errors.New("read events: input/output error")}, status: 500, want: "input/output error"},
		"whoami":         {path: "/whoami", status: 200, want: "main\n"},
		"health":         {path: "/healthz", status: 200, want: "ok\n"},
		"sick":           {source: sick, path: "/healthz", status: 503, want: "network is unreachable"},
		"unknown path":   {path: "/api/v2/status", status: 404},
		"wrong method":   {path: "/api/v1/drain?wan=fibre", status: 405},
		"drain":          {method: "POST", path: "/api/v1/drain?wan=fibre", status: 204},
		"drain unknown":  {method: "POST", path: "/api/v1/drain?wan=cable", status: 404, want: `"cable": there is no such WAN`},
		"drain nothing":  {method: "POST", path: "/api/v1/drain", status: 404, want: "there is no such WAN"},
		"resume all":     {method: "POST", path: "/api/v1/resume", status: 204},
		"apply":          {method: "POST", path: "/api/v1/apply?name=new.toml", body: "[router]\n", status: 204},
		"apply refused":  {method: "POST", path: "/api/v1/apply", refusal: errors.New("new.toml:1: lan: what"), status: 422, want: "new.toml:1: lan: what\n"},
		"apply too much": {method: "POST", path: "/api/v1/apply", body: strings.Repeat("#", biggest+1), status: 413, want: "larger than 1 MiB"},
		"apply, just":    {method: "POST", path: "/api/v1/apply", body: strings.Repeat("#", biggest), status: 204},
		"short wait":     {method: "POST", path: "/api/v1/apply?confirm=4s", status: 400, want: "confirm: not a duration between 5s and 1h"},
		"long wait":      {method: "POST", path: "/api/v1/apply?confirm=61m", status: 400, want: "between 5s and 1h"},
		"no wait":        {method: "POST", path: "/api/v1/apply?confirm=soon", status: 400, want: "between 5s and 1h"},
		"confirm":        {method: "POST", path: "/api/v1/confirm", status: 409, want: "no configuration waits"},
	} {
		if c.source == nil {
			c.source = newFakeSource()
		}
		if c.method == "" {
			c.method = "GET"
		}
		api := &API{Source: c.source, History: c.history, Applier: &fakeApplier{err: c.refusal}}
		w := ask(api.Handler(), c.method, c.path, c.body)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s: %d %q, want %d with %q", name, w.Code, w.Body, c.status, c.want)
		}
	}
}

func TestApplyHandsEverythingOn(t *testing.T) {
	applier := new(fakeApplier)
	h := (&API{Source: newFakeSource(), History: fakeHistory{}, Applier: applier}).Handler()
	ask(h, "POST", "/api/v1/apply?name=%2Fhome%2Fme%2Fnew.toml&confirm=90s", "[router]\n")
	if applier.name != "/home/me/new.toml" || applier.text != "[router]\n" || applier.confirm != 90*time.Second {
		t.Errorf("the applier got %q, %q, %s", applier.name, applier.text, applier.confirm)
	}
	if w := ask(h, "POST", "/api/v1/confirm", ""); w.Code != 204 {
		t.Errorf("confirm: %d %s", w.Code, w.Body)
	}
	if w := ask(h, "POST", "/api/v1/confirm", ""); w.Code != 409 {
		t.Errorf("a second confirm: %d %s, want 409", w.Code, w.Body)
	}
}

func TestWishesReachTheRouter(t *testing.T) {
	source := newFakeSource()
	h := (&API{Source: source, History: fakeHistory{}, Applier: new(fakeApplier)}).Handler()
	for _, path := range []string{"drain?wan=fibre", "resume?wan=fibre", "resume"} {
		ask(h, "POST", "/api/v1/"+path, "")
	}
	if got := strings.Join(source.wishes, ", "); got != "drain fibre, resume fibre, resume " {
		t.Errorf("the router got %q", got)
	}
}

func TestStream(t *testing.T) {
	source := newFakeSource()
	server := httptest.NewServer((&API{Source: source, History: fakeHistory{}, Applier: new(fakeApplier)}).Handler())
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, "GET", server.URL+"/api/v1/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := server.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if kind := answer.Header.Get("Content-Type"); kind != "text/event-stream" {
		t.Errorf("content type %q", kind)
	}
	lines := bufio.NewScanner(answer.Body)
	for _, line := range []string{"fibre", "lte", "fibre"} {
		if !lines.Scan() || !strings.HasPrefix(lines.Text(), "data: {") || !strings.Contains(lines.Text(), "on "+line+".") {
			t.Fatalf("the stream says %q, want data about %s", lines.Text(), line)
		}
		if !lines.Scan() || lines.Text() != "" {
			t.Errorf("after the data comes %q, want an empty line", lines.Text())
		}
		next := map[string]string{"fibre": "lte", "lte": "fibre"}[line]
		source.set(snapshotOn(next))
	}
	cancel()
	server.Close() // blocks until the handler has returned
}

func TestStreamOfASnapshotThatDoesNotChange(t *testing.T) {
	source := newFakeSource()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := httptest.NewRecorder()
	api := &API{Source: source}
	api.stream(w, httptest.NewRequest("GET", "/api/v1/stream", nil).WithContext(ctx))
	if n := strings.Count(w.Body.String(), "data: "); n != 1 || !w.Flushed {
		t.Errorf("%d snapshots, flushed %t: want the one, at once", n, w.Flushed)
	}
}

func TestStatusHasTheKeysOfTheDesign(t *testing.T) {
	source := newFakeSource()
	source.snapshot.WANs = []router.WANSnapshot{{Name: "fibre", RTT: router.Milliseconds(8140 * time.Microsecond)}}
	w := ask((&API{Source: source}).Handler(), "GET", "/api/v1/status", "")
	if kind := w.Header().Get("Content-Type"); kind != "application/json" {
		t.Errorf("content type %q", kind)
	}
	for _, want := range []string{`"router":"main"`, `"verdict":"ok"`, `"name":"fibre"`, `"rtt_ms":8.1`, `"since":"2026-11-21T12:00:00Z"`} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("the status lacks %s: %s", want, w.Body)
		}
	}
}
