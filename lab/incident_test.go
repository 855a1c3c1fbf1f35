package lab

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/router"
)

// newestOf returns the newest incident of a cause.
func newestOf(t *testing.T, b *Box, cause router.Cause) (router.Incident, bool) {
	t.Helper()
	all := incidents(t, b)
	if i := slices.IndexFunc(all, func(i router.Incident) bool { return i.Cause == cause }); i >= 0 {
		return all[i], true
	}
	return router.Incident{}, false
}

// A stranger speaks for the house's address with less priority, for six seconds: the router that stays Active says so, and when it is over.
func TestTwoActivesAreAnIncident(t *testing.T) {
	t.Parallel()
	home := pairHome()
	home.Clients = append(home.Clients, Client{Name: "printer", Address: "192.168.1.50/24", Gateway: "192.168.1.1"})
	p := brothers(t, home, shared(high), shared(low))
	if i, there := newestOf(t, p.main, router.CauseTwo); there {
		t.Fatalf("before anything happens there is %+v", i)
	}
	const speaks = 6 * time.Second
	began := time.Now()
	if _, err := p.Devices[1].Inject(until(t, speaks), 2, func(int) []byte { return spoofed(50, nil) }); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the conflict is an incident", func() bool {
		i, there := newestOf(t, p.main, router.CauseTwo)
		return there && i.Open() && i.VRRP == "lan51" && strings.Contains(i.Sentence, "is Active, too, with priority 50")
	})
	var over router.Incident
	for limit := began.Add(speaks + 30*time.Second); ; time.Sleep(time.Second) {
		if over, _ = newestOf(t, p.main, router.CauseTwo); !over.Open() {
			break
		}
		if time.Now().After(limit) {
			t.Fatalf("it does not end: %+v", over)
		}
	}
	// Up to ten seconds of silence, and five between two reports of the engine.
	if lasted := time.Duration(over.Lasted); lasted < speaks-2*time.Second || lasted > speaks+18*time.Second {
		t.Errorf("it lasted %s by the incident, %s in truth: %s", lasted, speaks, over.Sentence)
	}
	t.Logf("%s", over.Sentence)
}

// The power is cut in the middle of an outage: the incident goes on afterwards, and says that nobody looked meanwhile.
func TestAnIncidentOutlivesThePower(t *testing.T) {
	t.Parallel()
	h, b, _ := home(t, Default(), withPage())
	await(t, b, "both lines are up", on("fibre"))
	must(t, h.Blackhole("fibre", Beyond))
	var before router.Incident
	eventually(t, "the incident has its ladder", func() (there bool) {
		before, there = newestOf(t, b, router.CauseWAN)
		return there && len(before.Ladder) > 0
	})
	time.Sleep(2 * time.Second) // the store has a second to keep it
	must(t, h.PowerOff("main"))
	must(t, h.PowerOn("main"))
	must(t, b.Restart(t.Context()))
	await(t, b, "lte carries", carriedBy("lte"))
	must(t, h.Heal("fibre"))
	await(t, b, "fibre carries again", on("fibre"))
	var after router.Incident
	eventually(t, "the incident is over", func() bool {
		after, _ = newestOf(t, b, router.CauseWAN)
		return !after.Open()
	})
	t.Logf("%s\n%+v", after.Sentence, after.Steps)
	if after.ID != before.ID || after.Cut || !after.Start.Equal(before.Start) || after.Blame != router.BlameISP {
		t.Errorf("before the power cut it was\n%+v\nafterwards\n%+v", before, after)
	}
	if !slices.ContainsFunc(after.Steps, func(s router.Step) bool { return strings.HasPrefix(s.Sentence, "Nobody looked from ") }) {
		t.Error("it does not say that nobody looked")
	}
	off, there := newestOf(t, b, router.CauseRestart)
	if !there || off.Open() || !strings.HasPrefix(off.Sentence, "Twinpath ended without being asked to: ") {
		t.Errorf("the restart is %+v", off)
	}
}
