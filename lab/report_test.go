package lab

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// outageLength is how long the line of TestReport is dead. With TWINPATH_OUTAGE it is what that says, such as 70s.
func outageLength(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("TWINPATH_OUTAGE")
	if text == "" {
		return 12 * time.Second
	}
	d, err := time.ParseDuration(text)
	must(t, err)
	return d
}

// TestReport has a line die beyond its provider's first router: whoever reads the report can see that it was not the house.
func TestReport(t *testing.T) {
	h, b, d := home(t, Default(), withPage())
	await(t, b, "both lines are up", on("fibre"))
	eventually(t, "the daemon knows its first hop", func() bool { return answers(t, b, "198.51.100.1") })
	lasts := outageLength(t)
	must(t, h.Blackhole("fibre", Beyond))
	began := time.Now()
	await(t, b, "lte carries", carriedBy("lte"))
	time.Sleep(time.Until(began.Add(lasts))) // that it lasts is what is tested
	must(t, h.Heal("fibre"))
	await(t, b, "fibre carries again", on("fibre"))
	took := time.Since(began)

	v := visit(t, browser(t, d))
	v.opens(gatewayPage + "/report?wan=fibre")
	v.reads("Outages of fibre, seen by main")
	row := outageRow(t, b)
	lasted, err := time.ParseDuration(row["length_s"] + "s")
	must(t, err)
	if lasted < lasts-time.Second || lasted > took.Round(100*time.Millisecond) { // which is how it is written
		t.Errorf("the report says that it lasted %s: the line was dead for %s, and back after %s", lasted, lasts, round(took))
	}
	for column, want := range map[string]string{
		"wan": "fibre", "cause": "wan", "state": "down", "blame": "isp", "goes_on": "no", "end_not_seen": "no", "failures": "1",
		"cable": "ok", "address": "ok", "outside": "broken", "last_hop": "198.51.100.1",
	} {
		if row[column] != want {
			t.Errorf("%s is %q, want %q", column, row[column], want)
		}
	}
	if !strings.Contains(row["other_lines"], "lte was up") || !strings.Contains(row["carried_by"], "lte from ") {
		t.Errorf("other lines: %q; carried by %q", row["other_lines"], row["carried_by"])
	}
	text, err := b.Call(t.Context(), "report", "--from", "1h", "--wan", "fibre")
	must(t, err)
	t.Logf("the report:\n%s", text)
	keep(t, "report.txt", text)
	page, err := b.Call(t.Context(), "report", "--from", "1h", "--format", "html")
	must(t, err)
	keep(t, "report.html", page)

	v.looks("report", true)
	v.open(gatewayPage + "/")
	v.reads("fibre down")
	v.click(".timeline .bad summary")
	v.reads("Own side OK: cable")
	v.looks("status-after-an-outage", false)
}

// outageRow is the only outage of fibre by its columns, once the incident is told to its end.
func outageRow(t *testing.T, b *Box) map[string]string {
	t.Helper()
	var records [][]string
	eventually(t, "the incident is told to its end", func() bool {
		text, err := b.Call(t.Context(), "report", "--from", "1h", "--wan", "fibre", "--format", "csv")
		must(t, err)
		records, err = csv.NewReader(strings.NewReader(text)).ReadAll()
		must(t, err)
		return len(records) > 1 && !strings.Contains(text, ",yes,no,")
	})
	if len(records) != 2 {
		t.Fatalf("the report has %d outages, want one: %q", len(records)-1, records)
	}
	row := map[string]string{}
	for n, column := range records[0] {
		row[column] = records[1][n]
	}
	return row
}

// keep puts a text beside the pictures.
func keep(t *testing.T, name, text string) {
	t.Helper()
	dir, err := artefacts()
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
}

// TestEvidencePages looks at what the owner sees of rehearsals and of alerts.
func TestEvidencePages(t *testing.T) {
	config := withPage() + "\n[alert]\n[[alert.to]]\nurl = \"ntfy://192.168.1.1:9/kept-secret\"\n"
	_, b, d := home(t, Default(), config)
	await(t, b, "both lines are up", on("fibre"))
	v := visit(t, browser(t, d))
	v.opens(gatewayPage + "/")
	v.logsIn(gatewayPage)
	v.open(gatewayPage + "/settings/drill?wan=fibre")
	v.reads("Rehearse now")
	v.post("/settings/drill")
	v.awaits(90*time.Second, `/passed|failed/.test(document.querySelector("main").innerText)`)
	v.looks("drill", false)
	v.open(gatewayPage + "/settings/alert")
	v.click("button[name=all]")
	v.awaits(20*time.Second, `document.body.innerText.includes("did not take the test message")`)
	if strings.Contains(v.text("main"), "kept-secret") {
		t.Error("the page has the secret of a channel")
	}
	v.looks("alert-tested", false)
	v.open(gatewayPage + "/")
	v.reads("If it fails:")
	v.looks("status-rehearsed", false)
}
