package alert

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twinpath/twinpath/alert/channel"
	"github.com/twinpath/twinpath/router"
)

const (
	phone = "ntfy://ntfy.sh/s3cr3t-topic"
	mail  = "https://hook.example/s3cr3t-path"
)

// world is what a Desk sees of the world: its router, its disk, and the services that people read.
type world struct {
	mu       sync.Mutex
	snapshot *router.Snapshot
	changed  chan struct{}
	lines    []string
	shelf    map[string]Item
	puts     int
	diskErr  error
	sendErr  func(url, way string) error
	got      []sent
	views    []router.AlertsView
	peer     func(bundle []byte) ([]byte, error)
}

type sent struct {
	url, way string
	at       time.Time
	channel.Message
}

func newWorld() *world {
	return &world{snapshot: &router.Snapshot{}, changed: make(chan struct{}), lines: []string{"fibre"}, shelf: map[string]Item{}, sendErr: func(string, string) error { return nil }}
}

func (w *world) Snapshot() (*router.Snapshot, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.snapshot, w.changed
}

// show is a new snapshot, with these lines up.
func (w *world) show(s router.Snapshot, lines ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, name := range lines {
		s.WANs = append(s.WANs, router.WANSnapshot{Name: name, State: "up"})
	}
	w.snapshot, w.lines = &s, lines
	close(w.changed)
	w.changed = make(chan struct{})
}

func (w *world) ways() []channel.Way {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []channel.Way
	for _, name := range w.lines {
		all = append(all, channel.Way{Name: name})
	}
	return all
}

func (w *world) send(_ context.Context, url string, way channel.Way, m channel.Message) error {
	w.mu.Lock()
	answer := w.sendErr
	w.mu.Unlock()
	if err := answer(url, way.Name); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.got = append(w.got, sent{url, way.Name, time.Now(), m})
	return nil
}

func (w *world) Put(key string, value []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.puts++
	if w.diskErr != nil {
		return w.diskErr
	}
	if len(value) > 64<<10 {
		return errors.New("too large")
	}
	w.shelf[key] = Item{key, slices.Clone(value)}
	return nil
}

func (w *world) Drop(key string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.shelf, key)
	return w.diskErr
}

func (w *world) All() ([]Item, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Collect(maps.Values(w.shelf)), w.diskErr
}

func (w *world) Forward(_ context.Context, bundle []byte) ([]byte, error) { return w.peer(bundle) }

func (w *world) tell(v router.AlertsView) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.views = append(w.views, v)
}

// fails makes the services answer like this.
func (w *world) fails(f func(url, way string) error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sendErr = f
}

// read returns the titles of what people have got since the last call.
func (w *world) read() []sent {
	w.mu.Lock()
	defer w.mu.Unlock()
	got := w.got
	w.got = nil
	return got
}

// waiting is how many letters lie on the shelf.
func (w *world) waiting() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for key := range w.shelf {
		if strings.HasPrefix(key, letterKey) {
			n++
		}
	}
	return n
}

func (w *world) view() router.AlertsView {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.views[len(w.views)-1]
}

func configured(urls ...string) router.Config {
	cfg := router.Config{Name: "main", Alert: router.Alert{Wait: time.Minute, Remind: 24 * time.Hour}}
	for _, url := range urls {
		cfg.Alert.To = append(cfg.Alert.To, router.AlertTo{URL: url})
	}
	return cfg
}

// desk is a Desk that runs.
type running struct {
	*Desk
	stop func()
}

// runs starts a Desk in a world. It has settled after five minutes.
func (w *world) runs(t *testing.T, cfg router.Config) running {
	t.Helper()
	d := New(Ports{Source: w, Shelf: w, Ways: w.ways, Send: w.send, Peer: w, Tell: w.tell, Log: slog.New(slog.DiscardHandler)})
	d.Use(cfg)
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan error, 1)
	go func() { over <- d.Run(ctx) }()
	return running{d, func() {
		cancel()
		if err := <-over; err != nil {
			t.Error(err)
		}
	}}
}

