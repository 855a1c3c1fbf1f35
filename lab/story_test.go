package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// naive stands in for the daemon: it knows the state of the lines from the lab itself, moves everything at once and
// tells only those who speak. So the story must find its failures clean and its returns broken.
type naive struct {
	h  *House
	b  *Box
	mu sync.Mutex
	on string
}

func (n *naive) decide(t *testing.T) {
	on := "fibre"
	l := n.h.Lines[0]
	l.mu.Lock()
	dead := l.weather.dead != Alive
	l.mu.Unlock()
	if dead || !carrier(t, n.b, "wan0") {
		on = "lte"
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if on != n.on {
		n.on = on
		if err := n.b.SetUp(ByHand{ISP: on, Masquerade: true}); err != nil {
			t.Error(err)
		}
	}
}

func (n *naive) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	n.mu.Lock()
	defer n.mu.Unlock()
	_ = json.NewEncoder(w).Encode(Status{Router: "main", Sentence: "Internet works, on " + n.on + ".", WANs: []WANStatus{
		{Name: "fibre", State: "up", Active: n.on == "fibre"}, {Name: "lte", State: "up", Active: n.on == "lte"}}})
}

// run decides every 20 ms until ctx ends, and answers on the box's socket.
func (n *naive) run(ctx context.Context, t *testing.T) {
	listener, err := net.Listen("unix", n.b.Socket())
	must(t, err)
	server := &http.Server{Handler: n}
	var tasks sync.WaitGroup
	tasks.Go(func() { _ = server.Serve(listener) })
	tasks.Go(func() {
		for ctx.Err() == nil {
			n.decide(t)
			_ = pause(ctx, 20*time.Millisecond)
		}
	})
	t.Cleanup(func() { _ = server.Close(); tasks.Wait() })
}

// midStream makes the router reset connections that it does not know, as every one is after a move.
const midStream = `table ip told { chain f { type filter hook forward priority 0
	iifname "lan0" ct state new tcp flags & (fin|syn|rst|ack) != syn reject with tcp reset; }; }
`

func TestPlayMeasuresTheTruth(t *testing.T) {
	h, b, _ := plain(t, "fibre")
	_, err := b.Feed("nft -f -", midStream)
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	(&naive{h: h, b: b, on: "fibre"}).run(ctx, t)
	t.Cleanup(cancel)

	var out bytes.Buffer
	story, err := Play(ctx, &out, h, b)
	t.Log(out.String())
	must(t, err)
	if len(story.Chapters) != 4 || story.Kept() {
		t.Fatalf("%d chapters, kept %t: want 4, some promises broken", len(story.Chapters), story.Kept())
	}
	for i, want := range []string{"lte", "fibre", "lte", "fibre"} {
		c := story.Chapters[i]
		if c.Line != want {
			t.Errorf("%s: new flows use %s, want %s", c.Title, c.Line, want)
		}
		if c.UDP.Gap > time.Second || len(c.UDP.Via) != 2 {
			t.Errorf("%s: %s, want a short gap and two lines", c.Title, c.UDP)
		}
		if c.Stream.Cause == nil || c.Told > time.Second {
			t.Errorf("%s: %s, told %s: want a reset", c.Title, c.Stream, c.Told)
		}
		if c.Kept() {
			t.Errorf("%s: its promise counts as kept though nobody told the idle connection", c.Title)
		}
	}
	for _, want := range []string{"never told", "broke ", "told ≤ 500ms: BROKEN", "nothing lost: BROKEN"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the story does not say %q", want)
		}
	}
}

