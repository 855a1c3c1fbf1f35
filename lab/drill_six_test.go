package lab

import (
	"strings"
	"testing"

	"github.com/twinpath/twinpath/router"
)

// TestDrillOfABackupWithIPv6 proves both families, and says what becomes of IPv6 when the backup has none, or one that does not work.
func TestDrillOfABackupWithIPv6(t *testing.T) {
	t.Parallel()
	both := dual()
	both.Tag = "six-"
	both.ISPs[1].IPv6 = "2001:db8:e::/48"
	h, b, _ := home(t, both, quick())
	await(t, b, "both lines are up", on("fibre"))
	for _, wan := range []string{"fibre", "lte"} {
		eventually(t, wan+" has IPv6", func() bool {
			w := wanOf(t, b, wan)
			return w.IPv6 != nil && w.IPv6.State == "up" && w.Path != nil && w.Path.MTU6 > 0
		})
	}
	v, done := rehearse(t, b, "fibre")
	if !done || !v.OK || !strings.Contains(toldOf(v), "IPv6 works on lte, too.") {
		t.Errorf("%+v", v)
	}
	steps := map[string]string{}
	for _, s := range v.Steps {
		if !s.OK {
			t.Errorf("%s fails: %s", s.What, s.Detail)
		}
		steps[s.What] = s.Detail
	}
	for what, want := range map[string]string{
		"ping": "20 of 20 answered", "ping6": "20 of 20 answered", "dns6": EchoAddress6 + " for speed.cloudflare.com", "tls6": "speed.cloudflare.com in", "mtu": "1500 bytes", "mtu6": "1500 bytes",
	} {
		if !strings.Contains(steps[what], want) {
			t.Errorf("%s: %q, want %q", what, steps[what], want)
		}
	}
	must(t, h.Blackhole6("lte", Beyond))
	v, done = rehearse(t, b, "fibre")
	if !done || !v.OK || !strings.Contains(toldOf(v), "IPv6 does not work on lte: no answer. What can uses IPv4.") {
		t.Errorf("without IPv6: %+v", v)
	}
}

// TestAHoleThatADrillFinds is measured at once, and TCP told of it: the next rehearsal passes.
func TestAHoleThatADrillFinds(t *testing.T) {
	t.Parallel()
	tagged := Default()
	tagged.Tag = "found-"
	h, b, _ := home(t, tagged, quick())
	await(t, b, "both lines are up", on("fibre"))
	eventually(t, "lte is measured", func() bool { return pathOf(t, b, "lte").MTU4 == 1500 })
	must(t, h.Narrow("lte", 1400))
	if v, done := rehearse(t, b, "fibre"); done || v.OK {
		t.Errorf("%+v", v)
	}
	if p := measured(t, b, "lte", func(p router.PathView) bool { return p.MTU4 == 1400 }); !p.Hole4 {
		t.Errorf("found out: %+v", p)
	}
	if v, done := rehearse(t, b, "fibre"); !done || !v.OK {
		t.Errorf("%+v", v)
	}
}
