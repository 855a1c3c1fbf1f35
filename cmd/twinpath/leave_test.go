package main

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/web"
)

// leaving is how a drained router of a pair looks.
func leaving(serves bool, left int, vacant bool) *router.Snapshot {
	since := noon
	s := &router.Snapshot{
		Router: "main", Drained: true, DrainedSince: &since, Vacant: vacant,
		VRRP: []router.VRRPSnapshot{{State: "backup"}},
		Pair: &router.PairView{Peer: "192.168.1.3", Linked: true, Left: left, Lines: []router.PartnerLine{{Name: "lte", Usable: true}}},
	}
	if serves {
		s.VRRP[0].State, s.VRRP[0].Holding = "active", true
	}
	return s
}

func TestWhatIsSaidOfADeparture(t *testing.T) {
	before := leaving(true, 9, false)
	before.Drained, before.DrainedSince = false, nil
	alone := leaving(true, 0, false)
	alone.Pair = nil
	at := noon.Local().Format("15:04:05")
	left := func(n int, active bool) *router.Snapshot {
		return &router.Snapshot{Time: noon, WANs: []router.WANSnapshot{{Name: "fibre", Drained: true, Left: &n, Active: active}}}
	}
	for name, c := range map[string]struct {
		wan   string
		wait  time.Duration
		shown []*router.Snapshot
		out   string
		over  bool
	}{
		"at once": {"", 0, []*router.Snapshot{before, leaving(true, 9, false), leaving(false, 9, false)},
			"The house has left main at " + at + ". 9 connections stay with it until they end.\n", true},
		"nobody is at home": {"", 0, []*router.Snapshot{leaving(false, 0, false), leaving(false, 0, true)},
			"Nothing uses main any more: it may be switched off.\n", true},
		"to the end": {"", time.Minute, []*router.Snapshot{leaving(false, 9, false), leaving(false, 8, false), leaving(false, 4, false), leaving(false, 1, false),
			leaving(false, 0, false), leaving(false, 0, true)},
			"The house has left main at " + at + ". 9 connections stay with it until they end.\n4 connections are left.\n1 connection is left.\n" +
				"Nothing uses main any more: it may be switched off.\n", true},
		"not yet":            {"", time.Minute, []*router.Snapshot{leaving(true, 9, false)}, "", false},
		"no pair":            {"", 0, []*router.Snapshot{before, alone}, "", true},
		"no pair, and waits": {"", time.Minute, []*router.Snapshot{before, alone}, "", false},
		"a line": {"fibre", time.Minute, []*router.Snapshot{left(2, true), left(2, false), left(0, false)},
			"The house has left fibre at " + at + ". 2 connections stay with it until they end.\nNothing uses fibre any more: it may be unplugged.\n", true},
	} {
		var out strings.Builder
		d, over := &departure{wan: c.wan, wait: c.wait, out: &out}, false
		for _, s := range c.shown {
			over = d.see(s)
		}
		if out.String() != c.out || over != c.over {
			t.Errorf("%s: over %v, said\n%s\nwant %v\n%s", name, over, out.String(), c.over, c.out)
		}
	}
}

func TestWaitingForTheLastConnection(t *testing.T) {
	p, socket := answering(t)
	p.snapshot = leaving(false, 12, false)
	want := outcome{1, "The house has left main at " + noon.Local().Format("15:04:05") + ". 12 connections stay with it until they end.\n",
		"twinpath drain: after 200ms, 12 connections are still there\n"}
	if got := play(t.Context(), "drain", "--wait=200ms", "--socket", socket); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	p, socket = answering(t)
	p.snapshot = leaving(false, 0, true)
	want = outcome{0, "Nothing uses main any more: it may be switched off.\n", ""}
	if got := play(t.Context(), "drain", "--wait", "--socket", socket); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := play(t.Context(), "drain", "--wait=soon", "--socket", socket); got.status != misused {
		t.Errorf("%+v", got)
	}
}

func TestAStopIsNoRestart(t *testing.T) {
	path := os.Getenv("PATH")
	for said, want := range map[string]bool{
		"echo 812 twinpath.service stop running":    true,
		"echo 812 twinpath.service restart running": false,
		"true":   false, // it was killed
		"exit 1": false, // there is no systemd
	} {
		dir := t.TempDir()
		script := "#!/bin/sh\n[ \"$*\" = 'list-jobs --no-legend --plain twinpath.service' ] && " + said + "\n"
		if err := os.WriteFile(filepath.Join(dir, "systemctl"), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
		t.Setenv("PATH", dir+":"+path)
		if got := stopped(t.Context()); got != want {
			t.Errorf("%s: %v", said, got)
		}
	}
}

func TestAnUpdateThatCannotRestartTakesTheHouseBack(t *testing.T) {
	p, socket := answering(t)
	p.snapshot = leaving(true, 1, false)
	p.moves = func() { p.snapshot = leaving(false, 0, true) }
	departing(t.Context(), web.NewClient(socket), time.Minute, io.Discard)()
	if want := []string{`drain "" off false`, `drain "" off true`}; !slices.Equal(p.got, want) {
		t.Errorf("the daemon got %q, want %q", p.got, want)
	}
}
