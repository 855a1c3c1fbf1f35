package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/web"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// pretender answers the commands as a daemon does.
type pretender struct {
	mu       sync.Mutex
	snapshot *router.Snapshot
	changed  chan struct{}
	got      []string
	refusal  error
	moves    func() // when the house is to leave the router
}

// answering runs a pretender on a socket until the test ends.
func answering(t *testing.T) (*pretender, string) {
	t.Helper()
	held := noon.Add(time.Minute)
	p := &pretender{changed: make(chan struct{}), snapshot: &router.Snapshot{
		Router: "main", Version: "test", Sentence: "Internet works, on lte, the backup; fibre: no cable in wan0.",
		Verdict: router.VerdictBackup, Since: noon, Time: noon.Add(90 * time.Second),
		WANs: []router.WANSnapshot{
			{Name: "fibre", Kind: "dhcp", Interface: "wan0", State: "down", Lost: 100, Weight: 1, Since: noon, HeldUntil: &held,
				DNS: []string{}, Reason: "no cable in wan0", Checks: []router.CheckSnapshot{
					{Target: "ping 1.1.1.1", OK: true, Weight: 20, RTT: router.Milliseconds(8 * time.Millisecond)},
					{Target: "ping 8.8.8.8", Weight: 20, Reason: "no answer"}}},
			{Name: "lte", Kind: "dhcp", Interface: "wan1", State: "up", Active: true, Cost: 50, Weight: 1, Metered: true,
				Address: "192.0.2.131", Gateway: "192.0.2.1", DNS: []string{"192.0.2.1"}, MTU: 1500,
				RTT: router.Milliseconds(31 * time.Millisecond), Loss: 0.01, Since: noon.Add(-time.Hour), Reason: "4 of 4 checks answer",
				Checks: []router.CheckSnapshot{}},
		},
	}}
	s := &web.Socket{Path: filepath.Join(t.TempDir(), "s"), Handler: (&web.API{Source: p, History: p, Applier: p}).Handler()}
	if err := s.Claim(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var tasks sync.WaitGroup
	tasks.Go(func() { _ = s.Run(ctx) })
	t.Cleanup(func() { cancel(); tasks.Wait() })
	return p, s.Path
}

func (p *pretender) Snapshot() (*router.Snapshot, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.snapshot, p.changed
}

func (p *pretender) note(format string, args ...any) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.got = append(p.got, fmt.Sprintf(format, args...))
	return p.refusal
}

func (p *pretender) Drain(wan string, off bool) error {
	err := p.note("drain %q off %t", wan, off)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.moves != nil && !off {
		p.moves()
	}
	return err
}

func (p *pretender) Confirm() error { return p.note("confirm") }

func (p *pretender) Apply(_ context.Context, name string, text []byte, confirm time.Duration) error {
	return p.note("apply %s %q %s", filepath.Base(name), text, confirm)
}

func (p *pretender) Since(t time.Time) ([]router.Event, error) {
	events := []router.Event{
		{Time: noon, Kind: router.EventWAN, WAN: "fibre", From: "up", To: "down", Blame: router.BlameCable, Sentence: "fibre is down: no cable in wan0."},
		{Time: noon.Add(time.Second), Kind: router.EventSwitch, WAN: "lte", Sentence: "The house moved from fibre to lte."},
	}
	return slices.DeleteFunc(events, func(e router.Event) bool { return e.Time.Before(t) }), nil
}

func TestWishes(t *testing.T) {
	file := write(t, good)
	for _, c := range []struct {
		args []string
		got  string
		out  string
	}{
		{[]string{"drain", "fibre"}, `drain "fibre" off false`, ""},
		{[]string{"resume", "fibre"}, `drain "fibre" off true`, ""},
		{[]string{"resume"}, `drain "" off true`, ""},
		{[]string{"confirm"}, "confirm", ""},
		{[]string{"apply", file}, fmt.Sprintf("apply twinpath.toml %q 0s", good), ""},
		{[]string{"apply", file, "--confirm", "90s"}, fmt.Sprintf("apply twinpath.toml %q 1m30s", good),
			"In use. It goes back in 1m30s unless you say \"twinpath confirm\".\n"},
	} {
		p, socket := answering(t)
		args := append(c.args, "--socket", socket)
		if got := play(t.Context(), args...); got != (outcome{0, c.out, ""}) || !slices.Equal(p.got, []string{c.got}) {
			t.Errorf("%v: %+v; the daemon got %q, want %q", c.args, got, p.got, c.got)
		}
		p.refusal = errors.New("twinpath.toml:3: lan.address: what\nhint: this")
		want := outcome{1, "", "twinpath.toml:3: lan.address: what\nhint: this\n"}
		if got := play(t.Context(), args...); got != want {
			t.Errorf("%v, refused: %+v, want %+v", c.args, got, want)
		}
	}
}

func TestApplyWithABadWait(t *testing.T) {
	p, socket := answering(t)
	got := play(t.Context(), "apply", write(t, good), "--confirm", "1s", "--socket", socket)
	want := outcome{1, "", "confirm: not a duration between 5s and 1h\n"}
	if got != want || len(p.got) > 0 {
		t.Errorf("%+v, want %+v; the daemon got %v", got, want, p.got)
	}
}

