package report

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/html"

	"github.com/twinpath/twinpath/router"
)

// written is a report in one form.
func written(t *testing.T, form func(io.Writer, Report) error, r Report) string {
	t.Helper()
	var b strings.Builder
	if err := form(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestForms(t *testing.T) {
	line := month()
	line.WAN = "fibre"
	quiet := Facts{Router: "main", Version: "1.0", From: ago(24 * time.Hour), To: noon, Now: noon, Zone: cet, WANs: []string{"fibre"}}
	for name, f := range map[string]Facts{"month": month(), "fibre": line, "quiet": quiet} {
		r := Make(f)
		golden(t, name+".txt", written(t, Text, r))
		golden(t, name+".csv", written(t, CSV, r))
		golden(t, name+".html", written(t, HTML, r))
	}
}

func TestTextFitsATerminal(t *testing.T) {
	f := month()
	f.Incidents[0].Sentence = strings.Repeat("word ", 40) + strings.Repeat("x", 300)
	for line := range strings.SplitSeq(written(t, Text, Make(f)), "\n") {
		if n := utf8.RuneCountInString(line); n > columns {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

func TestCounts(t *testing.T) {
	at := func(from, to int) router.Incident {
		return router.Incident{Cause: router.CauseWAN, WAN: "a", State: "down", Clock: true, Start: noon.Add(time.Duration(from) * time.Minute), End: noon.Add(time.Duration(to) * time.Minute)}
	}
	off := at(20, 40)
	off.Cause, off.WAN = router.CauseRestart, ""
	cut := at(15, 40)
	cut.Cut, cut.Lasted = true, secs(5*time.Minute)
	drops := at(0, 50)
	drops.Drops, drops.Lasted = 3, secs(10*time.Minute)
	open := at(90, 0)
	open.End = time.Time{}
	weak := at(10, 30)
	weak.State = "degraded"
	over := at(-60, 10)
	unsure := at(0, 100)
	unsure.Cause = router.CauseUnsure
	for name, c := range map[string]struct {
		incidents []router.Incident
		gaps      []Span
		want      string // outages, down, longest, degraded, available, watched
	}{
		"nothing":                      {nil, nil, "0 0s 0s 0s 100 % 1h40m0s"},
		"one":                          {[]router.Incident{at(0, 10)}, nil, "1 10m0s 10m0s 0s 90 % 1h40m0s"},
		"two at a time count once":     {[]router.Incident{at(0, 10), at(5, 10)}, nil, "2 10m0s 10m0s 0s 90 % 1h40m0s"},
		"begins before":                {[]router.Incident{over}, nil, "1 10m0s 1h10m0s 0s 90 % 1h40m0s"},
		"goes on":                      {[]router.Incident{open}, nil, "1 10m0s 10m0s 0s 90 % 1h40m0s"},
		"weak":                         {[]router.Incident{weak}, nil, "0 0s 0s 20m0s 100 % 1h40m0s"},
		"unstable is told elsewhere":   {[]router.Incident{unsure}, nil, "0 0s 0s 0s 100 % 1h40m0s"},
		"off":                          {[]router.Incident{off, at(0, 8)}, nil, "1 8m0s 8m0s 0s 90 % 1h20m0s"},
		"what worked in between":       {[]router.Incident{drops}, nil, "1 10m0s 10m0s 0s 90 % 1h40m0s"},
		"nobody saw the end":           {[]router.Incident{off, cut}, nil, "1 5m0s 5m0s 0s 93.75 % 1h20m0s"},
		"a gap":                        {[]router.Incident{at(0, 5)}, []Span{{noon.Add(50 * time.Minute), noon.Add(time.Hour + 40*time.Minute)}}, "1 5m0s 5m0s 0s 90 % 50m0s"},
		"an outage in a gap was seen":  {[]router.Incident{at(0, 10)}, []Span{{noon, noon.Add(50 * time.Minute)}}, "1 10m0s 10m0s 0s 83.333 % 1h0m0s"},
		"nobody looked":                {nil, []Span{{noon, noon.Add(2 * time.Hour)}}, "0 0s 0s 0s no data 0s"},
		"a second is not nothing":      {[]router.Incident{{Cause: router.CauseWAN, WAN: "a", Start: noon, End: noon.Add(time.Millisecond)}}, nil, "1 1ms 1ms 0s 99.999 % 1h40m0s"},
		"after the period":             {[]router.Incident{at(100, 110)}, nil, "0 0s 0s 0s 100 % 1h40m0s"},
		"before the period":            {[]router.Incident{at(-10, 0)}, nil, "0 0s 0s 0s 100 % 1h40m0s"},
		"another line":                 {[]router.Incident{{Cause: router.CauseWAN, WAN: "b", Start: noon, End: noon.Add(time.Hour)}}, nil, "0 0s 0s 0s 100 % 1h40m0s"},
		"the end before the beginning": {[]router.Incident{at(50, 40)}, nil, "1 0s 0s 0s 100 % 1h40m0s"},
	} {
		r := Make(Facts{From: noon, To: noon.Add(100 * time.Minute), Now: noon.Add(100 * time.Minute), WANs: []string{"a"}, Incidents: c.incidents, Gaps: map[string][]Span{"": c.gaps}})
		l := r.Lines[0]
		got := fmt.Sprint(l.Outages, " ", time.Duration(l.Down), " ", time.Duration(l.Longest), " ", time.Duration(l.Degraded), " ", l.Percent(), " ", time.Duration(r.Watched))
		if got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// A line that was looked at for a part of the time is available for a part of that.
func TestALineOfItsOwnTime(t *testing.T) {
	i := router.Incident{Cause: router.CauseWAN, WAN: "b", Clock: true, Start: noon.Add(80 * time.Minute), End: noon.Add(85 * time.Minute)}
	r := Make(Facts{From: noon, To: noon.Add(100 * time.Minute), Now: noon.Add(100 * time.Minute), WANs: []string{"a", "b"}, Incidents: []router.Incident{i},
		Gaps: map[string][]Span{"": nil, "a": nil, "b": {{noon, noon.Add(50 * time.Minute)}}}})
	if a, b := r.Lines[0].Percent(), r.Lines[1].Percent(); a != "100 %" || b != "90 %" || r.Watched != secs(100*time.Minute) {
		t.Errorf("a %s, b %s of %s", a, b, time.Duration(r.Watched))
	}
	if note := r.Note(); !strings.HasPrefix(note, "Somebody looked all the time. Of b that is 50 min.") {
		t.Error(note)
	}
}

func TestGaps(t *testing.T) {
	p := new(router.Point)
	m := router.Measures{Step: 60, Until: noon, WANs: []router.MeasuredWAN{
		{Name: "a", Points: []*router.Point{nil, nil, p, nil, nil, p, nil, nil}}, {Name: "b", Points: []*router.Point{p, nil, nil}},
	}}
	var got []string
	for _, g := range GapsOf(m, "", Span{noon.Add(-time.Hour), noon}) {
		got = append(got, g.From.Format("15:04")+"–"+g.To.Format("15:04"))
	}
	if want := []string{"11:00–11:54", "11:55–11:57"}; !slices.Equal(got, want) {
		t.Errorf("gaps %v, want %v", got, want)
	}
	if got := GapsOf(m, "", Span{noon.Add(-7 * time.Minute), noon.Add(-4 * time.Minute)}); len(got) != 2 || length(got) != 2*time.Minute {
		t.Errorf("in the middle: %v", got)
	}
	if got := GapsOf(m, "c", Span{noon.Add(-time.Hour), noon}); length(got) != time.Hour {
		t.Errorf("of c, which was never looked at: %v", got)
	}
	if got := GapsOf(m, "b", Span{noon.Add(-3 * time.Minute), noon}); len(got) != 0 {
		t.Errorf("of b: %v", got)
	}
	if got := GapsOf(m, "a", Span{noon.Add(-4 * time.Minute), noon}); len(got) != 1 || length(got) != time.Minute {
		t.Errorf("of a: %v", got)
	}
	if got := GapsOf(router.Measures{Until: noon}, "", Span{noon, noon}); got != nil {
		t.Errorf("of a router without lines: %v", got)
	}
}

func TestLongReportsAreCut(t *testing.T) {
	f := month()
	f.Incidents = nil
	for n := range most + 7 {
		at := ago(time.Duration(n+1) * time.Hour)
		f.Incidents = append(f.Incidents, router.Incident{Cause: router.CauseWAN, WAN: "fibre", Start: at, End: at.Add(time.Minute), Clock: true})
	}
	r := Make(f)
	if text := written(t, Text, r); !strings.Contains(text, "oldest 7 outages") || strings.Contains(text, "\n7. ") || !strings.Contains(text, "\n507. ") || r.Lines[0].Outages != 507 {
		t.Error("not the newest are listed, or not all are counted")
	}
	if n := strings.Count(written(t, CSV, r), "\r\n"); n != 508 {
		t.Errorf("CSV has %d lines, want 508", n)
	}
	text, err := json.Marshal(r.Newest())
	if err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(text, &back); err != nil || len(back.Rows) != most || back.Left != 7 || !back.Rows[0].Start.Equal(r.Rows[7].Start) {
		t.Errorf("through JSON: %v, %d rows, %d left", err, len(back.Rows), back.Left)
	}
}

// A report that went through JSON is the same one: the page's process gets it so.
func TestJSONKeepsAll(t *testing.T) {
	r := Make(month())
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if got, want := written(t, Text, back), written(t, Text, r); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// attacks are what a provider, or whoever named a line, could write.
var attacks = []string{
	`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `</style><script>alert(1)</script>`, `</dd></dl><iframe srcdoc=x>`,
	`=cmd|' /C calc'!A0`, "\t=1+1", "\r\n=1+1", "+1", "-1+cmd", "@SUM(A1)", "＝1+1", "\u00a0=1", `","=1`, "a\nb\r\nc,\"d\"", "\x1b[2J\x1b]0;x\a", "\u202egnp.exe", "\x00\xff\u2028", "{{.}}",
}

func poisoned(text string) Facts {
	f := month()
	f.Router, f.Version, f.WANs = text, text, []string{text}
	for n := range f.Incidents {
		i := &f.Incidents[n]
		i.WAN, i.State, i.Sentence, i.Blame, i.VRRP, i.Router = text, text, text, router.Blame(text), text, text
		i.Ladder = []router.Rung{{What: "cable", State: text, Detail: text}, {What: text, State: "broken", Detail: text}}
		i.Others = []router.Witness{{WAN: text, State: text}}
		i.Carried = []router.Carrier{{WAN: text, From: noon}}
	}
	return f
}

func TestNoTextIsTakenForMore(t *testing.T) {
	want := tags(t, written(t, HTML, Make(poisoned("harmless"))))
	for _, attack := range attacks {
		r := Make(poisoned(attack))
		if got := tags(t, written(t, HTML, r)); !slices.Equal(got, want) {
			t.Errorf("%q: the page has the elements %q, want %q", attack, got, want)
		}
		for name, text := range map[string]string{"text": written(t, Text, r), "html": written(t, HTML, r), "csv": written(t, CSV, r)} {
			if i := strings.IndexFunc(text, func(c rune) bool { return !unicode.IsPrint(c) && c != '\n' && c != '\r' && c != '\t' }); i >= 0 {
				t.Errorf("%s of %q has the sign %q", name, attack, text[i:i+1])
			}
		}
		records, err := csv.NewReader(strings.NewReader(written(t, CSV, r))).ReadAll()
		if err != nil || len(records) != len(r.Rows)+1 {
			t.Errorf("%q: %d records, %v", attack, len(records), err)
		}
		for _, cell := range slices.Concat(records...) {
			if strings.ContainsAny(cell, "\r\n\t") || cell != "" && strings.ContainsAny(string([]rune(cell)[:1]), "=+-@|＝") {
				t.Errorf("%q: a cell is %q", attack, cell)
			}
		}
	}
}

// tags are a page's elements with the names of their attributes.
func tags(t *testing.T, page string) []string {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		tag := n.Data
		for _, a := range n.Attr {
			tag += " " + a.Key
			if a.Key == "href" || a.Key == "src" {
				t.Errorf("<%s> loads %q", n.Data, a.Val)
			}
		}
		if n.Data == "script" {
			t.Error("there is a script")
		}
		all = append(all, tag)
	}
	return all
}

func TestWords(t *testing.T) {
	for want, got := range map[string]string{
		"0 s": Duration(0), "59 s": Duration(59 * time.Second), "12 min 2 s": Duration(722 * time.Second), "1 h": Duration(time.Hour), "3 d 4 h": Duration(76 * time.Hour),
		"0 B": Bytes(0), "999 B": Bytes(999), "1.5 kB": Bytes(1500), "1 MB": Bytes(999_900), "48 MB": Bytes(48_000_000), "416 kbit/s": Rate(52_000), "2.5 Gbit/s": Rate(312_500_000),
		"0 %": percent(0), "0.1 %": percent(0.00001), "4 %": percent(0.043),
		"100 %": Total{Watched: 1, Availability: 1}.Percent(), "99.999 %": Total{Watched: 1, Availability: 0.99999999}.Percent(), "99.9 %": Total{Watched: 1, Availability: 0.999}.Percent(), "no data": Total{}.Percent(),
		"a, b and c": list([]string{"a", "b", "c"}), "UTC+01:00": zone(noon), "UTC": zone(noon.UTC()),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// Times are those of the zone at that moment, be it summer or winter.
func TestSummerTime(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip(err)
	}
	i := isp()
	i.Start, i.End = time.Date(2026, 10, 25, 0, 30, 0, 0, time.UTC), time.Date(2026, 10, 25, 1, 30, 0, 0, time.UTC)
	r := Make(Facts{From: i.Start.Add(-time.Hour), To: i.End.Add(time.Hour), Now: i.End.Add(time.Hour), Zone: berlin, Incidents: []router.Incident{i}})
	if got, want := r.Rows[0].When(), "25 Oct 2026 02:30:00 (UTC+02:00) to 25 Oct 2026 02:30:00 (UTC+01:00)"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
