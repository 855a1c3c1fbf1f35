package check

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twinpath/twinpath/program"
)

func TestMachine(t *testing.T) {
	c := Check{Fall: 3, Rise: 2}
	for _, test := range []struct{ results, verdicts string }{
		// + a pass, - a miss; then what is known: ? nothing, + passes, - fails; a capital letter is news
		{"+", "P"},
		{"---", "??F"},
		{"--+", "??P"},
		{"--+--+---", "??Ppppp" + "pF"},
		{"---++", "??FfP"},
		{"---+-++", "??FfffP"},
		{"+---+-+-++", "PppFffff" + "fP"},
	} {
		var m Machine
		got := ""
		for _, r := range test.results {
			reason := ""
			if r == '-' {
				reason = "connection refused"
			}
			news := m.Observe(c, reason)
			ok, why, known := m.Verdict()
			letter := map[bool]string{true: "p", false: "f"}[ok]
			if !known {
				letter = "?"
			}
			if news {
				letter = strings.ToUpper(letter)
			}
			if known && (why == "") != ok {
				t.Errorf("%s: ok is %t with reason %q", test.results, ok, why)
			}
			got += letter
		}
		if got != test.verdicts {
			t.Errorf("%s: got %s, want %s", test.results, got, test.verdicts)
		}
	}
}

func TestANewReasonIsNews(t *testing.T) {
	var m Machine
	c := Check{Fall: 1, Rise: 1}
	m.Observe(c, "connection refused")
	if m.Observe(c, "connection refused") || !m.Observe(c, "status 503 instead of 200") {
		t.Error("only another reason is news of a failing check")
	}
}

func TestNames(t *testing.T) {
	for want, c := range map[string]Check{
		"tcp 127.0.0.1:80": {Kind: TCP, Target: "127.0.0.1:80"},
		"proxy":            {Name: "proxy", Kind: Process, Target: "haproxy"},
	} {
		if got := c.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// network is what the checks of a test meet.
type network struct {
	mu       sync.Mutex
	err      error
	looks    int
	verdicts []Verdict
}

func (n *network) probe(context.Context, Check) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.looks++
	return n.err
}

func (n *network) take(v Verdict) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.verdicts = append(n.verdicts, v)
}

func (n *network) change(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.err, n.looks = err, 0
}

func (n *network) said() []Verdict {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.verdicts)
}

func TestRunner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{}
		r := New(n.probe, n.take, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- r.Run(ctx) }()
		web := Watched{"web", Check{Kind: TCP, Target: "127.0.0.1:80", Interval: time.Second, Timeout: time.Second, Fall: 3, Rise: 2}}
		r.Want([]Watched{web})
		synctest.Wait()
		wantLast(t, n, 1, true, "")

		n.change(errors.New("connection refused"))
		time.Sleep(2*time.Second + time.Millisecond)
		wantLast(t, n, 1, true, "")
		time.Sleep(time.Second)
		wantLast(t, n, 2, false, "connection refused")

		n.change(nil)
		mail := web
		mail.Router = "mail"
		r.Want([]Watched{web, mail}) // web goes on undisturbed: it needs two passes
		time.Sleep(time.Second)
		wantLast(t, n, 3, true, "")
		time.Sleep(time.Second)
		wantLast(t, n, 4, true, "")

		r.Want(nil)
		synctest.Wait()
		n.change(context.DeadlineExceeded)
		time.Sleep(time.Minute)
		if n.looks != 0 {
			t.Errorf("%d looks of checks that nobody wants", n.looks)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func wantLast(t *testing.T, n *network, count int, ok bool, reason string) {
	t.Helper()
	said := n.said()
	if len(said) != count || said[count-1].OK != ok || said[count-1].Reason != reason {
		t.Errorf("%d verdicts %+v, want %d, the last one %t %q", len(said), said, count, ok, reason)
	}
}

func TestSilenceIsNamed(t *testing.T) {
	n := &network{err: context.DeadlineExceeded}
	r := New(n.probe, n.take, slog.New(slog.DiscardHandler))
	if got := r.look(t.Context(), Check{Kind: TCP, Timeout: 2 * time.Second}); got != "no answer within 2s" {
		t.Errorf("got %q", got)
	}
}

func TestPrograms(t *testing.T) {
	if err := program.Safe("/bin/sh"); err != nil {
		t.Skip(err) // as in a user namespace of somebody else
	}
	r := New(nil, nil, slog.New(slog.DiscardHandler))
	for _, test := range []struct {
		line    string
		timeout time.Duration
		want    string
	}{
		{"/bin/true", time.Minute, ""},
		{"/bin/sh -c 'echo working; echo queue is full; exit 3'", time.Minute, "exit status 3: queue is full"},
		{"/bin/false", time.Minute, "exit status 1"},
		{"/bin/sleep 60", 50 * time.Millisecond, "not done within 50ms"},
		{"/bin/sh -c 'sleep 60 & wait'", 50 * time.Millisecond, "not done within 50ms"},
		{"/no/such/file", time.Minute, "there is no file /no/such/file"},
	} {
		began := time.Now()
		if got := r.look(t.Context(), Check{Kind: Run, Target: test.line, Timeout: test.timeout}); got != test.want {
			t.Errorf("%s: got %q, want %q", test.line, got, test.want)
		}
		if took := time.Since(began); took > 30*time.Second {
			t.Errorf("%s: took %s", test.line, took)
		}
	}
}

// processes is a /proc in a directory.
type processes struct {
	t    *testing.T
	root string
}

func (p processes) start(pid, stat, cmdline string) {
	p.t.Helper()
	dir := filepath.Join(p.root, pid)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		p.t.Fatal(err)
	}
	for name, text := range map[string]string{"stat": stat, "cmdline": cmdline} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			p.t.Fatal(err)
		}
	}
}

