package incident

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twinpath/twinpath/router"
)

// source is a router that shows what it is told to.
type source struct {
	mu      sync.Mutex
	view    router.Snapshot
	changed chan struct{}
}

func newSource() *source {
	return &source{changed: make(chan struct{}), view: router.Snapshot{
		Router: "main", Verdict: router.VerdictOK, Since: time.Now(), Time: time.Now(), WANs: []router.WANSnapshot{
			{Name: "fibre", State: "up", Active: true, Since: time.Now()},
			{Name: "lte", State: "up", Cost: 50, Metered: true, Since: time.Now()},
		},
	}}
}

func (s *source) Snapshot() (*router.Snapshot, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	view := s.view
	view.WANs = append([]router.WANSnapshot(nil), s.view.WANs...)
	return &view, s.changed
}

// becomes shows something new.
func (s *source) becomes(change func(*router.Snapshot)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.view)
	s.view.Time = time.Now()
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *source) fibre(state string) {
	s.becomes(func(v *router.Snapshot) {
		up := state == "up"
		v.WANs[0].State, v.WANs[0].Active, v.WANs[1].Active, v.WANs[0].Since = state, up, !up, time.Now()
		v.WANs[0].Reason = "the ISP's first router does not answer"
		v.Verdict = map[bool]router.Verdict{true: router.VerdictOK, false: router.VerdictBackup}[up]
	})
}

// desk hears what a recorder tells.
type desk struct {
	mu   sync.Mutex
	told []router.Incident
}

func (d *desk) tell(i router.Incident) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.told = append(d.told, i)
}

// newest returns the last word on a cause.
func (d *desk) newest(t *testing.T, cause router.Cause) router.Incident {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	for n := len(d.told) - 1; n >= 0; n-- {
		if d.told[n].Cause == cause {
			return d.told[n]
		}
	}
	t.Fatalf("nothing was told of %s", cause)
	return router.Incident{}
}

// memory is a pulse that outlives a recorder.
type memory struct {
	mu    sync.Mutex
	notes []string
}

func (m *memory) Load() (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.notes) == 0 {
		return "", nil
	}
	return m.notes[len(m.notes)-1], nil
}

func (m *memory) Save(note string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.notes = append(m.notes, note)
	return nil
}

// run starts a recorder, and returns how to stop it.
func run(t *testing.T, r *Recorder) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	synctest.Wait()
	return func() {
		t.Helper()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestARecorderKeepsTheBook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		house, heard := newSource(), new(desk)
		r := New(Ports{Source: house, Tell: heard.tell, Now: time.Now})
		r.Record(router.Event{Time: time.Now(), Kind: router.EventRouter, Cause: router.CauseUpdate, To: "moment", Sentence: "Another version."})
		stop := run(t, r)
		if i := heard.newest(t, router.CauseUpdate); i.Router != "main" || !i.Moment {
			t.Errorf("got %+v", i)
		}
		r.Record(router.Event{Time: time.Now(), Kind: router.EventWAN, WAN: "fibre", From: "up", To: "down", Sentence: "fibre is down: it is."})
		house.fibre("down")
		synctest.Wait()
		if i := heard.newest(t, router.CauseWAN); !i.Open() || len(i.Steps) != 1 || i.Steps[0].Sentence != "fibre is down: it is." {
			t.Errorf("got %+v", i)
		}
		time.Sleep(90 * time.Second)
		house.fibre("up")
		synctest.Wait()
		if i := heard.newest(t, router.CauseWAN); i.Open() || i.Lasted != router.Seconds(90*time.Second) || len(i.Carried) != 1 {
			t.Errorf("got %+v", i)
		}
		stop()
	})
}

// The peer is silent, and nothing else happens: the book is looked at all the same.
func TestARecorderLooksWithoutNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		house, heard := newSource(), new(desk)
		defer run(t, New(Ports{Source: house, Tell: heard.tell, Now: time.Now}))()
		house.becomes(func(v *router.Snapshot) { v.Pair = &router.PairView{Peer: "192.168.1.3"} })
		time.Sleep(21 * time.Second)
		synctest.Wait()
		if i := heard.newest(t, router.CausePeer); !i.Open() {
			t.Errorf("got %+v", i)
		}
	})
}

func TestClimbing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		house, heard := newSource(), new(desk)
		var mu sync.Mutex
		var climbs []string
		running, most := 0, 0
		began := time.Now()
		climb := func(ctx context.Context, wan string) ([]router.Rung, netip.Addr) {
			mu.Lock()
			n := len(climbs)
			climbs = append(climbs, fmt.Sprint(wan, " ", time.Since(began).Round(time.Second)))
			running++
			most = max(most, running)
			mu.Unlock()
			time.Sleep(2 * time.Second)
			mu.Lock()
			running--
			mu.Unlock()
			rungs := []router.Rung{{What: "cable", State: "ok"}, {What: "outside", State: "broken", Detail: fmt.Sprint("look ", n)}}
			if n == 2 { // it is just coming back
				rungs[1].State = "ok"
			}
			return rungs, netip.MustParseAddr("203.0.113.1")
		}
		stop := run(t, New(Ports{Source: house, Tell: heard.tell, Climb: climb, Now: time.Now}))
		time.Sleep(10 * time.Second)
		house.fibre("down")
		time.Sleep(11 * time.Minute)
		i := heard.newest(t, router.CauseWAN)
		if len(i.Ladder) != 2 || i.Ladder[1].Detail != "look 1" || i.LastHop != netip.MustParseAddr("203.0.113.1") {
			t.Errorf("got %+v", i)
		}
		house.fibre("up")
		synctest.Wait()
		if i := heard.newest(t, router.CauseWAN); i.Open() || len(i.Ladder) != 2 {
			t.Errorf("at the end the ladder is %+v", i.Ladder)
		}
		time.Sleep(time.Hour)
		stop()
		mu.Lock()
		defer mu.Unlock()
		if got := strings.Join(climbs, ", "); got != "fibre 10s, fibre 5m12s, fibre 10m14s" || most != 1 {
			t.Errorf("climbed at %s, %d at once", got, most)
		}
	})
}

