package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twinpath/twinpath/router"
)

// screen remembers what is shown and when.
type screen struct {
	start time.Time
	shown []string
}

func (s *screen) show(text string) error {
	s.shown = append(s.shown, time.Since(s.start).String()+" "+strings.Split(text, "\n")[2])
	return nil
}

func TestAChangeIsShownSoonAndNothingElseTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &screen{start: time.Now()}
		snapshot := working()
		look := func(_ context.Context, now time.Time) State {
			if now.Sub(s.start) >= 62*time.Second {
				snapshot.Sentence = "Internet works, on mobile."
			}
			return State{Snapshot: snapshot}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 16*time.Minute+10*time.Second)
		defer cancel()
		c := &Console{Look: look, Show: s.show, Log: slog.New(slog.DiscardHandler)}
		if err := c.Run(ctx); err != nil {
			t.Fatal(err)
		}
		want := []string{"0s main: Internet works, on fibre.", "1m5s main: Internet works, on mobile.", "16m5s main: Internet works, on mobile."}
		if !slices.Equal(s.shown, want) {
			t.Errorf("shown %q, want %q", s.shown, want)
		}
	})
}

func TestAConsoleThatFailsIsSaidOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		n := 0
		look := func(context.Context, time.Time) State { n++; return State{Version: strings.Repeat("1", n)} }
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		c := &Console{Look: look, Show: func(string) error { return errors.New("no such device") }, Log: slog.New(slog.NewTextHandler(&log, nil))}
		if err := c.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if strings.Count(log.String(), "no such device") != 1 {
			t.Errorf("log:\n%s", log.String())
		}
	})
}

// root is a machine's files.
func root(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestShowWritesToEveryConsole(t *testing.T) {
	dir := root(t, map[string]string{"sys/class/tty/console/active": "tty0 ttyS9 ttyS0\n", "dev/tty0": "", "dev/ttyS0": "", "dev/console": ""})
	err := Show(dir, "one\ntwo\n")
	if err == nil || !strings.HasPrefix(err.Error(), "write to console ttyS9: ") || !strings.HasSuffix(err.Error(), ": no such file or directory") {
		t.Errorf("of the one that is missing: %v", err)
	}
	for name, want := range map[string]string{"tty0": "one\r\ntwo\r\n", "ttyS0": "one\r\ntwo\r\n", "console": ""} {
		if got, _ := os.ReadFile(filepath.Join(dir, "dev", name)); string(got) != want {
			t.Errorf("%s has %q, want %q", name, got, want)
		}
	}
	if err := Show(root(t, map[string]string{"dev/console": ""}), "one\n"); err != nil {
		t.Errorf("without a list: %v", err)
	}
}

// TestAStuckConsoleIsGivenUp has a pipe that nobody empties for a serial line whose other end refuses.
func TestAStuckConsoleIsGivenUp(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	dir := root(t, map[string]string{"sys/class/tty/console/active": "stuck tty0", "dev/tty0": ""})
	if err := os.Symlink(fmt.Sprintf("/proc/self/fd/%d", w.Fd()), filepath.Join(dir, "dev", "stuck")); err != nil {
		t.Fatal(err)
	}
	err = show(dir, strings.Repeat("text\n", 1<<16), 20*time.Millisecond)
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if got, _ := os.ReadFile(filepath.Join(dir, "dev", "tty0")); len(got) == 0 {
		t.Error("the other console got nothing")
	}
}

func TestTheSourceSaysHowLongTheDaemonIsSilent(t *testing.T) {
	var answer *router.Snapshot
	s := &Source{Root: root(t, nil), House: func() House { return house }, Status: func(context.Context) (*router.Snapshot, error) {
		if answer == nil {
			return nil, io.EOF
		}
		return answer, nil
	}}
	silent := func(after time.Duration) time.Time { return s.Look(t.Context(), noon.Add(after)).Silent }
	if got := silent(0); !got.IsZero() {
		t.Errorf("at once: %v", got)
	}
	if got := silent(59 * time.Second); !got.IsZero() {
		t.Errorf("while it starts: %v", got)
	}
	if got := silent(60 * time.Second); !got.Equal(noon) {
		t.Errorf("when it should have started: %v", got)
	}
	answer = working()
	if state := s.Look(t.Context(), noon.Add(70*time.Second)); !state.Silent.IsZero() || state.Snapshot != answer {
		t.Errorf("while it answers: %+v", state)
	}
	answer = nil
	if got := silent(80 * time.Second); !got.Equal(noon.Add(80 * time.Second)) {
		t.Errorf("when it has ended: %v", got)
	}
}

func TestNotices(t *testing.T) {
	const last = "data/system/last.json"
	result := func(outcome, at string) string {
		return `{"outcome": "` + outcome + `", "version": "2", "sentence": "The update did something.", "time": "` + at + `"}`
	}
	for name, c := range map[string]struct {
		files map[string]string
		want  string // beginnings
	}{
		"nothing": {nil, ""},
		"young":   {map[string]string{"proc/uptime": "299.9 1.0\n"}, ""},
		"clock":   {map[string]string{"proc/uptime": "301.2 1.0\n"}, "The clock has not been set"},
		"synced":  {map[string]string{"proc/uptime": "301.2 1.0\n", "run/systemd/timesync/synchronized": ""}, ""},
		"all": {map[string]string{"run/twinpath-image/data-lost": "", "run/twinpath-image/restored": "Restored.", "run/twinpath-image/problems": "Problem."},
			"The part of the disk|Restored.|Problem."},
		"update, today":     {map[string]string{last: result("in use", "2026-11-21T09:00:00Z")}, "The update did"},
		"update, long ago":  {map[string]string{last: result("in use", "2026-11-20T09:00:00Z")}, ""},
		"failure, long ago": {map[string]string{last: result("failed", "2026-11-01T09:00:00Z")}, "The update did"},
		"unreadable":        {map[string]string{last: "{"}, ""},
	} {
		s := &Source{Root: root(t, c.files), House: func() House { return house }, Status: func(context.Context) (*router.Snapshot, error) { return working(), nil }}
		got := s.Look(t.Context(), noon).Notices
		var want []string
		if c.want != "" {
			want = strings.Split(c.want, "|")
		}
		if !slices.EqualFunc(got, want, strings.HasPrefix) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestTheSlotAndSSH(t *testing.T) {
	s := &Source{Version: "1.0", House: func() House { return house }, Status: func(context.Context) (*router.Snapshot, error) { return working(), nil }}
	s.Root = root(t, map[string]string{"proc/cmdline": "quiet twinpath.slot=b twinpath.mode=trial", "data/system/ssh/authorized_keys": "key"})
	text := s.Look(t.Context(), noon).Text()
	for _, phrase := range []string{"Twinpath 1.0, slot B, on trial", "root@192.168.1.1"} {
		if !strings.Contains(text, phrase) {
			t.Errorf("does not say %q:\n%s", phrase, text)
		}
	}
}
