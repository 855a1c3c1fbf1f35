package lab

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/twinpath/twinpath/router"
)

// TestDrillOfAPair has a router with one line: the other router would take over, as far as can be told from here.
func TestDrillOfAPair(t *testing.T) {
	t.Parallel()
	p := build(t, houseHome())
	other := map[string]string{"main": "192.168.1.3", "backup": "192.168.1.2"}
	v := Virtual{ID: 51, Version: 3, Interval: calm, Addresses: []netip.Prefix{virtual}}
	for b, priority := range map[*Box]int{p.backup: low, p.main: high} {
		targets := map[*Box][]string{p.main: mainTargets, p.backup: backupTargets}[b]
		text := houseTOML(b, v.with(priority), targets, quickHealth)
		text += fmt.Sprintf("\n[web]\n\n[pair]\npeer = %q\nsecret = \"a secret of the house\"\n", other[b.Name])
		must(t, b.Start(t.Context(), built(t), text))
	}
	p.held(t, "main")
	seen := func(what string, is func(*router.PairView) bool) {
		t.Helper()
		p.await(t, what, func() bool {
			var s router.Snapshot
			text, err := p.main.Get(t.Context(), "/api/v1/status")
			return err == nil && json.Unmarshal(text, &s) == nil && s.Pair != nil && is(s.Pair)
		})
	}
	seen("main sees the other router, which hears it and is online", func(v *router.PairView) bool {
		return v.Connected && v.HearsUs && v.Verdict == router.VerdictOK
	})
	if v, done := rehearse(t, p.main, "line"); !done || v.Through != "the other router" ||
		v.Sentence != "If line fails, the other router could take over, as far as can be told from here." {
		t.Errorf("%+v", v)
	}
	if out, done := call(t, p.main, "drill", "--full", "line"); done || !strings.Contains(out, `"twinpath drain" moves the house there`) {
		t.Errorf("a full one: %s", out)
	}
	must(t, p.Cut("backup", "lte"))
	seen("main sees that the other router is offline", func(v *router.PairView) bool { return v.Verdict == router.VerdictOffline })
	if v, done := rehearse(t, p.main, "line"); done || !strings.HasPrefix(v.Sentence, "If line fails, the other router could not take over: it has no Internet itself.") {
		t.Errorf("%+v", v)
	}
	must(t, p.PowerOff("backup"))
	seen("main sees that the other router is away", func(v *router.PairView) bool { return !v.Connected })
	if v, done := rehearse(t, p.main, "line"); done || v.Sentence != "If line fails, the other router could not take over: backup does not answer." {
		t.Errorf("%+v", v)
	}
}