func outage(id, wan string) router.Incident {
	return router.Incident{ID: id, Router: "main", Cause: router.CauseWAN, WAN: wan, State: "down", Start: time.Now(), Clock: true, Sentence: wan + " is down: no answer."}
}

func ended(i router.Incident) router.Incident {
	i.End, i.Lasted = time.Now(), router.Seconds(time.Since(i.Start))
	return i
}

// titled checks what people have got.
func titled(t *testing.T, got []sent, titles ...string) {
	t.Helper()
	var all []string
	for _, g := range got {
		all = append(all, g.Title)
	}
	if strings.Join(all, "\n") != strings.Join(titles, "\n") {
		t.Errorf("people got\n  %s\nwant\n  %s", strings.Join(all, "\n  "), strings.Join(titles, "\n  "))
	}
}

func TestAMessageIsDeliveredOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		d := w.runs(t, configured(phone, mail))
		defer d.stop()
		time.Sleep(5 * time.Minute)
		fibre := outage("a", "fibre")
		d.Take(fibre)
		time.Sleep(2 * time.Minute)
		titled(t, w.read(), "main: fibre is down", "main: fibre is down")
		d.Take(ended(fibre))
		time.Sleep(time.Hour)
		got := w.read()
		titled(t, got, "main: fibre is back after 2 min", "main: fibre is back after 2 min")
		if got[0].way != "fibre" || got[0].url == got[1].url || !got[0].Resolved || got[0].Fields["cause"] != "wan" || got[0].Fields["duration_s"] != "120.0" {
			t.Errorf("%+v", got)
		}
		w.mu.Lock()
		if w.puts > 12 {
			t.Errorf("the disk was written to %d times for two letters", w.puts)
		}
		w.mu.Unlock()
		if w.waiting() != 0 || w.view().Waiting != 0 || len(w.view().Channels) != 2 || w.view().Channels[0].Sent.IsZero() {
			t.Errorf("%d letters on the shelf, %+v", w.waiting(), w.view())
		}
	})
}

func TestEachLineIsTried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.show(router.Snapshot{}, "fibre", "lte")
		w.fails(func(_, way string) error {
			if way == "fibre" {
				return errors.New("no answer within 10s")
			}
			return nil
		})
		d := w.runs(t, configured(phone))
		defer d.stop()
		time.Sleep(5 * time.Minute)
		d.Take(outage("a", "fibre"))
		time.Sleep(61 * time.Second)
		if got := w.read(); len(got) != 1 || got[0].way != "lte" {
			t.Errorf("%+v", got)
		}
	})
}

func TestBothLinesDownIsOneMessageAfterwards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.show(router.Snapshot{}, "fibre", "lte")
		d := w.runs(t, configured(phone))
		defer d.stop()
		time.Sleep(5 * time.Minute)
		w.fails(func(_, way string) error {
			if way == "" {
				return errors.New("network is unreachable")
			}
			return nil
		})
		w.show(router.Snapshot{})
		fibre, lte, none := outage("a", "fibre"), outage("b", "lte"), outage("c", "")
		lte.Cause, none.Cause = router.CauseIdle, router.CauseOffline
		for _, i := range []router.Incident{fibre, lte, none} {
			d.Take(i)
		}
		time.Sleep(10 * time.Minute)
		titled(t, w.read())
		if w.waiting() != 1 || w.view().Waiting != 1 || w.view().Channels[0].Error != "no line worked" {
			t.Errorf("%d letters on the shelf, %+v", w.waiting(), w.view())
		}
		w.show(router.Snapshot{}, "fibre") // before anybody has said what that ends
		time.Sleep(time.Second)
		d.Take(ended(fibre))
		d.Take(ended(none))
		time.Sleep(5 * time.Second)
		d.Take(ended(lte))
		time.Sleep(time.Hour)
		got := w.read()
		titled(t, got, "main: Internet is back after 10 min 1 s")
		if !strings.Contains(got[0].Text, "(From 00:05:00 to 00:15:01: 10 min 1 s.)") {
			t.Errorf("it says %q", got[0].Text)
		}
	})
}

func TestALineIsBackBeforeAnybodySaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		d := w.runs(t, configured(phone))
		defer d.stop()
		time.Sleep(5 * time.Minute)
		w.fails(func(_, way string) error {
			if way == "" {
				return errors.New("network is unreachable")
			}
			return nil
		})
		w.show(router.Snapshot{})
		none := outage("a", "")
		none.Cause = router.CauseOffline
		d.Take(none)
		time.Sleep(63900 * time.Millisecond) // the second try is a second away
		w.show(router.Snapshot{}, "fibre")
		time.Sleep(2500 * time.Millisecond)
		d.Take(ended(none))
		time.Sleep(time.Hour)
		titled(t, w.read(), "main: Internet is back after 1 min 6 s")
	})
}

func TestWhatWaitsTooLongIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		d := w.runs(t, configured(phone))
		defer d.stop()
		time.Sleep(5 * time.Minute)
		w.fails(func(string, string) error { return errors.New("unreachable") })
		say := func(n int) {
			d.Take(router.Incident{ID: fmt.Sprint("m", n), Router: "main", Cause: router.CauseUndone, Moment: true, Start: time.Now(), Clock: true, Sentence: fmt.Sprintf("Change %d was not kept.", n)})
		}
		say(0)
		time.Sleep(8 * 24 * time.Hour)
		if w.waiting() != 0 || w.view().Dropped != 1 {
			t.Errorf("after a week %d letters wait, %d are dropped", w.waiting(), w.view().Dropped)
		}
		for n := range mostLetters + 5 {
			say(n + 1)
			time.Sleep(time.Minute)
		}
		if n := w.waiting(); n != mostLetters || w.view().Dropped != 6 {
			t.Errorf("%d letters wait, %d are dropped", n, w.view().Dropped)
		}
		w.fails(func(string, string) error { return nil })
		time.Sleep(10 * time.Minute)
		got := w.read()
		if len(got) == 0 || !strings.Contains(got[0].Text, "6 older messages are lost") || strings.Contains(got[0].Text, "Change 0 ") {
			t.Errorf("%+v", got)
		}
		time.Sleep(24 * time.Hour)
		for _, g := range w.read() {
			if strings.Contains(g.Text, "are lost") {
				t.Errorf("it is said again: %s", g.Text)
			}
		}
		if w.waiting() != 0 {
			t.Errorf("%d letters wait", w.waiting())
		}
	})
}

func TestWhatHadToWaitIsOneMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		d := w.runs(t, configured(phone))
		defer d.stop()
		time.Sleep(5 * time.Minute)
		w.fails(func(string, string) error { return errors.New("ntfy.sh does not answer") })
		fibre := outage("a", "fibre")
		d.Take(fibre)
		time.Sleep(2 * time.Minute)
		d.Take(router.Incident{ID: "b", Router: "main", Cause: router.CauseBudget, WAN: "lte", Moment: true, Start: time.Now(), Clock: true, Sentence: "lte has used 80 %."})
		time.Sleep(30 * time.Minute)
		w.fails(func(string, string) error { return nil })
		time.Sleep(6 * time.Minute) // the longest pause
		got := w.read()
		titled(t, got, "main: 2 messages, the newest: lte has used up data")
		if len(got) == 1 {
			for _, want := range []string{"00:06:00 main: fibre is down\nfibre is down: no answer. (Since 00:05:00.)", "lte has used 80 %. (00:07:00)", "Told late: ntfy.sh does not answer."} {
				if !strings.Contains(got[0].Text, want) {
					t.Errorf("%q is not in %q", want, got[0].Text)
				}
			}
		}
		d.Take(ended(fibre))
		time.Sleep(time.Minute)
		if got := w.read(); len(got) != 1 || strings.Contains(got[0].Text, "late") {
			t.Errorf("%+v", got)
		}
	})
}

func TestLinesThatWorkAgainAreUsedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		d := w.runs(t, configured(phone))
		defer d.stop()
		time.Sleep(5 * time.Minute)
		w.fails(func(_, way string) error {
			if way != "lte" {
				return errors.New("unreachable")
			}
			return nil
		})
		d.Take(outage("a", "fibre"))
		time.Sleep(4 * time.Hour)
		titled(t, w.read())
		began := time.Now()
		w.show(router.Snapshot{}, "lte")
		time.Sleep(10 * time.Second)
		if got := w.read(); len(got) != 1 || got[0].at.Sub(began) > 8*time.Second {
			t.Errorf("%+v", got)
		}
	})
}

func TestARestartWithAMessageThatWaits(t *testing.T) {
	for _, isOver := range []bool{false, true} {
		t.Run(fmt.Sprintf("over %t", isOver), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				d := w.runs(t, configured(phone))
				time.Sleep(5 * time.Minute)
				w.fails(func(string, string) error { return errors.New("unreachable") })
				fibre := outage("a", "fibre")
				d.Take(fibre)
				time.Sleep(10 * time.Minute)
				d.stop()
				if w.waiting() != 1 {
					t.Fatalf("%d letters on the shelf", w.waiting())
				}
				time.Sleep(time.Hour)
				w.fails(func(string, string) error { return nil })
				d = w.runs(t, configured(phone))
				want := "main: fibre is down"
				if isOver {
					fibre = ended(fibre)
					want = "main: fibre is back after 1 h 10 min"
				}
				time.Sleep(20 * time.Second) // until the router knows how its lines are
				d.Take(fibre)
				time.Sleep(time.Hour)
				titled(t, w.read(), want)
				d.stop()
				d = w.runs(t, configured(phone))
				d.Take(fibre)
				time.Sleep(time.Hour)
				titled(t, w.read())
				d.stop()
			})
		})
	}
}

func TestAServiceThatRefusesIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		var tries atomic.Int32
		d := w.runs(t, configured(phone))
		defer d.stop()
		time.Sleep(5 * time.Minute)
		w.fails(func(string, string) error { tries.Add(1); return forbidden{} })
		d.Take(outage("a", "fibre"))
		time.Sleep(5 * time.Hour)
		if n := tries.Load(); n < 4 || n > 7 {
			t.Errorf("%d tries in five hours", n)
		}
		text, _ := json.Marshal(w.view())
		if !strings.Contains(string(text), "403 Forbidden") || strings.Contains(string(text), "s3cr3t") {
			t.Errorf("the page says %s", text)
		}
	})
}

type forbidden struct{}

func (forbidden) Error() string   { return "send to ntfy://ntfy.sh/…: it answers 403 Forbidden" }
func (forbidden) Permanent() bool { return true }

func TestNoMoreThanPeopleRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		d := w.runs(t, configured(phone))
		time.Sleep(5 * time.Minute)
		for n := range 40 {
			d.Take(router.Incident{ID: fmt.Sprint("m", n), Router: "main", Cause: router.CauseUndone, Moment: true, Start: time.Now(), Clock: true, Sentence: fmt.Sprintf("Change %d was not kept.", n)})
			time.Sleep(time.Minute)
			if n == 20 { // a restart is no way around it
				d.stop()
				d = w.runs(t, configured(phone))
			}
		}
		got := w.read()
		if len(got) != perHour {
			t.Errorf("%d messages in %d minutes, want %d", len(got), 40, perHour)
		}
		time.Sleep(time.Hour)
		got = w.read()
		if len(got) != 1 || !strings.Contains(got[0].Text, "Change 39") || !strings.Contains(got[0].Text, "at most 6 messages an hour") {
			t.Errorf("afterwards: %+v", got)
		}
		d.stop()
	})
}

