package lab

import (
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ti-mo/conntrack"
)

// reload gives the daemon another boot file and waits until it says what it did.
func reload(t *testing.T, b *Box, config, said string) {
	t.Helper()
	must(t, os.WriteFile(b.Config(), []byte(config), 0o600))
	start := time.Now()
	must(t, b.Reload())
	awaitEvent(t, b, start, said)
}

const changed = "The configuration in use has changed."

func TestReloadMovesTheHouse(t *testing.T) {
	h, b, d := home(t, Default(), quick())
	await(t, b, "both lines are up", on("fibre"))
	f := busy(t, d)
	reload(t, b, swapped(), changed)
	await(t, b, "the house is on lte", on("lte"))
	if from, err := d.Seen(t.Context()); err != nil || h.LineOf(from) != "lte" {
		t.Errorf("a new flow uses %q, %v", h.LineOf(from), err)
	}
	f.wantUnharmed(t, h.Lines[0])
}

func TestReloadOfTheSame(t *testing.T) {
	h, b, d := home(t, Default(), quick())
	await(t, b, "both lines are up", on("fibre"))
	before := footprint(t, b)
	f := busy(t, d)
	for n := range 3 {
		must(t, b.Reload())
		await(t, b, "both lines are still up, the file is read again", func(s Status) bool {
			return on("fibre")(s) && strings.Count(b.Log(), "configuration reloaded") == n+1
		})
		same(t, "after a reload of the same", footprint(t, b), before)
	}
	f.wantUnharmed(t, h.Lines[0])
}

func TestReloadOfNonsense(t *testing.T) {
	h, b, d := home(t, Default(), quick())
	await(t, b, "both lines are up", on("fibre"))
	before := footprint(t, b)
	f := busy(t, d)
	bad := strings.Replace(quick(), "cost      = 50", "cost      = \"much\"", 1)
	reload(t, b, bad, "was not taken over, the running one stays: "+b.Config()+":")
	if !strings.Contains(b.Log(), "reload refused") {
		t.Error("the log does not say so")
	}
	await(t, b, "both lines are still up", on("fibre"))
	same(t, "after a bad file", footprint(t, b), before)
	f.wantUnharmed(t, h.Lines[0])
}

func TestLineAddedAndRemoved(t *testing.T) {
	h, b, d := home(t, Default(), without(t, quick(), "lte"))
	await(t, b, "fibre is up", on("fibre"))
	alone := footprint(t, b)
	f := busy(t, d)
	reload(t, b, quick(), changed)
	await(t, b, "both lines are up", func(s Status) bool { return len(s.WANs) == 2 && on("fibre")(s) })
	reload(t, b, without(t, quick(), "lte"), changed)
	await(t, b, "fibre is left", func(s Status) bool { return len(s.WANs) == 1 && on("fibre")(s) })
	eventually(t, "lte's lease is given back", func() bool { return strings.Contains(h.Lines[1].dhcp.output(), "DHCPRELEASE") })
	settle(t, b, "after lte was added and removed", alone)
	f.wantUnharmed(t, h.Lines[0])
}

func TestFirstLineRemoved(t *testing.T) {
	h, b, d := home(t, Default(), swapped())
	await(t, b, "the house is on lte", on("lte"))
	f := busy(t, d)
	reload(t, b, without(t, swapped(), "fibre"), changed)
	await(t, b, "lte is left", func(s Status) bool { return len(s.WANs) == 1 && on("lte")(s) })
	out, err := b.Run("ip -br -4 address show dev wan0")
	must(t, err)
	if strings.Contains(out, "198.51.100.") {
		t.Errorf("fibre's address is left: %s", out)
	}
	must(t, b.Kill()) // and started again it counts the lines anew
	must(t, b.Restart(t.Context()))
	await(t, b, "lte is up again", on("lte"))
	f.wantUnharmed(t, h.Lines[1])
}

func TestApplyGoesBack(t *testing.T) {
	_, b, _ := home(t, Default(), quick())
	await(t, b, "both lines are up", on("fibre"))
	before := footprint(t, b)
	start := time.Now()
	out, done := call(t, b, "apply", file(t, swapped()), "--confirm", "5s")
	if !done || !strings.Contains(out, `It goes back in 5s unless you say "twinpath confirm".`) {
		t.Fatalf("apply: %s", out)
	}
	await(t, b, "the house is on lte", on("lte"))
	if out, _ := call(t, b, "status"); !strings.Contains(out, `waits for "twinpath confirm" until`) {
		t.Errorf("the status does not say that it waits: %s", out)
	}
	out, done = call(t, b, "apply", file(t, quick()))
	if done || !strings.Contains(out, "another configuration waits for its confirmation") {
		t.Errorf("a second apply: done %t: %s", done, out)
	}
	awaitEvent(t, b, start, "Nobody confirmed the new configuration: the old one is in use again.")
	if took := time.Since(start); took < 5*time.Second || took > 7*time.Second {
		t.Errorf("it went back after %s, want 5 s", took)
	}
	await(t, b, "the house is back on fibre", on("fibre"))
	settle(t, b, "after it went back", before)
	if text, err := os.ReadFile(b.Config()); err != nil || string(text) != quick() {
		t.Errorf("the boot file has changed: %v", err)
	}
	if out, done := call(t, b, "confirm"); done || !strings.Contains(out, "no configuration waits") {
		t.Errorf("a late confirm: done %t: %s", done, out)
	}
}

