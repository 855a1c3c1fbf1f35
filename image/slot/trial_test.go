package slot

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestAwait: ten seconds in a row, and no longer than asked.
func TestAwait(t *testing.T) {
	ill := errors.New("no daemon answers")
	for name, c := range map[string]struct {
		patience time.Duration
		ill      func(at time.Duration) bool
		takes    time.Duration
		says     string // empty: healthy
	}{
		"healthy at once":      {time.Minute, func(time.Duration) bool { return false }, 10 * time.Second, ""},
		"healthy after a time": {time.Minute, func(at time.Duration) bool { return at < 20*time.Second }, 29 * time.Second, ""},
		"restarts in a loop":   {time.Minute, func(at time.Duration) bool { return at%(8*time.Second) == 0 }, time.Minute, "not healthy for 10s in a row within 1m0s: no daemon answers"},
		"never":                {time.Minute, func(time.Duration) bool { return true }, time.Minute, "within 1m0s: no daemon answers"},
		"no end to patience":   {0, func(at time.Duration) bool { return at < 24*time.Hour }, 24*time.Hour + 9*time.Second, ""},
		"too short a time":     {5 * time.Second, func(time.Duration) bool { return false }, 5 * time.Second, "within 5s: it had no time"},
	} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			err := await(t.Context(), func(context.Context) error {
				if c.ill(time.Since(start)) {
					return ill
				}
				return nil
			}, c.patience)
			if (c.says == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s: %v; want %q", name, err, c.says)
			}
			if took := time.Since(start); took != c.takes {
				t.Errorf("%s: took %s, want %s", name, took, c.takes)
			}
		})
	}
}

func TestAwaitADaemonThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		err := await(t.Context(), func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, 20*time.Second)
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "not healthy") {
			t.Errorf("%v", err)
		}
	})
}

// armed is a machine that has just started the new system on trial.
func armed(t *testing.T) (*world, Boot) {
	t.Helper()
	w := newWorld(t, A, Env{Slot: A, Left: 3}, nil)
	if err := w.install(Boot{Slot: A, Mode: Normal}); err != nil {
		t.Fatal(err)
	}
	boot := w.start()
	if boot.Slot != B || boot.Mode != Trial {
		t.Fatalf("%+v starts", boot)
	}
	return w, boot
}

func TestTheEndsOfAnUpdate(t *testing.T) {
	for name, c := range map[string]struct {
		play    func(w *world, boot Boot) Boot // after the new system has been started; returns the last boot
		outcome Outcome
		says    string
	}{
		"healthy": {func(w *world, boot Boot) Boot {
			w.judge(boot, nil)
			return w.start()
		}, Succeeded, "The update to 2.0 is healthy and stays."},
		"ill": {func(w *world, boot Boot) Boot {
			if restarted, _ := w.judge(boot, errors.New("no daemon answers")); !restarted {
				w.t.Error("it does not restart")
			}
			return w.start()
		}, Failed, "The update to 2.0 did not become healthy (not healthy for 10s in a row within 1m0s: no daemon answers): 1.0 runs as before."},
		"it never runs": {func(w *world, boot Boot) Boot { return w.start() },
			Failed, "The update to 2.0 did not start, or the power failed before it could: 1.0 runs as before."},
		"it crashes": {func(w *world, boot Boot) Boot {
			w.left = 2 // in the middle of its trial, after it has said that it runs
			w.judge(boot, nil)
			w.left, w.dead = forever, false
			w.plates["grubenv"].waiting = nil
			return w.start()
		}, Failed, "The update to 2.0 ended without a word, by a crash or a power cut, before it was known to be healthy: 1.0 runs as before."},
	} {
		synctest.Test(t, func(t *testing.T) {
			w, boot := armed(t)
			boot = c.play(w, boot)
			w.judge(boot, nil)
			if r := w.last(); r.Outcome != c.outcome || r.Sentence != c.says || r.Version != "2.0" || r.Time.IsZero() {
				t.Errorf("%s: %+v; want %q", name, r, c.says)
			}
			if want := map[Outcome]Slot{Succeeded: B, Failed: A}[c.outcome]; boot.Slot != want || boot.Mode != Normal || w.waits() {
				t.Errorf("%s: %+v runs, an update waits: %t", name, boot, w.waits())
			}
		})
	}
}