func TestADiskThatFailsKeepsNobodyFromTelling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.diskErr = errors.New("no space left on device")
		d := w.runs(t, configured(phone))
		defer d.stop()
		time.Sleep(5 * time.Minute)
		d.Take(outage("a", "fibre"))
		time.Sleep(2 * time.Minute)
		titled(t, w.read(), "main: fibre is down")
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.puts > 10 {
			t.Errorf("the disk was tried %d times", w.puts)
		}
	})
}

func TestEventsOfAChannel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		cfg := configured(phone, mail)
		cfg.Alert.To[0].Events = []string{"vrrp", "router"}
		d := w.runs(t, cfg)
		defer d.stop()
		time.Sleep(5 * time.Minute)
		d.Take(outage("a", "fibre"))
		time.Sleep(2 * time.Minute)
		if got := w.read(); len(got) != 1 || got[0].url != mail {
			t.Errorf("%+v", got)
		}
		d.Use(configured(phone)) // what waited for the other one does not wait any more
		time.Sleep(time.Minute)
		if w.waiting() != 0 {
			t.Errorf("%d letters on the shelf", w.waiting())
		}
	})
}

func TestTakeNeverBlocks(t *testing.T) {
	d := New(Ports{Log: slog.New(slog.DiscardHandler)})
	for n := range 5000 {
		d.Take(outage(fmt.Sprint(n), "fibre"))
	}
	if n := len(d.box); n != 1000 || d.box[999].ID != "4999" || d.lost != 4000 {
		t.Errorf("%d in the box, %d lost", n, d.lost)
	}
}

func TestTestsGoEverywhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.fails(func(url, _ string) error {
			if url == mail {
				return errors.New("it answers 500")
			}
			return nil
		})
		d := w.runs(t, configured(phone, mail))
		defer d.stop()
		results := d.Test(t.Context())
		if len(results) != 2 || results[0].Err != nil || results[0].Name != "ntfy://ntfy.sh/…" || results[1].Err == nil || results[1].Name != "https://hook.example/…" {
			t.Errorf("%+v", results)
		}
	})
}

// pair is two routers that reach each other over the LAN, for as long as nobody cuts it.
type pair struct {
	worlds [2]*world
	desks  [2]running
	mu     sync.Mutex
	cut    bool
}

func newPair(t *testing.T) *pair {
	p := new(pair)
	for n := range 2 {
		w := newWorld()
		p.worlds[n] = w
		w.peer = func(bundle []byte) ([]byte, error) {
			p.mu.Lock()
			defer p.mu.Unlock()
			if p.cut {
				return nil, errors.New("no route to host")
			}
			return p.desks[1-n].Receive(bundle)
		}
		cfg := configured(phone)
		cfg.Name = [2]string{"main", "spare"}[n]
		cfg.LAN.Address = netip.MustParsePrefix([2]string{"192.168.1.2/24", "192.168.1.3/24"}[n])
		cfg.Pair = router.Pair{Peer: netip.MustParseAddr([2]string{"192.168.1.3", "192.168.1.2"}[n]), Secret: "s"}
		p.desks[n] = w.runs(t, cfg)
		p.serves(n, [2]string{"active", "backup"}[n], "fibre")
	}

	time.Sleep(5 * time.Minute)
	return p
}

// serves shows a router's state for the house, and its lines.
func (p *pair) serves(n int, state string, lines ...string) {
	p.worlds[n].show(router.Snapshot{VRRP: []router.VRRPSnapshot{{ID: 51, Family: "ipv4", State: state}}, Pair: &router.PairView{Connected: true}}, lines...)
}