func TestProcesses(t *testing.T) {
	p := processes{t, t.TempDir()}
	p.start("1", "1 (init) S 0 1", "/sbin/init\x00")
	p.start("17", "17 (a) Z b) (c) S 1 17", "")
	p.start("20", "20 (nginx-worker-of) R 1 20", "nginx-worker-of-the-house\x00-g\x00")
	p.start("30", "30 (haproxy) Z 1 30", "")
	p.start("40", "40 (broken", "")
	table := newTable(p.root)
	now := time.Unix(0, 0)
	for name, want := range map[string]bool{
		"init": true, "a) Z b) (c": true, "nginx-worker-of": true, "nginx-worker-of-the-house": true, "haproxy": false, "broken": false, "apache2": false,
	} {
		if got := table.has(name, now, time.Second); got != want {
			t.Errorf("%s runs: %t, want %t", name, got, want)
		}
	}
}

func TestProcessesComeAndGo(t *testing.T) {
	p := processes{t, t.TempDir()}
	p.start("7", "7 (haproxy) S 1 7", "")
	table, now := newTable(p.root), time.Unix(0, 0)
	want := func(running bool) {
		t.Helper()
		now = now.Add(time.Second)
		if got := table.has("haproxy", now, time.Second); got != running {
			t.Errorf("haproxy runs: %t, want %t", got, running)
		}
	}
	want(true)
	p.start("8", "8 (haproxy) S 1 8", "")
	if err := os.RemoveAll(filepath.Join(p.root, "7")); err != nil {
		t.Fatal(err)
	}
	want(true)
	p.start("8", "8 (other) S 1 8", "") // the number is in use again
	want(false)
	p.start("9", "9 (haproxy) S 1 9", "")
	want(true)
	if err := os.RemoveAll(filepath.Join(p.root, "9")); err != nil {
		t.Fatal(err)
	}
	if now = now.Add(time.Millisecond); table.has("haproxy", now, time.Second) {
		t.Error("haproxy is taken to run because of a scan from before its end")
	}
}

// One scan serves everybody who asks about the same time.
func TestAScanIsShared(t *testing.T) {
	p := processes{t, t.TempDir()}
	p.start("7", "7 (haproxy) S 1 7", "")
	table, now := newTable(p.root), time.Unix(0, 0)
	table.has("nobody", now, time.Second)
	p.start("8", "8 (late) S 1 8", "")
	if table.has("late", now.Add(499*time.Millisecond), time.Second) {
		t.Error("/proc was scanned twice within half an interval")
	}
	if !table.has("late", now.Add(500*time.Millisecond), time.Second) {
		t.Error("the scan is older than half an interval and was not repeated")
	}
}
