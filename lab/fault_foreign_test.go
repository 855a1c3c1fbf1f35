package lab

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/router"
)

// neighbour is another program's table. It must outlive everything of ours.
const neighbour = `table inet neighbour {
	counter seen { }
	chain forward {
		type filter hook forward priority 10; policy accept;
		counter name "seen"
	}
}
`

func neighbourText(t *testing.T, b *Box) string {
	t.Helper()
	out, err := b.Run("nft -s list table inet neighbour")
	must(t, err)
	return out
}

// TestOthersRemoveOurThings is another program that tidies up what it does not know.
func TestOthersRemoveOurThings(t *testing.T) {
	_, b, d := home(t, Default(), quick())
	s := await(t, b, "both lines are up", on("fibre"))
	online(t, d)
	var want string
	for _, c := range []struct{ name, line, text, named string }{
		{"our nft table and everybody else's", "nft flush ruleset", "", "table inet twinpath"},
		{"the default route", "ip route del default", "", "default"},
		{"a WAN's default route", "ip route flush table 20102", "", "20102"},
		{"a rule", "ip rule del priority 20101", "", "20101"},
		{"every rule of ours", "ip rule flush protocol 201", "", "rule"},
		{"the WAN's address", "ip address flush dev wan0", "", s.line("fibre").Address},
		{"the house's address", "ip address flush dev lan0", "", "192.168.1.1/24"},
		{"a chain of the ruleset", "nft -f -", "flush table inet twinpath\n", "table inet twinpath"},
	} {
		if want == "" {
			want = essence(t, b)
		}
		before, err := b.fullStatus(t)
		must(t, err)
		start := time.Now()
		_, err = b.Feed(c.line, c.text)
		must(t, err)
		took := restored(t, b, start, want)
		e := awaitEvent(t, b, start, "Another program removed")
		after, err := b.fullStatus(t)
		must(t, err)
		t.Logf("%s: back after %s: %s", c.name, round(took), e.Sentence)
		if took > time.Second {
			t.Errorf("%s: back after %s, want within a second", c.name, took)
		}
		if e.Blame != router.BlameOther || !strings.Contains(e.Sentence, c.named) {
			t.Errorf("%s: %q blames %q, want %q in it", c.name, e.Sentence, e.Blame, c.named)
		}
		if after.Kernel.Restored <= before.Kernel.Restored {
			t.Errorf("%s: %d objects restored, %d before: it was not counted", c.name, after.Kernel.Restored, before.Kernel.Restored)
		}
		online(t, d)
	}
	await(t, b, "the house stays on fibre", on("fibre"))
}

// essence is what of the footprint is ours, or follows from it.
func essence(t *testing.T, b *Box) string {
	t.Helper()
	var all strings.Builder
	for _, line := range []string{"ip rule", "ip route", "ip route show table 20101", "ip route show table 20102",
		"ip -4 -br address", "nft -s list table inet twinpath"} {
		out, err := b.Run(line)
		fmt.Fprintf(&all, "# %s\n%s%v\n", line, out, err)
	}
	return all.String()
}

// restored waits until the essence is as wanted and returns when that was first seen to begin.
func restored(t *testing.T, b *Box, start time.Time, want string) time.Duration {
	t.Helper()
	for {
		asked := time.Now()
		if got := essence(t, b); got == want {
			return asked.Sub(start) // what has been printed was so when its printing began
		} else if time.Since(start) > 5*time.Second {
			same(t, "5 s after it was removed", got, want)
			return time.Since(start)
		}
	}
}

// TestCleanupLeavesNothing compares the kernel before the first start with the one after cleanup.
func TestCleanupLeavesNothing(t *testing.T) {
	h, b := unstarted(t, Default())
	must(t, ip(b.space, "link set wan0 up\nlink set wan1 up\nlink set lan0 up\naddr add 10.9.9.9/32 dev lan0\nroute add 10.8.0.0/16 dev lan0 metric 5\nrule add priority 77 lookup 77"))
	_, err := b.Feed("nft -f -", neighbour)
	must(t, err)
	theirs := neighbourText(t, b)
	eventually(t, "IPv6 addresses are settled", func() bool {
		out, err := b.Run("ip -6 address")
		return err == nil && !strings.Contains(out, "tentative")
	})
	before := footprint(t, b)
	must(t, b.Start(t.Context(), built(t), quick()))
	await(t, b, "both lines are up", on("fibre"))
	online(t, h.Devices[0])
	must(t, h.Cut("main", "fibre"))
	await(t, b, "the house is on lte", carriedBy("lte"))
	must(t, h.Plug("main", "fibre"))
	await(t, b, "the house is back on fibre", on("fibre"))
	if got := neighbourText(t, b); got != theirs {
		t.Errorf("while the daemon runs the neighbour's table is\n%s\nwant\n%s", got, theirs)
	}
	must(t, b.Stop())
	if out, err := b.Run(b.binary + " cleanup"); err != nil {
		t.Errorf("cleanup: %v: %s", err, out)
	}
	settle(t, b, "after cleanup", before)
	if got := neighbourText(t, b); got != theirs {
		t.Errorf("after cleanup the neighbour's table is\n%s\nwant\n%s", got, theirs)
	}
	if out, err := b.Run(b.binary + " cleanup"); err != nil {
		t.Errorf("a second cleanup: %v: %s", err, out)
	}
	same(t, "after a second cleanup", footprint(t, b), before)
}
