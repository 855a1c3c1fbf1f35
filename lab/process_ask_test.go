package lab

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/router"
)

func TestAskingTheRealDaemon(t *testing.T) {
	h, b, _ := home(t, Default(), quick())
	await(t, b, "both lines are up", on("fibre"))
	out, done := call(t, b, "status", "--json")
	var s router.Snapshot
	if err := json.Unmarshal([]byte(out), &s); err != nil || !done {
		t.Fatalf("%v: %s", err, out)
	}
	if s.Router != "main" || s.Version == "" || s.Verdict != router.VerdictOK || s.Sentence == "" || s.Kernel.Error != "" || len(s.WANs) != 2 {
		t.Errorf("%s", out)
	}
	if s.Since.Location() != time.UTC || time.Since(s.Since) > time.Minute {
		t.Errorf("since %s, want a moment ago in UTC", s.Since)
	}
	for i, w := range s.WANs {
		gateway := h.Lines[i].Gateway().String()
		if w.Name != h.Lines[i].Name || w.Kind != "dhcp" || w.State != "up" || w.Active != (i == 0) || w.Gateway != gateway ||
			w.MTU != 1500 || w.RTT <= 0 || len(w.Checks) != 4 || len(w.DNS) != 1 || w.DNS[0] != gateway || w.Reason == "" {
			t.Errorf("%+v", w)
		}
	}

	out, done = call(t, b, "status")
	if !done || !strings.Contains(out, "Internet works, on fibre") || !strings.Contains(out, "▶") {
		t.Errorf("status: %s", out)
	}
	out, done = call(t, b, "events", "--since", "1m")
	if !done || !strings.Contains(out, "has started.") || !strings.Contains(out, "The house uses ") {
		t.Errorf("events: %s", out)
	}
	if out, done = call(t, b, "events", "--since", "2100-01-01"); !done || out != "" {
		t.Errorf("events of the future: %s", out)
	}
	must(t, b.Stop())
	if out, done = call(t, b, "status"); done || !strings.Contains(out, "no daemon answers at "+b.Socket()) {
		t.Errorf("status of a stopped daemon: done %t: %s", done, out)
	}
}
