package site

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestReportPage(t *testing.T) {
	s := siteOf(t, onBackup())
	w := get(s, "/report?from=2026-10-22&to=2026-11-21")
	if w.Code != http.StatusOK {
		t.Fatalf("/report answers %d", w.Code)
	}
	golden(t, "report.html", stable.ReplaceAll(w.Body.Bytes(), []byte("/static/HASH/")))
	one := get(s, "/report?wan=fibre").Body.String()
	for _, want := range []string{"Outages of fibre, seen by main", `<option value="fibre" selected>`, `format=csv&amp;wan=fibre"`} {
		if !strings.Contains(one, want) {
			t.Errorf("the page of fibre lacks %s", want)
		}
	}
	if w := get(s, "/report?from=x"); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "is neither a date") {
		t.Errorf("no date: %d %s", w.Code, w.Body)
	}
}

func TestReportFiles(t *testing.T) {
	s := siteOf(t, onBackup())
	for format, want := range map[string][3]string{
		"":     {"text/plain; charset=utf-8", "Outages seen by main", ""},
		"csv":  {"text/csv; charset=utf-8; header=present", "number,router,wan", `attachment; filename="outages.csv"`},
		"html": {"text/html; charset=utf-8", "<!doctype html>", ""},
		"json": {"application/json", `{"router":"main"`, ""},
	} {
		w := get(s, "/api/v1/report?format="+format)
		h := w.Header()
		if w.Code != http.StatusOK || h.Get("Content-Type") != want[0] || !strings.HasPrefix(w.Body.String(), want[1]) || h.Get("Content-Disposition") != want[2] {
			t.Errorf("%q: %d %v", format, w.Code, h)
		}
		if csp := h.Get("Content-Security-Policy"); strings.Contains(csp, "unsafe") || format == "html" != strings.Contains(csp, "style-src 'sha256-") {
			t.Errorf("%q: the policy is %s", format, csp)
		}
	}
	if w := get(s, "/api/v1/report?from=x"); w.Code != http.StatusBadRequest {
		t.Errorf("no date: %d", w.Code)
	}
	if w := get(s, "/api/v1/incidents?since=2026-11-01T00:00:00Z"); w.Code != http.StatusOK || !strings.HasPrefix(w.Body.String(), `[{"id":"main-20261121T114758Z-9"`) {
		t.Errorf("incidents: %d %.80s", w.Code, w.Body)
	}
}

// Few wait for what the daemon reads from its disk, and none gets another's answer.
func TestThePastIsAskedForOneByOne(t *testing.T) {
	d := onBackup()
	enter, leave := make(chan string), make(chan struct{})
	d.verb = func(w http.ResponseWriter, r *http.Request) {
		enter <- r.URL.Path
		<-leave
		writeJSON(w, []string{})
	}
	s := siteOf(t, d)
	answers := make(chan int, crowded+1)
	for range crowded {
		go func() { answers <- get(s, "/api/v1/drills").Code }()
	}
	if path := <-enter; path != "/api/v1/drills" {
		t.Errorf("asked for %s", path)
	}
	for s.past.waiting.Load() < crowded {
		time.Sleep(time.Millisecond)
	}
	if w := get(s, "/report"); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != "2" {
		t.Errorf("one more: %d", w.Code)
	}
	close(leave)
	for range crowded {
		if code := <-answers; code != http.StatusOK {
			t.Errorf("one of those who waited: %d", code)
		}
	}
	if n := d.times("/api/v1/drills"); n != 1 {
		t.Errorf("%d questions to the daemon, want 1", n)
	}
	if _, err := s.past.get(t.Context(), "/other", time.Hour, func(_ context.Context, path string) ([]byte, error) { return nil, errors.New(path) }); err == nil {
		t.Error("another path has the same answer")
	}
}

func TestDrillsAndTests(t *testing.T) {
	d := newDesk(t).logIn()
	d.get("/settings/drill?wan=mobile").wants(t, 200, "If fibre fails: mobile", "Rehearse now").has(t, "wan", "")
	d.post("/settings/drill", "wan", "fibre", "full", "1").wants(t, 200, "A rehearsal is under way: what if fibre fails?", "Stop it")
	d.post("/settings/drill", "wan", "fibre").wants(t, 409, "Another rehearsal goes on.")
	d.post("/settings/drill", "wan", "fibre", "do", "stop").wants(t, 200, "Rehearse now")
	d.post("/settings/drill", "wan", "dsl").wants(t, 404, `"dsl": there is no such WAN.`)
	if did := strings.Join(d.deeds(), ";"); did != "drill fibre full;drill stop" {
		t.Errorf("did %s", did)
	}
	d.post("/settings/alert", "all", "1").wants(t, 200, "1 of 2 channels did not take the test message.", "no route to host")
	if did := d.deeds(); did[len(did)-1] != "alert all" {
		t.Errorf("did %q", did)
	}
	d.set(func() { d.did = d.did[:2] })
	if p := d.get("/settings/drill?" + url.Values{"wan": {"fibre"}, "do": {"start"}}.Encode()); p.status != 200 || len(d.deeds()) != 2 {
		t.Errorf("looking does something: %d, %v", p.status, d.deeds())
	}
}
