package main

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/twinpath/twinpath/image/slot"
	"github.com/twinpath/twinpath/router"
)

func TestAilment(t *testing.T) {
	for name, c := range map[string]struct {
		snapshot *router.Snapshot
		online   bool // the house was, before the update
		says     string
	}{
		"well":                {&router.Snapshot{Verdict: router.VerdictOK}, true, ""},
		"on the backup":       {&router.Snapshot{Verdict: router.VerdictBackup}, true, ""},
		"offline":             {&router.Snapshot{Verdict: router.VerdictOffline, Sentence: "No Internet."}, true, "the house was online before the update, and is not: No Internet."},
		"not known":           {&router.Snapshot{Verdict: router.VerdictUnknown}, true, "the house was online before the update"},
		"offline before, too": {&router.Snapshot{Verdict: router.VerdictOffline}, false, ""},
		"refused":             {&router.Snapshot{Verdict: router.VerdictOK, Kernel: router.KernelView{Error: "no nft"}}, false, "the kernel refuses a part of the plan: no nft"},
		"silent":              {nil, false, "no daemon answers"},
	} {
		err := ailment(t.Context(), func(context.Context) (*router.Snapshot, error) {
			if c.snapshot == nil {
				return nil, errors.New("no daemon answers")
			}
			return c.snapshot, nil
		}, c.online)
		if (c.says == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v; want %q", name, err, c.says)
		}
	}
}

// TestUpdateAndTrial goes from the command to the committed system, and to the one that cannot have its settings.
func TestUpdateAndTrial(t *testing.T) {
	for name, c := range map[string]struct {
		lost bool
		env  string // after the trial
		says string
	}{
		"healthy":     {false, "slot=b\ntry=\nleft=3\n", "The update to 2.0 is healthy and stays."},
		"no settings": {true, "slot=a\ntry=\nleft=3\n", "(not healthy for 10s in a row within 1m0s: the data partition cannot be mounted)"},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := flashed(t)
			if _, err := b.run(t.Context(), b.update(nil), nil, nil); err != nil {
				t.Fatal(err)
			}
			b.env("slot=a\ntry=\nleft=3\n") // the boot loader has tried it
			b.write("proc/cmdline", "twinpath.slot=b twinpath.mode=trial twinpath.trial=1m")
			b.about("2.0")
			m := b.find()
			m.lost = c.lost
			status := func(context.Context) (*router.Snapshot, error) { return b.snapshot, nil }
			j := newJudge(m, status, slog.New(slog.DiscardHandler))
			restarted := false
			j.Restart = func(context.Context) error { restarted = true; return nil }
			if err := j.Run(t.Context()); err != nil || restarted != c.lost {
				t.Errorf("%s: %v, restarted: %t", name, err, restarted)
			}
			if c.lost {
				b.write("proc/cmdline", "twinpath.slot=a twinpath.mode=normal")
				b.about("1.0")
				if err := finding(b, status).Run(t.Context()); err != nil {
					t.Error(err)
				}
			}
			if !strings.Contains(b.read("boot/loader/twinpath/grubenv"), c.env) {
				t.Errorf("%s: %s", name, strings.TrimRight(b.read("boot/loader/twinpath/grubenv"), "#"))
			}
			if r, _, err := m.book.Last(); err != nil || !strings.Contains(r.Sentence, c.says) {
				t.Errorf("%s: %+v, %v", name, r, err)
			}
		})
	}
}

// finding is the judge of what the box is now.
func finding(b *box, status func(context.Context) (*router.Snapshot, error)) *slot.Judge {
	m := b.find()
	return newJudge(m, status, slog.New(slog.DiscardHandler))
}