func (p *pair) stop() {
	p.desks[0].stop()
	p.desks[1].stop()
}

func (p *pair) sever(cut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = cut
}

func TestOneOfTwoRoutersTells(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		defer p.stop()
		fibre, dsl := outage("a", "fibre"), outage("b", "dsl")
		dsl.Router = "spare"
		p.desks[0].Take(fibre)
		p.desks[1].Take(dsl)
		time.Sleep(2 * time.Minute)
		titled(t, p.worlds[1].read())
		if got := p.worlds[0].read(); len(got) != 2 {
			t.Errorf("people got %+v", got)
		}
		if p.worlds[0].waiting()+p.worlds[1].waiting() != 0 || p.worlds[1].view().Sender || !p.worlds[0].view().Sender {
			t.Errorf("%d and %d letters wait", p.worlds[0].waiting(), p.worlds[1].waiting())
		}
		p.serves(0, "backup", "fibre") // from now on it is the other one
		p.serves(1, "active", "fibre")
		p.desks[0].Take(ended(fibre))
		p.desks[1].Take(ended(dsl))
		time.Sleep(time.Hour)
		titled(t, p.worlds[0].read())
		if got := p.worlds[1].read(); len(got) != 2 {
			t.Errorf("people got %+v", got)
		}
	})
}

func TestTheSenderDiesOnTheWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		defer p.stop()
		p.worlds[0].fails(func(string, string) error { time.Sleep(10 * time.Second); return errors.New("no answer within 10s") })
		p.desks[1].Take(outage("a", "dsl"))
		time.Sleep(65 * time.Second) // it has the letter, and cannot deliver it
		if p.worlds[0].waiting() != 1 || p.worlds[1].waiting() != 1 {
			t.Errorf("%d and %d letters wait, want one each", p.worlds[0].waiting(), p.worlds[1].waiting())
		}
		p.sever(true)
		time.Sleep(2 * time.Minute)
		titled(t, p.worlds[1].read(), "spare: dsl is down")
		titled(t, p.worlds[0].read())
		p.sever(false) // it comes back, and is told that there is nothing left to tell, before it has a line
		time.Sleep(2 * time.Minute)
		p.worlds[0].fails(func(string, string) error { return nil })
		time.Sleep(time.Hour)
		titled(t, p.worlds[0].read())
		titled(t, p.worlds[1].read())
		if p.worlds[0].waiting()+p.worlds[1].waiting() != 0 {
			t.Errorf("%d and %d letters wait", p.worlds[0].waiting(), p.worlds[1].waiting())
		}
	})
}

func TestTheOneWithoutALineAsksTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		defer p.stop()
		p.worlds[0].fails(func(string, string) error { return errors.New("unreachable") })
		p.serves(0, "active") // it serves the house, though it has no line
		p.desks[0].Take(outage("a", "fibre"))
		time.Sleep(3 * time.Minute)
		titled(t, p.worlds[1].read(), "main: fibre is down")
		if p.worlds[0].waiting()+p.worlds[1].waiting() != 0 {
			t.Errorf("%d and %d letters wait", p.worlds[0].waiting(), p.worlds[1].waiting())
		}
		p.desks[1].Take(outage("b", "dsl")) // the sender cannot, so it tells itself
		time.Sleep(3 * time.Minute)
		titled(t, p.worlds[1].read(), "spare: dsl is down")
		titled(t, p.worlds[0].read())
	})
}

func TestAReceiptThatIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		defer p.stop()
		var lost atomic.Int32
		p.worlds[1].peer = func(bundle []byte) ([]byte, error) {
			receipt, err := p.desks[0].Receive(bundle)
			if lost.Add(1) < 5 {
				return nil, errors.New("no answer")
			}
			return receipt, err
		}
		p.desks[1].Take(outage("a", "dsl"))
		time.Sleep(50 * time.Second) // the two are told at the same time
		p.desks[1].Take(router.Incident{ID: "b", Router: "spare", Cause: router.CauseUndone, Moment: true, Start: time.Now(), Clock: true})
		time.Sleep(time.Hour)
		if got := p.worlds[0].read(); len(got) != 2 {
			t.Errorf("people got %+v", got)
		}
		if p.worlds[0].waiting()+p.worlds[1].waiting() != 0 {
			t.Errorf("%d and %d letters wait", p.worlds[0].waiting(), p.worlds[1].waiting())
		}
	})
}

func TestWhatIsTakenBackIsNotToldByTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		defer p.stop()
		p.worlds[0].fails(func(string, string) error { return errors.New("unreachable") })
		dsl := outage("a", "dsl")
		p.desks[1].Take(dsl)
		time.Sleep(90 * time.Second)
		p.desks[1].Take(ended(dsl))
		time.Sleep(20 * time.Second)
		p.worlds[0].fails(func(string, string) error { return nil })
		time.Sleep(time.Hour)
		titled(t, append(p.worlds[0].read(), p.worlds[1].read()...), "spare: dsl is back after 1 min 30 s")
	})
}

func TestARouterWithoutChannelsAsksTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		defer p.stop()
		cfg := configured()
		cfg.LAN.Address, cfg.Pair = netip.MustParsePrefix("192.168.1.2/24"), router.Pair{Peer: netip.MustParseAddr("192.168.1.3"), Secret: "s"}
		p.desks[0].Use(cfg)
		p.desks[0].Take(outage("a", "fibre"))
		time.Sleep(3 * time.Minute)
		titled(t, p.worlds[1].read(), "main: fibre is down")
		if p.worlds[0].waiting() != 0 {
			t.Errorf("%d letters wait", p.worlds[0].waiting())
		}
	})
}

func TestThirtyDaysOfTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		d := w.runs(t, configured(phone, mail))
		random := rand.New(rand.NewPCG(1, 2))
		open := map[string]router.Incident{}
		messages, largest, most := 0, 0, 0
		for day := range 30 {
			for n := range 300 {
				id := fmt.Sprintf("%d-%d", day, n)
				switch kind := random.IntN(10); {
				case kind < 6:
					i := outage(id, []string{"fibre", "lte", "dsl"}[random.IntN(3)])
					open[id] = i
					d.Take(i)
				case kind < 8:
					d.Take(router.Incident{ID: id, Cause: []router.Cause{router.CauseVRRP, router.CauseLogin, router.CauseUndone}[random.IntN(3)], VRRP: "lan",
						State: []string{"active", "backup"}[random.IntN(2)], Moment: true, Start: time.Now(), Sentence: strings.Repeat("x", 900)})
				default:
					down := random.IntN(2) == 0
					w.fails(func(string, string) error {
						if down {
							return errors.New("unreachable")
						}
						return nil
					})
				}
				for _, id := range slices.Sorted(maps.Keys(open)) {
					if random.IntN(2) == 0 {
						d.Take(ended(open[id]))
						delete(open, id)
					}
				}
				time.Sleep(time.Duration(random.IntN(570)) * time.Second)
			}
			synctest.Wait()
			messages += len(w.read())
			w.mu.Lock()
			for _, item := range w.shelf {
				largest = max(largest, len(item.Value))
			}
			most = max(most, len(w.shelf))
			w.mu.Unlock()
			if day%10 == 5 {
				d.stop()
				d = w.runs(t, configured(phone, mail))
			}
		}
		d.stop()
		t.Logf("30 days: %d messages, at most %d things on the shelf, the largest of %d bytes, %d writes, %d threads", messages, most, largest, w.puts, len(d.machine.threads))
		if messages > 2*30*(perDay+1) || most > 210 || largest > 64<<10 || len(d.machine.threads) > 200 || len(d.outbox.letters) > mostLetters {
			t.Error("that is more than there may be")
		}
	})
}
