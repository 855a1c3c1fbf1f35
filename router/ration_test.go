package router

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/firewall"
)

// usedUp tells the house that the data of lte is used up.
func (h *house) usedUp(class Class) {
	h.t.Helper()
	h.fold(BudgetSeen{WAN: "lte", View: BudgetView{Month: 5e9, Percent: 100, Class: class.String(), Limited: class}})
}

func (h *house) snapshot() *Snapshot {
	return h.state.Snapshot(h.now, "test", h.last)
}

func TestUsedUpForEssentials(t *testing.T) {
	h := settled(t, twoWANs())
	h.dead("fibre", 2*time.Second)
	h.usedUp(Essential)
	h.wantCarrying("lte")
	h.wantVerdict(VerdictBackup, "its data is used up: what is essential goes on, the rest slowly")
	p := h.state.policy(h.last, "lan0")
	if w := p.WANs[1]; !w.Metered || w.Class != firewall.Essential {
		t.Errorf("the firewall gets %+v", w)
	}
	if w := p.WANs[0]; w.Metered || w.Class != firewall.Unclassed {
		t.Errorf("of fibre the firewall gets %+v", w)
	}
	h.usedUp(Unclassed) // a new month
	h.wantVerdict(VerdictBackup, "on the backup lte")
	if s := h.snapshot().Sentence; strings.Contains(s, "used up") {
		t.Errorf("a new month: %s", s)
	}
}

func TestUsedUpForEverybody(t *testing.T) {
	h := settled(t, twoWANs())
	h.usedUp(Never)
	h.wantCarrying("fibre")
	h.wantVerdict(VerdictOK, "Internet works, on fibre.")
	h.degraded("fibre", 60) // lte would be cheaper
	h.wantCarrying("fibre")
	h.usedUp(Always)
	h.wantCarrying("lte")
	h.usedUp(Never)
	h.wantCarrying("fibre")
	h.wantSaid("lte has used up its data")
	h.dead("fibre", 2*time.Second)
	h.wantCarrying("lte") // for this router, and who always may
	h.wantVerdict(VerdictOffline, "lte: "+h.last.Conditions[1].Reason)
	if !strings.Contains(h.last.Conditions[1].Reason, "nobody may use it") {
		t.Errorf("reason: %s", h.last.Conditions[1].Reason)
	}
	h.up("fibre")
	h.wantCarrying("fibre")
	if hold := h.state.line("lte").hold.Until(); !hold.IsZero() {
		t.Errorf("being used up counts as failing: held until %s", hold)
	}
}

// A limit that was meant for a metered line does not outlive that.
func TestALineThatIsNoLongerMeteredIsFree(t *testing.T) {
	h := settled(t, twoWANs())
	h.usedUp(Never)
	cfg := twoWANs()
	cfg.WANs[1].Metered = false
	h.fold(Reconfigured{cfg})
	h.dead("fibre", 2*time.Second)
	h.wantVerdict(VerdictBackup, "on the backup lte")
	if b := h.snapshot().WANs[1].Budget; b != nil {
		t.Errorf("shown: %+v", b)
	}
}

func TestPoliciesOfMeteredLines(t *testing.T) {
	config := twoWANs()
	net := []netip.Prefix{netip.MustParsePrefix("192.168.1.64/26")}
	config.Policies = []Policy{
		{Devices: []string{"02:00:00:00:00:22"}, Metered: Never},
		{Sources: net, Metered: Essential},
		{Destinations: net, WANs: []string{"lte", "fibre"}, Metered: Never},
		{Ports: []firewall.PortRange{{First: 1, Last: 2}}, WANs: []string{"lte"}},
	}
	h := settled(t, config)
	want := func(what string, ways ...string) {
		t.Helper()
		for i, u := range h.state.policy(h.last, "lan0").Uses {
			var names []string
			for _, share := range u.Via {
				names = append(names, config.WANs[share.Mark>>8-1].Name)
			}
			if got := strings.Join(names, " "); got != ways[i] || u.Class != config.Policies[i].Metered {
				t.Errorf("%s: policy %d goes by %q with class %s, want by %q with %s", what, i, got, u.Class, ways[i], config.Policies[i].Metered)
			}
		}
	}
	want("on fibre", "", "", "fibre", "lte")
	h.degraded("fibre", 60)
	h.wantCarrying("lte")
	want("on lte, with fibre no better than usable", "fibre", "", "fibre", "lte")
	h.usedUp(Never)
	h.wantCarrying("fibre")
	want("with lte used up", "", "", "fibre", "")
	h.dead("fibre", 2*time.Second)
	want("on lte alone", "", "", "", "")
}

func TestTheSnapshotShowsTheBudget(t *testing.T) {
	h := settled(t, twoWANs())
	h.usedUp(Essential)
	text, err := json.Marshal(h.snapshot().WANs[1])
	if err != nil || !strings.Contains(string(text), `"budget":{"month":5000000000,"used":{"month":0,"incident":0},"percent":100,"class":"essential"}`) {
		t.Errorf("%s, %v", text, err)
	}
}