// TestWhatElseIsSaid: an interrupted update once, and a fall-back at every start.
func TestWhatElseIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, A, Env{Slot: A, Left: 3}, nil)
		w.left = 8
		if err := w.install(Boot{Slot: A, Mode: Normal}); !errors.Is(err, errPowerCut) {
			t.Fatal(err)
		}
		w = w.outcomes()[0]
		boot := w.start()
		w.judge(boot, nil)
		const want = "The update to 2.0 was interrupted: 1.0 runs as before, and the update can simply be done again."
		if r := w.last(); r.Outcome != Interrupted || r.Sentence != want {
			t.Errorf("%+v", r)
		}
		if _, log := w.judge(boot, nil); strings.Contains(log, "interrupted") {
			t.Errorf("said again: %s", log)
		}

		w = newWorld(t, B, Env{Slot: A, Left: 3}, nil)
		boot = w.start()
		w.judge(boot, nil)
		if r := w.last(); boot.Mode != Fallback || r.Outcome != FellBack ||
			r.Sentence != "The system in slot A did not start or did not become healthy: 1.0 in slot B runs instead." {
			t.Errorf("%+v: %+v", boot, r)
		}
	})
}

// TestThreeStarts: without a healthy system in between, the fourth start takes the other slot.
func TestThreeStarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, A, Env{Slot: A, Left: 3}, newImage)
		for range 3 {
			if boot := w.start(); boot.Slot != A || boot.Mode != Normal {
				t.Fatalf("%+v", boot)
			}
		}
		if boot := w.copy().start(); boot.Slot != B || boot.Mode != Fallback {
			t.Fatalf("%+v", boot)
		}
		w.judge(Boot{Slot: A, Mode: Normal}, nil)
		if boot := w.start(); boot.Slot != A || boot.Mode != Normal {
			t.Errorf("after a healthy one: %+v", boot)
		}
	})
}

// TestAnUpdateThatWaitsForItsRestart: the judge of the old system has nothing to say about it.
func TestAnUpdateThatWaitsForItsRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, A, Env{Slot: A, Left: 2}, nil)
		boot := Boot{Slot: A, Mode: Normal}
		if err := w.install(boot); err != nil {
			t.Fatal(err)
		}
		w.judge(boot, nil)
		if !w.waits() {
			t.Error("the update is forgotten")
		}
		if boot := w.start(); boot.Mode != Trial {
			t.Errorf("%+v", boot)
		}
	})
}

// TestOnlineBefore: a house that was online before must be online again.
func TestOnlineBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, boot := armed(t)
		asked := false
		j := &Judge{Boot: boot, Loader: w.loader(), Book: w.book(), Now: time.Now, Log: slog.New(slog.DiscardHandler),
			Ailment: func(_ context.Context, online bool) error { asked = online; return nil }}
		if err := j.Run(t.Context()); err != nil || !asked {
			t.Errorf("asked for online: %t, %v", asked, err)
		}
	})
}

// TestADamagedEnvironment is written anew by a healthy system.
func TestADamagedEnvironment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, boot := range []Boot{{Slot: B, Mode: Normal}, {Slot: B, Mode: Trial, Trial: time.Minute}} {
			w := newWorld(t, B, Env{Slot: B}, nil)
			w.put("grubenv", nil, blockSize)
			w.judge(boot, nil)
			if env, err := w.loader().Load(); err != nil || env.Slot != B || env.Left != Boots {
				t.Errorf("%s: %+v, %v", boot.Mode, env, err)
			}
		}
	})
}

// TestTheJudgeIsStopped by a restart that the owner wants: it commits nothing, and that is no error.
func TestTheJudgeIsStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, boot := armed(t)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		j := &Judge{Boot: boot, Loader: w.loader(), Book: w.book(), Now: time.Now, Log: slog.New(slog.DiscardHandler),
			Ailment: func(context.Context, bool) error { return nil },
			Restart: func(context.Context) error { t.Error("it restarts the machine"); return nil }}
		if err := j.Run(ctx); err != nil {
			t.Error(err)
		}
		if boot := w.start(); boot.Slot != A {
			t.Errorf("%+v starts", boot)
		}
	})
}

// TestWhatWasReceivedIsSwept, unless an update is under way.
func TestWhatWasReceivedIsSwept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, A, Env{Slot: A, Left: 3}, nil)
		left := filepath.Join(w.dir, "incoming", "update")
		if err := errors.Join(os.Mkdir(filepath.Dir(left), 0o700), os.WriteFile(left, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
		claim, err := w.book().Claim()
		if err != nil {
			t.Fatal(err)
		}
		w.judge(Boot{Slot: A, Mode: Normal}, nil)
		if _, err := os.Stat(left); err != nil {
			t.Errorf("it was swept from under an update: %v", err)
		}
		_ = claim.Close()
		w.judge(Boot{Slot: A, Mode: Normal}, nil)
		if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("it is still there: %v", err)
		}
	})
}
