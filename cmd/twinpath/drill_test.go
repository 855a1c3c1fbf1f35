package main

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/web"
)

// rehearser does one more step of a rehearsal each time it is asked how far it is.
type rehearser struct {
	mu      sync.Mutex
	view    router.DrillView
	steps   []router.DrillStep
	end     func(*router.DrillView)
	refusal error
	forever bool // until it is stopped
	stopped bool
	asked   chan struct{} // closed when somebody asks how far it is; nil: nobody waits for that
	full    bool
}

func (r *rehearser) Start(wan string, full bool) (router.DrillView, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.full = full
	r.view = router.DrillView{ID: "1", WAN: wan, Through: "lte", Start: noon, Sentence: "If fibre fails, the house is to use lte."}
	return r.view, r.refusal
}

func (r *rehearser) Stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopped = true
}

func (r *rehearser) Drills() []router.DrillView {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.asked != nil && !r.stopped {
		close(r.asked)
		r.asked = nil
	}
	if n := len(r.view.Steps); n < len(r.steps) {
		r.view.Steps = r.steps[:n+1]
	} else if !r.forever || r.stopped {
		r.view.End = noon.Add(time.Second)
		r.end(&r.view)
	}
	return []router.DrillView{r.view, {ID: "0", WAN: "fibre", End: noon}}
}

// rehearsing runs a rehearser on a socket until the test ends.
func rehearsing(t *testing.T, r *rehearser) string {
	t.Helper()
	p := &pretender{changed: make(chan struct{}), snapshot: &router.Snapshot{}}
	s := &web.Socket{Path: filepath.Join(t.TempDir(), "s"), Handler: (&web.API{Source: p, History: p, Applier: p, Drills: r}).Handler()}
	if err := s.Claim(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var tasks sync.WaitGroup
	tasks.Go(func() { _ = s.Run(ctx) })
	t.Cleanup(func() { cancel(); tasks.Wait() })
	return s.Path
}

func passed(v *router.DrillView) {
	v.OK, v.Sentence, v.Felt = true, "If fibre fails, lte can carry the house.", []string{"An answer takes 38 ms."}
}

func failed(v *router.DrillView) {
	v.Sentence = "If fibre fails, lte could not carry the house: no names."
}

func TestDrillPrintsItsSteps(t *testing.T) {
	r := &rehearser{end: passed, steps: []router.DrillStep{
		{What: "ping", OK: true, Detail: "20 of 20 answered, in 38 ms"}, {What: "dns", Detail: "192.0.2.1: no answer"},
	}}
	want := `If fibre fails, the house is to use lte.
  ping     ok    20 of 20 answered, in 38 ms
  dns      FAIL  192.0.2.1: no answer

If fibre fails, lte can carry the house.
  An answer takes 38 ms.
`
	if got := play(t.Context(), "drill", "fibre", "--full", "--socket", rehearsing(t, r)); got != (outcome{0, want, ""}) || !r.full {
		t.Errorf("%+v, in full: %t, want %q", got, r.full, want)
	}
}

func TestDrillFailsLoudly(t *testing.T) {
	socket := rehearsing(t, &rehearser{end: failed})
	if got := play(t.Context(), "drill", "fibre", "--socket", socket); got.status != no || !strings.HasSuffix(got.out, "no names.\n") {
		t.Errorf("%+v", got)
	}
	got := play(t.Context(), "drill", "fibre", "--json", "--socket", socket)
	var v router.DrillView
	if err := json.Unmarshal([]byte(got.out), &v); err != nil || got.status != no || v.ID != "1" || v.OK || v.End.IsZero() {
		t.Errorf("%+v, %v", got, err)
	}
	refusing := rehearsing(t, &rehearser{refusal: web.Conflict{Err: errors.New("a rehearsal goes on: one at a time")}})
	if got := play(t.Context(), "drill", "fibre", "--socket", refusing); got != (outcome{no, "", "a rehearsal goes on: one at a time\n"}) {
		t.Errorf("%+v", got)
	}
	if got := play(t.Context(), "drill", "--socket", refusing); got.status != misused {
		t.Errorf("without a line: %+v", got)
	}
}

// TestDrillIsStopped by Ctrl-C, and its result is still told.
func TestDrillIsStopped(t *testing.T) {
	asked := make(chan struct{})
	r := &rehearser{forever: true, end: failed, asked: asked}
	socket := rehearsing(t, r)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan outcome, 1)
	go func() { done <- play(ctx, "drill", "fibre", "--socket", socket) }()
	<-asked // it follows
	cancel()
	if got := <-done; got.status != no || !strings.Contains(got.out, "no names.") || !r.stopped {
		t.Errorf("%+v, stopped: %t", got, r.stopped)
	}
}

func TestPingTargets(t *testing.T) {
	for _, c := range []struct {
		checks []router.CheckSnapshot
		want   string
	}{
		{nil, "1.1.1.1 8.8.8.8 9.9.9.9"},
		{[]router.CheckSnapshot{{Target: "tcp 1.1.1.1:443", OK: true}, {Target: "ping example.org", OK: true}}, "1.1.1.1 8.8.8.8 9.9.9.9"},
		{[]router.CheckSnapshot{{Target: "ping 192.0.2.1"}, {Target: "ping 192.0.2.2", OK: true}, {Target: "ping 192.0.2.3", OK: true}}, "192.0.2.2 192.0.2.3 192.0.2.1"},
	} {
		if got := strings.Join(pingTargets(c.checks), " "); got != c.want {
			t.Errorf("%v: %q, want %q", c.checks, got, c.want)
		}
	}
}
