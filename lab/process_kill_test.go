package lab

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestKillIsNotFelt(t *testing.T) {
	h, b, d := home(t, Default(), quick())
	await(t, b, "both lines are up", on("fibre"))
	before := footprint(t, b)
	f := busy(t, d)
	for range 3 {
		must(t, b.Kill())
		same(t, "after kill -9", footprint(t, b), before)
		must(t, b.Restart(t.Context()))
		await(t, b, "both lines are up again", on("fibre"))
		settle(t, b, "after the restart", before)
	}
	f.wantUnharmed(t, h.Lines[0])
}

func TestRestartOnTheBackup(t *testing.T) {
	h, b, d := home(t, Default(), quick())
	await(t, b, "both lines are up", on("fibre"))
	must(t, h.Blackhole("fibre", Beyond))
	await(t, b, "the house is on lte", carriedBy("lte"))
	f := busy(t, d)
	c := d.StartConnector(ConnectInterval)
	start := time.Now()
	must(t, b.Kill())
	must(t, b.Restart(t.Context()))
	await(t, b, "fibre is found dead again", func(s Status) bool { return s.Active() == "lte" && s.state("fibre") == "down" })
	for _, e := range history(t, b, start) {
		if e.Kind == "switch" {
			t.Errorf("the restart moved the house: %s", e.Sentence)
		}
	}
	if r := c.Stop(); r.Failed > 0 || r.Tried == 0 {
		t.Errorf("new connections: %s", r)
	}
	f.wantUnharmed(t, h.Lines[1])
}

func TestStopIsNotFelt(t *testing.T) {
	h, b, d := home(t, Default(), quick())
	await(t, b, "both lines are up", on("fibre"))
	before := footprint(t, b)
	f := busy(t, d)
	start := time.Now()
	must(t, b.Stop())
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("SIGTERM took %s, want 2 s at most (design §5)", took)
	}
	if !b.daemon.cmd.ProcessState.Success() {
		t.Errorf("the daemon ended with %s", b.daemon.cmd.ProcessState)
	}
	if _, err := os.Stat(b.Socket()); err == nil {
		t.Error("a clean stop leaves the socket")
	}
	same(t, "while it is stopped", footprint(t, b), before)
	if from, err := d.Seen(t.Context()); err != nil || h.LineOf(from) != "fibre" {
		t.Errorf("while it is stopped a new flow uses %q, %v", h.LineOf(from), err)
	}
	must(t, b.Restart(t.Context()))
	await(t, b, "both lines are up again", on("fibre"))
	settle(t, b, "after the restart", before)
	f.wantUnharmed(t, h.Lines[0])
}

func TestFrozenDaemon(t *testing.T) {
	h, b, d := home(t, Default(), DefaultConfig)
	await(t, b, "both lines are up", on("fibre"))
	f := busy(t, d)
	must(t, b.Pause())
	const frozen = 10 * time.Second // the input of the test
	sleepUntil(time.Now().Add(frozen))
	awake := time.Now()
	must(t, b.Resume())
	f.wantUnharmed(t, h.Lines[0]) // which takes long enough for a wrong verdict
	for _, e := range history(t, b, awake.Add(-frozen)) {
		t.Errorf("after a freeze of %s: %s", frozen, e.Sentence)
	}
}

func TestCablePulledWhileFrozen(t *testing.T) {
	h, b, d := home(t, Default(), quick())
	await(t, b, "both lines are up", on("fibre"))
	must(t, b.Pause())
	must(t, h.Cut("main", "fibre"))
	if _, err := d.Seen(t.Context()); err == nil {
		t.Error("the cable is not cut")
	}
	awake := time.Now()
	must(t, b.Resume())
	await(t, b, "the house is on lte", carriedBy("lte"))
	if took := time.Since(awake); took > time.Second {
		t.Errorf("the cable was noticed %s after the daemon woke up", took)
	}
	online(t, d)
	if from, err := d.Seen(t.Context()); err != nil || h.LineOf(from) != "lte" {
		t.Errorf("new flows use %q, %v", h.LineOf(from), err)
	}
}

// again runs a second daemon on the first one's socket, with another config and state directory, to its end.
func again(t *testing.T, b *Box, state string) (string, error) {
	t.Helper()
	return b.Run(strings.Join([]string{b.binary, "run", "--config", file(t, "[router]\nname = \"other\"\n"),
		"--state", state, "--socket", b.Socket()}, " "))
}

func TestSecondDaemonIsRefused(t *testing.T) {
	h, b, d := home(t, Default(), quick())
	await(t, b, "both lines are up", on("fibre"))
	before := footprint(t, b)
	f := busy(t, d)
	pending := filepath.Join(b.State(), "twinpath.toml.pending")
	if out, done := call(t, b, "apply", "--confirm", "1m", file(t, quick()+"\n")); !done {
		t.Fatalf("apply: %s", out)
	}
	out, err := again(t, b, b.State())
	if err == nil || !strings.Contains(out, b.Socket()+" is in use: another twinpath is running") {
		t.Errorf("a second daemon: %v: %s", err, out)
	}
	if _, err := os.Stat(pending); err != nil {
		t.Errorf("the second daemon took the first one's pending file: %v", err)
	}
	same(t, "after the second daemon", footprint(t, b), before)
	if s, err := b.Status(t.Context()); err != nil || s.Router != "main" {
		t.Errorf("the socket answers as %q, %v", s.Router, err)
	}
	f.wantUnharmed(t, h.Lines[0])
}

func TestStaleSocketIsReplaced(t *testing.T) {
	_, b, _ := home(t, Default(), quick())
	must(t, b.Kill())
	old, err := os.Stat(b.Socket())
	must(t, err)
	b.daemon, err = start(b.space, filepath.Join(b.dir, "log"), b.binary,
		"run", "--config", b.Config(), "--state", b.State(), "--socket", b.Socket())
	must(t, err)
	await(t, b, "it answers on the same socket", func(s Status) bool { return s.Router == "main" })
	if next, err := os.Stat(b.Socket()); err != nil || os.SameFile(old, next) || next.Mode().Perm() != 0o660 {
		t.Errorf("the socket: %v, %v", next, err)
	}
}

func TestStopInTrouble(t *testing.T) {
	h, b, _ := home(t, Default(), quick())
	stop := func(when string) {
		t.Helper()
		start := time.Now()
		must(t, b.Stop())
		if took := time.Since(start); took > 2*time.Second || !b.daemon.cmd.ProcessState.Success() {
			t.Errorf("SIGTERM %s took %s: %s", when, took, b.daemon.cmd.ProcessState)
		}
	}
	stop("right after the start")

	must(t, b.Restart(t.Context()))
	await(t, b, "both lines are up", on("fibre"))
	must(t, h.Blackhole("fibre", Whole))
	await(t, b, "fibre is down", carriedBy("lte"))
	stop("while fibre is being diagnosed")

	must(t, h.StopDHCP("fibre"))
	must(t, h.StopDHCP("lte"))
	must(t, os.RemoveAll(b.State())) // no lease to begin with
	must(t, b.Restart(t.Context()))
	await(t, b, "lte asks for an address", func(s Status) bool { return len(s.WANs) == 2 && s.WANs[1].Address == "" })
	stop("while leases are asked for")
}
