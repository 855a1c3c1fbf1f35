package lab

import (
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/router"
)

// storyRule is quick with targets on fibre that lte does not ask, and a quorum that keeps fibre usable
// with one answering check: only the cost decides.
func storyRule() string {
	fibre, lte, _ := strings.Cut(quick(), "name      = \"lte\"")
	fibre = strings.NewReplacer("1.1.1.1", "1.0.0.1", "8.8.8.8", "8.8.4.4", "9.9.9.9", "149.112.112.112",
		"rise     = 2\n", "rise     = 2\n  quorum   = 20\n").Replace(fibre)
	return fibre + "name      = \"lte\"" + lte
}

// TestStoryRule is the rule that the project began with: four checks of weight 20, a backup that costs 50.
func TestStoryRule(t *testing.T) {
	h, b, d := home(t, Default(), storyRule())
	await(t, b, "both lines are up", on("fibre"))
	lost := func(n int, carrier string) {
		t.Helper()
		await(t, b, "lost is as wanted", func(s Status) bool { return s.WANs[0].Lost == n && s.Active() == carrier })
		awaitLine(t, h, d, carrier)
	}
	start := time.Now()
	must(t, h.KillTarget("1.0.0.1"))
	lost(20, "fibre")
	must(t, h.KillTarget("8.8.4.4"))
	lost(40, "fibre")
	for _, e := range history(t, b, start) {
		if e.Kind == router.EventSwitch {
			t.Errorf("two dead targets moved the house: %s", e.Sentence)
		}
	}
	must(t, h.KillTarget("149.112.112.112"))
	lost(60, "lte")
	if s, err := b.Status(t.Context()); err != nil || s.state("fibre") != "degraded" || s.Verdict != "backup" {
		t.Errorf("with one answering check fibre is %s, the verdict %s, %v: want degraded and backup", s.state("fibre"), s.Verdict, err)
	}
	must(t, h.ReviveTarget("149.112.112.112"))
	lost(40, "fibre")
	for _, target := range []string{"1.0.0.1", "8.8.4.4"} {
		must(t, h.ReviveTarget(target))
	}
	lost(0, "fibre")
}