func TestKept(t *testing.T) {
	broken := StreamResult{Sent: 9, Answered: 8, Stall: time.Millisecond, Cause: net.ErrClosed}
	alive := StreamResult{Sent: 9, Answered: 8, Stall: 30 * time.Millisecond}
	idle := StreamResult{Sent: 2, Answered: 2}
	failure := Chapter{Broken: true, Promise: HolePromise, Stream: broken, Idle: broken, UDP: UDPResult{Lost: 9, Gap: time.Second}}
	comeback := Chapter{Stream: alive, Idle: idle}
	for name, c := range map[string]struct {
		chapter Chapter
		change  func(*Chapter)
		kept    bool
	}{
		"good failure":    {failure, func(*Chapter) {}, true},
		"long gap":        {failure, func(c *Chapter) { c.UDP.Gap = HolePromise + 1 }, false},
		"stream not told": {failure, func(c *Chapter) { c.Stream.Cause = nil }, false},
		"idle told late":  {failure, func(c *Chapter) { c.ToldIdle = ToldPromise + 1 }, false},
		"idle spared":     {failure, func(c *Chapter) { c.Spare, c.Took, c.ToldIdle = SparePromise, time.Second, 2*time.Second }, true},
		"idle forgotten":  {failure, func(c *Chapter) { c.Spare, c.Took, c.ToldIdle = SparePromise, time.Second, 3*time.Second }, false},
		"told before":     {failure, func(c *Chapter) { c.Told = -time.Second }, true},
		"good return":     {comeback, func(*Chapter) {}, true},
		"one lost":        {comeback, func(c *Chapter) { c.UDP.Lost = 1 }, false},
		"stream broke":    {comeback, func(c *Chapter) { c.Stream = broken }, false},
		"stream stalled":  {comeback, func(c *Chapter) { c.Stream.Stall = time.Minute }, false},
		"idle is mute":    {comeback, func(c *Chapter) { c.Idle.Answered = 1 }, false},
		"connect failed":  {comeback, func(c *Chapter) { c.Connect.Failed = 1 }, false},
	} {
		c.change(&c.chapter)
		if got := c.chapter.Kept(); got != c.kept {
			t.Errorf("%s: kept %t, want %t", name, got, c.kept)
		}
	}
	if (Story{}).Kept() {
		t.Error("an empty story keeps its promises")
	}
}

func TestPrompt(t *testing.T) {
	h, b, _ := plain(t, "fibre")
	say := func(lines string) string {
		var out bytes.Buffer
		must(t, Interactive(t.Context(), strings.NewReader(lines), &out, h))
		return out.String()
	}
	for _, c := range []struct{ line, want string }{
		{"help", "pull its cable"},
		{"cut", "usage: cut LINE"},
		{"cut dsl", "main has no cable to dsl"},
		{"fly", `no such order: fly (try "help")`},
		{"kill main", "the daemon is not running"},
		{"lose fibre many", "invalid syntax"},
		{"shell attic", `no host is named "attic"`},
		{"status", "by fibre"},
	} {
		if got := say(c.line + "\n"); !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q in it", c.line, got, c.want)
		}
	}
	program := filepath.Join(t.TempDir(), "shell")
	must(t, os.WriteFile(program, []byte("#!/bin/sh\nip -br address show eth0\n"), 0o755))
	t.Setenv("SHELL", program)
	if got := say("shell laptop\n"); !strings.Contains(got, "192.168.1.100/24") {
		t.Errorf("a shell on the laptop does not see its address: %q", got)
	}
	say("cut fibre\nquit\nplug fibre\n")
	if carrier(t, b, "wan0") {
		t.Error("the cable is not cut, or an order after quit was obeyed")
	}
}

func TestCommandUsage(t *testing.T) {
	for _, args := range [][]string{{"extra"}, {"--runs", "0"}, {"--no-such"}, {"--play", "--no-story"}, {"--page", "70000"}} {
		var out bytes.Buffer
		if got := Command(t.Context(), args, strings.NewReader(""), &out, Setting{Binary: "/bin/false"}); got != 2 {
			t.Errorf("%v: exit %d, want 2: %s", args, got, out.String())
		}
	}
	var out bytes.Buffer
	if got := Command(t.Context(), []string{"--play"}, strings.NewReader(""), &out, Setting{Binary: "/bin/false"}); got != 1 {
		t.Errorf("a daemon that ends at once: exit %d, want 1", got)
	}
	if !strings.Contains(out.String(), "/bin/false ended at once: exit status 1") {
		t.Errorf("it does not say why: %s", out.String())
	}
}

func TestPrintRuns(t *testing.T) {
	run := func(gap time.Duration, lost int) Story {
		return Story{Chapters: []Chapter{
			{Title: "gone", Broken: true, UDP: UDPResult{Gap: gap, Lost: lost}, Told: -time.Second, Took: time.Second},
			{Title: "back", Took: 8 * time.Second}}}
	}
	var out bytes.Buffer
	printRuns(&out, []Story{run(300*time.Millisecond, 150), run(10*time.Millisecond, 5), run(20*time.Millisecond, 10)})
	want := `3 runs, median / worst  UDP gap       lost      TCP told  idle TCP told  carried after  
gone                    20ms / 300ms  10 / 150  0s / 0s   0s / 0s        1s / 1s        
back                    0s / 0s       0 / 0     -         -              8s / 8s        
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}
