package lab

import (
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/router"
)

// withChecks is quick with other checks on fibre.
func withChecks(checks string) string {
	head, rest, _ := strings.Cut(quick(), "  [[wan.check]]\n")
	_, rest, _ = strings.Cut(rest, "[[wan]]\n")
	return head + checks + "\n[[wan]]\n" + rest
}

const (
	pingsAndDNS = `
  [[wan.check]]
  ping = "1.1.1.1"
  weight = 20

  [[wan.check]]
  ping = "8.8.8.8"
  weight = 20

  [[wan.check]]
  dns = "198.51.100.1"
  weight = 20
`
	pingsAndPage = `
  [[wan.check]]
  ping = "1.1.1.1"
  weight = 20

  [[wan.check]]
  http = "http://203.0.113.10/generate_204"
  weight = 20
`
)

// TestBlame breaks one thing at a time: the events name it and whose fault it is, and the house moves only when it must.
func TestBlame(t *testing.T) {
	for name, c := range map[string]struct {
		config string
		happen func(*House) error
		phrase string // of an event
		blame  router.Blame
		state  string // of fibre in the end
		stays  bool   // the house stays on fibre
	}{
		"cable": {quick(), cut, "fibre is down: no cable in wan0", router.BlameCable, "down", false},
		"first hop": {quick(), hole(Whole), "fibre: the ISP's first router does not answer (198.51.100.1)",
			router.BlameISP, "down", false},
		"outside": {quick(), hole(Beyond), "fibre: the ISP's first router answers, but nothing beyond it",
			router.BlameISP, "down", false},
		"dns": {withChecks(pingsAndDNS), func(h *House) error { return h.KillDNS("fibre") },
			"198.51.100.1 does not answer DNS queries", router.BlameDNS, "degraded", true},
		"portal": {withChecks(pingsAndPage), func(h *House) error { return h.Portal("fibre") },
			"captive portal", router.BlamePortal, "captive", false},
		"one target": {quick(), func(h *House) error { return h.KillTarget("203.0.113.1") },
			"203.0.113.1 alone does not answer: its fault, not the line's", router.BlameTarget, "degraded", true},
	} {
		t.Run(name, func(t *testing.T) {
			h, b, d := home(t, Default(), c.config)
			await(t, b, "both lines are up", on("fibre"))
			eventually(t, "the daemon knows its first hop", func() bool { return answers(t, b, "198.51.100.1") })
			start := time.Now()
			must(t, c.happen(h))
			e := awaitEvent(t, b, start, c.phrase)
			if e.Blame != c.blame || e.WAN != "fibre" {
				t.Errorf("%q blames %q on %s, want %q", e.Sentence, e.Blame, e.WAN, c.blame)
			}
			carries := "lte"
			if c.stays {
				carries = "fibre"
			}
			s := await(t, b, "fibre is "+c.state, func(s Status) bool { return s.state("fibre") == c.state && s.Active() == carries })
			awaitLine(t, h, d, carries)
			for _, e := range history(t, b, start) {
				if c.stays && e.Kind == router.EventSwitch {
					t.Errorf("the house moved: %s", e.Sentence)
				}
			}
			t.Logf("%s → %s", e.Sentence, s.Sentence)
		})
	}
}

func TestNoLease(t *testing.T) {
	h, b := unstarted(t, Default())
	must(t, h.StopDHCP("fibre"))
	start := time.Now()
	must(t, b.Start(t.Context(), built(t), quick()))
	await(t, b, "lte carries meanwhile", carriedBy("lte"))
	awaitLine(t, h, h.Devices[0], "lte")
	e := awaitEvent(t, b, start, "fibre is down: no DHCP server answers")
	if e.Blame != router.BlameISP {
		t.Errorf("%q blames %q, want the provider", e.Sentence, e.Blame)
	}
	must(t, h.StartDHCP(t.Context(), "fibre"))
	await(t, b, "fibre gets its lease and carries", on("fibre"))
}
