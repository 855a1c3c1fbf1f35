package lab

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// tellingPair is a pair whose routers tell the same Inbox, past the time in which they tell nobody.
func tellingPair(t *testing.T) (*House, *Inbox) {
	t.Helper()
	home := Pair()
	home.Routers[1].Upstairs = true
	home.Tag = fmt.Sprintf("a%d-", tags.Add(1))
	h, err := Build(t.Context(), home)
	must(t, err)
	t.Cleanup(h.Close)
	inbox, err := h.OpenInbox(8443)
	must(t, err)
	for _, b := range h.Boxes {
		t.Cleanup(func() {
			if t.Failed() {
				t.Logf("log of %s:\n%s", b.Name, b.Log())
			}
		})
	}
	must(t, startPair(t.Context(), h, built(t), func(router string) string {
		return quickPair(router) + PairPageConfig(router) + alerting
	}))
	is := func(state string, sender bool) func(Status) bool {
		return func(s Status) bool {
			return s.All("up") && len(s.VRRP) > 0 && s.VRRP[0].State == state && s.Alerts.Sender == sender && s.Pair.Connected
		}
	}
	await(t, h.Boxes[0], "main serves the house, and tells", is("active", true))
	await(t, h.Boxes[1], "backup does not", is("backup", false))
	sleepUntil(time.Now().Add(2 * alertWait))
	return h, inbox
}

// TestAPairTellsOnce has the main router's line die, and come back: both routers see it, one of them tells.
func TestAPairTellsOnce(t *testing.T) {
	t.Parallel()
	h, inbox := tellingPair(t)
	cut := time.Now()
	must(t, h.Blackhole("fibre", Beyond))
	first := notices(t, inbox, 1)[0]
	if first.Line != "lte" || first.Resolved || first.Fields["cause"] != "wan" || !strings.Contains(first.Title+first.Text, "fibre") {
		t.Errorf("the first: %s %v", first, first.Fields)
	}
	around(t, "start", first.at(t, "start"), cut)
	onlyThose(t, inbox, 1)
	must(t, h.Heal("fibre"))
	last := notices(t, inbox, 2)[1]
	if !last.Resolved || !strings.Contains(last.Title+last.Text, "fibre") {
		t.Errorf("the last: %s %v", last, last.Fields)
	}
	onlyThose(t, inbox, 2)
	t.Logf("\n%s\n%s", first, last)

	must(t, h.PowerOff("main"))
	lost := notices(t, inbox, 3)[2]
	if lost.Fields["cause"] != "peer" || lost.Fields["router"] != "backup" {
		t.Errorf("the one that is left: %s %v", lost, lost.Fields)
	}
	onlyThose(t, inbox, 3)
	t.Log(lost)
	discreet(t, h.Boxes[1], inboxSecret, "known to both in the lab")
}

// TestASplitBrainIsToldOnce cuts the LAN between the two: both serve the house and see the same, and they find each other over their lines.
func TestASplitBrainIsToldOnce(t *testing.T) {
	t.Parallel()
	h, inbox := tellingPair(t)
	must(t, h.CutTrunk())
	notices(t, inbox, 1)
	sleepUntil(time.Now().Add(8 * alertWait))
	all := opened(t, inbox.Taken("/"+inboxSecret))
	causes := map[string]int{}
	for _, n := range all {
		causes[n.Fields["cause"]]++
		t.Log(n)
		if n.Line != "fibre" || n.Resolved {
			t.Errorf("told by %s: %s", n.Line, n)
		}
	}
	if causes["two-actives"] != 1 || len(all) != 1 {
		t.Errorf("of a split brain is told %v", causes)
	}
	must(t, h.PlugTrunk())
	for _, b := range h.Boxes {
		await(t, b, "they are linked again", func(s Status) bool { return s.Pair.Linked })
	}
	again := notices(t, inbox, 2*len(all))[len(all):]
	for _, n := range again {
		t.Log(n)
		if !n.Resolved {
			t.Errorf("told again: %s", n)
		}
	}
	onlyThose(t, inbox, 2*len(all))
}