func TestConfirmStays(t *testing.T) {
	_, b, _ := home(t, Default(), quick())
	await(t, b, "both lines are up", on("fibre"))
	start := time.Now()
	if out, done := call(t, b, "apply", file(t, swapped()), "--confirm", "5s"); !done {
		t.Fatalf("apply: %s", out)
	}
	if out, done := call(t, b, "confirm"); !done || out != "" {
		t.Errorf("confirm: done %t: %s", done, out)
	}
	if text, err := os.ReadFile(b.Config()); err != nil || string(text) != swapped() {
		t.Errorf("the boot file is not the confirmed one: %v", err)
	}
	sleepUntil(start.Add(5*time.Second + 500*time.Millisecond)) // past the moment at which it would have gone back
	await(t, b, "the house stays on lte", on("lte"))
	for _, e := range history(t, b, start) {
		if strings.Contains(e.Sentence, "Nobody confirmed") {
			t.Errorf("a confirmed config: %s", e.Sentence)
		}
	}
}

func TestKillWhilePending(t *testing.T) {
	_, b, _ := home(t, Default(), quick())
	await(t, b, "both lines are up", on("fibre"))
	before := footprint(t, b)
	if out, done := call(t, b, "apply", file(t, swapped()), "--confirm", "1m"); !done {
		t.Fatalf("apply: %s", out)
	}
	await(t, b, "the house is on lte", on("lte"))
	must(t, b.Kill())
	must(t, b.Restart(t.Context()))
	await(t, b, "the old config is in use", on("fibre"))
	settle(t, b, "after the crash", before)
	if !strings.Contains(b.Log(), "discarded a configuration that nobody had confirmed") {
		t.Error("the log does not say so")
	}
}

func TestApplyOfNonsense(t *testing.T) {
	_, b, _ := home(t, Default(), quick())
	await(t, b, "both lines are up", on("fibre"))
	before := footprint(t, b)
	for want, text := range map[string]string{
		":2: router.nmae: is not a known key": strings.Replace(quick(), "name = \"main\"", "nmae = \"main\"", 1),
		":1: ":                                "[router\n",
	} {
		name := file(t, text)
		out, done := call(t, b, "apply", name)
		if done || !strings.Contains(out, name+want) {
			t.Errorf("done %t, %q does not say %s%s", done, out, name, want)
		}
	}
	await(t, b, "both lines are still up", on("fibre"))
	same(t, "after bad files", footprint(t, b), before)
	if text, err := os.ReadFile(b.Config()); err != nil || string(text) != quick() {
		t.Errorf("the boot file has changed: %v", err)
	}
}

func TestDrainAndResume(t *testing.T) {
	h, b, d := home(t, Default(), quick())
	await(t, b, "both lines are up", on("fibre"))
	f := busy(t, d)
	start := time.Now()
	if out, done := call(t, b, "drain", "cable"); done || !strings.Contains(out, `"cable": there is no such WAN`) {
		t.Errorf("drain of an unknown line: done %t: %s", done, out)
	}
	if out, done := call(t, b, "drain", "fibre"); !done {
		t.Fatalf("drain: %s", out)
	}
	await(t, b, "new flows use lte", carriedBy("lte"))
	if from, err := d.Seen(t.Context()); err != nil || h.LineOf(from) != "lte" {
		t.Errorf("a new flow uses %q, %v", h.LineOf(from), err)
	}
	awaitEvent(t, b, start, "fibre is being drained")
	f.wantUnharmed(t, h.Lines[0])

	// The flows have ended; what conntrack still remembers of them need not be waited for.
	forget(t, b)
	awaitEvent(t, b, start, "fibre is drained: nothing uses it any more")
	eventually(t, "fibre's lease is given back", func() bool { return strings.Contains(h.Lines[0].dhcp.output(), "DHCPRELEASE") })
	eventually(t, "fibre's address is gone", func() bool { return !has(t, b, "wan0", h.Lines[0]) })
	online(t, d)

	if out, done := call(t, b, "resume", "fibre"); !done {
		t.Fatalf("resume: %s", out)
	}
	await(t, b, "the house is back on fibre", on("fibre"))
	if from, err := d.Seen(t.Context()); err != nil || h.LineOf(from) != "fibre" {
		t.Errorf("a new flow uses %q, %v", h.LineOf(from), err)
	}
}

// has reports whether an interface of the box has an address of a line.
func has(t *testing.T, b *Box, device string, l *Line) bool {
	t.Helper()
	out, err := b.Run("ip -br -4 address show dev " + device)
	must(t, err)
	return slices.ContainsFunc(strings.Fields(out), func(word string) bool {
		p, err := netip.ParsePrefix(word)
		return err == nil && l.Carries(p.Addr())
	})
}

// forget empties the box's table of connections.
func forget(t *testing.T, b *Box) {
	t.Helper()
	must(t, b.space.Do(func() error {
		c, err := conntrack.Dial(nil)
		if err != nil {
			return err
		}
		defer c.Close()
		return c.Flush()
	}))
}