// Someone who does not come back holds nobody up.
func TestAClimbThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		house, heard := newSource(), new(desk)
		climb := func(ctx context.Context, _ string) ([]router.Rung, netip.Addr) {
			<-ctx.Done()
			return nil, netip.Addr{}
		}
		stop := run(t, New(Ports{Source: house, Tell: heard.tell, Climb: climb, Now: time.Now}))
		house.fibre("down")
		synctest.Wait()
		heard.newest(t, router.CauseWAN)
		stop()
	})
}

func TestTheBoxIsBounded(t *testing.T) {
	b := newBox()
	for n := range 3 * boxed {
		b.put(router.Event{Sentence: fmt.Sprint(n)})
	}
	events := b.take()
	if len(events) != boxed || events[0].Sentence != fmt.Sprint(2*boxed) || len(b.take()) != 0 {
		t.Errorf("%d events, the first is %s", len(events), events[0].Sentence)
	}
}

func TestTheNextRunGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		house, heard, pulse := newSource(), new(desk), new(memory)
		ports := Ports{Source: house, Tell: heard.tell, Pulse: pulse, Boot: "b1", Now: time.Now}
		stop := run(t, New(ports))
		house.fibre("down")
		time.Sleep(12 * time.Minute)
		stop()
		first := heard.newest(t, router.CauseWAN)
		if first.Lasted != router.Seconds(12*time.Minute) {
			t.Errorf("at the end of the run it is told that it has lasted %s", time.Duration(first.Lasted))
		}
		if len(pulse.notes) != 4 || !strings.HasSuffix(pulse.notes[2], " runs b1") || !strings.HasSuffix(pulse.notes[3], " ended b1") {
			t.Errorf("the pulse is %q", pulse.notes)
		}
		asked := 0
		ports.Boot = "b2"
		ports.Open = func() ([]router.Incident, error) {
			if asked++; asked < 10 {
				return nil, errors.New("the store is not open yet")
			}
			return []router.Incident{first}, nil
		}
		time.Sleep(3 * time.Minute)
		stop = run(t, New(ports))
		time.Sleep(time.Minute)
		house.fibre("up")
		synctest.Wait()
		over := heard.newest(t, router.CauseWAN)
		if over.ID != first.ID || over.Open() || over.Cut || over.End.Sub(over.Start) != 16*time.Minute {
			t.Errorf("got %+v", over)
		}
		if off := heard.newest(t, router.CauseRestart); off.End.Sub(off.Start) != 3*time.Minute || !strings.HasPrefix(off.Sentence, "main was off from ") {
			t.Errorf("got %+v", off)
		}
		stop()
	})
}

// The store cannot be read for half a minute: the house is watched meanwhile.
func TestAStoreThatIsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		house, heard := newSource(), new(desk)
		began := time.Now()
		left := router.Incident{ID: "old", Cause: router.CauseWAN, WAN: "fibre", State: "down", Start: began.Add(-time.Hour), Sentence: "fibre is down: it is."}
		stop := run(t, New(Ports{Source: house, Tell: heard.tell, Now: time.Now, Open: func() ([]router.Incident, error) {
			if time.Since(began) < 30*time.Second {
				return nil, errors.New("the disk does not answer")
			}
			return []router.Incident{left}, nil
		}}))
		house.fibre("down")
		time.Sleep(10 * time.Second)
		fresh := heard.newest(t, router.CauseWAN)
		time.Sleep(2 * time.Minute)
		stop()
		var cut bool
		for _, i := range heard.told {
			cut = cut || i.ID == "old" && i.Cut && !i.Open()
		}
		if !cut || fresh.ID == "old" {
			t.Errorf("the old one was not cut: %+v", heard.told)
		}
	})
}

func TestThePulseFile(t *testing.T) {
	f := PulseFile{Path: filepath.Join(t.TempDir(), "pulse")}
	if note, err := f.Load(); note != "" || err != nil {
		t.Fatalf("got %q, %v", note, err)
	}
	for _, note := range []string{"2026-11-20T20:00:00Z runs a-long-name-of-a-boot", "2026-11-20T20:00:01Z ended b"} {
		if err := f.Save(note); err != nil {
			t.Fatal(err)
		}
		if got, err := f.Load(); got != note || err != nil {
			t.Errorf("got %q, %v; want %q", got, err, note)
		}
	}
	f.Path = filepath.Join(t.TempDir(), "no", "pulse")
	if err := f.Save("x"); err == nil || !strings.HasPrefix(err.Error(), "note that this router runs: ") {
		t.Errorf("got %v", err)
	}
}
