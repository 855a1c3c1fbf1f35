package lab

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/twinpath/twinpath/router"
)

// rationed is quick with a budget for the mobile line.
func rationed(keys string) string {
	return strings.Replace(quick(), "metered   = true\n", "metered   = true\nbudget    = { "+keys+" }\n", 1)
}

// carried is what lte has used and may use, as the daemon tells.
func carried(t *testing.T, b *Box) router.BudgetView {
	t.Helper()
	out, ok := call(t, b, "status", "--json")
	var s router.Snapshot
	if err := json.Unmarshal([]byte(out), &s); !ok || err != nil {
		t.Fatalf("status: %v: %s", err, out)
	}
	for _, w := range s.WANs {
		if w.Name == "lte" && w.Budget != nil {
			return *w.Budget
		}
	}
	return router.BudgetView{}
}

// pour sends about so many bytes from the laptop to the Internet and returns how many left the house's line, IP headers included.
func pour(t *testing.T, h *House, d *Device, least uint64) uint64 {
	t.Helper()
	const payload, headers = 1000, 28
	var sent uint64
	for sent < least {
		before, err := h.discarded()
		must(t, err)
		_, err = h.Throughput(t.Context(), d, payload, 20*time.Millisecond)
		must(t, err)
		after, err := h.discarded()
		must(t, err)
		sent += uint64(after-before) * (payload + headers)
	}
	return sent
}

// TestBudget uses the data of the backup up, with a kill of the daemon on the way: each level is said once, what was used is known
// to the percent, and then the house is slow.
func TestBudget(t *testing.T) {
	t.Parallel()
	tagged := Default()
	tagged.Tag = "budget-"
	h, b, d := home(t, tagged, rationed(`month = "200MB", then = "essential"`))
	await(t, b, "both lines are up", on("fibre"))
	start := time.Now()
	must(t, h.Cut("main", "fibre"))
	await(t, b, "the house is on lte", carriedBy("lte"))
	sleepUntil(start.Add(3 * time.Second)) // the first reading is after a second, and nobody says when
	sent := pour(t, h, d, 110e6)
	awaitEvent(t, b, start, "lte has used 50 % of its 200 MB for this month")
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end) && carried(t, b).Used.Month < sent; time.Sleep(look) { // it was said before the last byte
	}
	if got := carried(t, b).Used; got.Month < sent || got.Month > sent+sent/50 || got.Incident < sent || got.Incident > got.Month {
		t.Errorf("used: %+v, want %d and the checks", got, sent)
	}

	must(t, b.Kill())
	sent += pour(t, h, d, 20e6) // while nobody counts but the kernel
	must(t, b.Restart(t.Context()))
	await(t, b, "the house is on lte again", carriedBy("lte"))
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end) && carried(t, b).Used.Month < sent; {
		time.Sleep(look)
	}
	if got := carried(t, b).Used; got.Month < sent || got.Month > sent+sent/50 || got.Incident < sent {
		t.Errorf("after a kill: %+v, want %d and the checks", got, sent)
	}

	pour(t, h, d, 80e6)
	awaitEvent(t, b, start, "lte has used up its 200 MB for this month: what is essential goes on over it, the rest slowly")
	await(t, b, "it shows", func(s Status) bool { return strings.Contains(s.Sentence, "its data is used up") })
	if v := carried(t, b); v.Class != "essential" || v.Percent < 100 {
		t.Errorf("used up: %+v", v)
	}
	before, err := h.discarded()
	must(t, err)
	const span = 5 * time.Second
	_, err = h.Throughput(t.Context(), d, 1000, span)
	must(t, err)
	after, err := h.discarded()
	must(t, err)
	// 1 Mbit/s, and the burst: a second's worth and 128 KiB.
	if got, most := float64(after-before)*1028, 1.2*((span.Seconds()+1)*125_000+131_072); got > most || got < most/2 {
		t.Errorf("%.0f bytes passed in %s, want some %.0f", got, span, most)
	}
	online(t, d)
	if out, _ := call(t, b, "status"); !strings.Contains(out, "lte has carried 2") || !strings.Contains(out, " of 200 MB this month, until ") {
		t.Errorf("status:\n%s", out)
	}
	said := 0
	for _, e := range history(t, b, start) {
		if e.Kind == router.EventBudget {
			said++
			t.Log(e.Sentence)
		}
	}
	if said != 2 {
		t.Errorf("%d events, want one at half and one at the end", said)
	}
	must(t, h.Plug("main", "fibre"))
	await(t, b, "the house is back on fibre", carriedBy("fibre"))
}

// TestNeverOnTheBackup keeps a device off the backup: it is told at once, and is back with the fibre.
func TestNeverOnTheBackup(t *testing.T) {
	never := quick() + "\n[[policy]]\nsource  = \"192.168.1.100\"\nmetered = \"never\"\n"
	h, b, d := home(t, Default(), never)
	await(t, b, "both lines are up", on("fibre"))
	online(t, d)
	before, err := d.StartStream(t.Context(), StreamInterval)
	must(t, err)
	cut := time.Now()
	must(t, h.Cut("main", "fibre"))
	await(t, b, "the house is on lte", carriedBy("lte"))
	eventually(t, "its connection is ended", func() bool { return before.Result().Cause != nil })
	if r := before.Stop(); !errors.Is(r.Cause, unix.ECONNRESET) || r.Told(cut) > 2*time.Second {
		t.Errorf("its connection, %s after the cut: %s", r.Told(cut), r)
	}
	start := time.Now()
	if from, err := d.Seen(t.Context()); err == nil {
		t.Errorf("it is seen as %s", from)
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("it was told after %s", took)
	}
	if _, err := b.Run("ping -c1 -W1 1.1.1.1"); err != nil {
		t.Errorf("the router itself: %v", err)
	}

	// Allowed, and forbidden again while a connection runs.
	if out, done := call(t, b, "apply", file(t, quick())); !done {
		t.Fatalf("apply: %s", out)
	}
	online(t, d)
	running, err := d.StartStream(t.Context(), StreamInterval)
	must(t, err)
	if out, done := call(t, b, "apply", file(t, never)); !done {
		t.Fatalf("apply: %s", out)
	}
	eventually(t, "its connection is ended", func() bool { return running.Result().Cause != nil })
	if r := running.Stop(); !errors.Is(r.Cause, unix.ECONNRESET) {
		t.Errorf("its connection over lte: %s", r)
	}
	must(t, h.Plug("main", "fibre"))
	await(t, b, "the house is back on fibre", carriedBy("fibre"))
	online(t, d)
}