func TestStatusPage(t *testing.T) {
	_, socket := answering(t)
	got := play(t.Context(), "status", "--socket", socket)
	if got.status != 0 || got.err != "" {
		t.Fatalf("%+v", got)
	}
	golden(t, "status.txt", got.out)
}

// TestStatusJSON holds other programs' contract (design §5): these keys with these types.
func TestStatusJSON(t *testing.T) {
	_, socket := answering(t)
	got := play(t.Context(), "status", "--json", "--socket", socket)
	var s struct {
		Router, Version, Sentence, Verdict *string
		WANs                               []struct {
			Name, Kind, Interface, State, Address, Gateway, Reason *string
			Active                                                 *bool
			Cost, Lost, MTU                                        *int
			RTT                                                    *float64 `json:"rtt_ms"`
			Loss                                                   *float64
			Since                                                  *time.Time
			Checks                                                 []struct {
				Target *string
				OK     *bool
				Weight *int
				RTT    *float64 `json:"rtt_ms"`
			}
		}
	}
	if err := json.Unmarshal([]byte(got.out), &s); err != nil || got.status != 0 {
		t.Fatalf("%v: %+v", err, got)
	}
	if s.Router == nil || s.Version == nil || s.Sentence == nil || *s.Verdict != "backup" || len(s.WANs) != 2 {
		t.Fatalf("keys are missing: %s", got.out)
	}
	for _, w := range s.WANs {
		if w.Name == nil || w.Kind == nil || w.Interface == nil || w.State == nil || w.Address == nil || w.Gateway == nil || w.Reason == nil ||
			w.Active == nil || w.Cost == nil || w.Lost == nil || w.MTU == nil || w.RTT == nil || w.Loss == nil || w.Since == nil || w.Checks == nil {
			t.Errorf("keys of a WAN are missing: %s", got.out)
		}
	}
	c := s.WANs[0].Checks[0]
	if *c.Target != "ping 1.1.1.1" || !*c.OK || *c.Weight != 20 || *c.RTT != 8 || *s.WANs[1].RTT != 31 {
		t.Errorf("a check is wrong: %s", got.out)
	}
}

func TestStatusWatch(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"page": {[]string{"status", "--watch"}, "Internet works, on fibre.\n"},
		"json": {[]string{"status", "--watch", "--json"}, `"sentence":"Internet works, on fibre."`},
	} {
		p, socket := answering(t)
		ctx, cancel := context.WithCancel(t.Context())
		pages, w := io.Pipe()
		done := make(chan int, 1)
		var problems bytes.Buffer
		go func() {
			done <- execute(ctx, append(c.args, "--socket", socket), stdio{strings.NewReader(""), w, &problems})
			_ = w.Close()
		}()
		seen := make([]byte, 1<<16)
		if n, err := pages.Read(seen); err != nil || !strings.Contains(string(seen[:n]), "on lte, the backup") {
			t.Errorf("%s: the first page is %q, %v", name, seen[:n], err)
		}
		p.set("Internet works, on fibre.")
		if n, err := pages.Read(seen); err != nil || !strings.Contains(string(seen[:n]), c.want) {
			t.Errorf("%s: the second page is %q, %v, want %q", name, seen[:n], err, c.want)
		}
		cancel() // Ctrl-C
		go func() { _, _ = io.Copy(io.Discard, pages) }()
		if status := <-done; status != 0 || problems.Len() > 0 {
			t.Errorf("%s: exit %d, %s", name, status, problems.String())
		}
	}
}

func (p *pretender) set(sentence string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	next := *p.snapshot
	next.Sentence = sentence
	p.snapshot = &next
	close(p.changed)
	p.changed = make(chan struct{})
}

func TestEvents(t *testing.T) {
	_, socket := answering(t)
	got := play(t.Context(), "events", "--socket", socket)
	if lines := strings.Split(got.out, "\n"); got.status != 0 || len(lines) != 3 || !strings.HasSuffix(lines[0], "  wan     fibre is down: no cable in wan0.") {
		t.Errorf("%+v", got)
	}
	got = play(t.Context(), "events", "--since", "2026-11-21T12:00:01Z", "--json", "--socket", socket)
	want := `{"time":"2026-11-21T12:00:01Z","kind":"switch","wan":"lte","sentence":"The house moved from fibre to lte."}` + "\n"
	if got != (outcome{0, want, ""}) {
		t.Errorf("%+v, want %s", got, want)
	}
}

func TestMoment(t *testing.T) {
	for text, want := range map[string]time.Time{
		"":                     {},
		"90m":                  noon.Add(-90 * time.Minute),
		"2026-11-20T20:00:00Z": time.Date(2026, 11, 20, 20, 0, 0, 0, time.UTC),
		"2026-11-20":           time.Date(2026, 11, 20, 0, 0, 0, 0, time.Local),
		"2026-11-20 20:15":     time.Date(2026, 11, 20, 20, 15, 0, 0, time.Local),
	} {
		if got, err := moment(text, noon); err != nil || !got.Equal(want) {
			t.Errorf("%q: %s, %v, want %s", text, got, err, want)
		}
	}
}
