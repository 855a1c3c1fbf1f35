package web

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/router"
)

// fakeIncidents has as many as it is told to, a minute apart.
type fakeIncidents struct {
	n        int
	from, to time.Time
	err      error
}

func (f *fakeIncidents) Incidents(from, to time.Time) ([]router.Incident, error) {
	f.from, f.to = from, to
	var all []router.Incident
	for i := range f.n {
		all = append(all, router.Incident{ID: fmt.Sprint(i), Start: noon.Add(time.Duration(i) * time.Minute)})
	}
	return all, f.err
}

func TestIncidents(t *testing.T) {
	kept := &fakeIncidents{n: 3}
	h := newOwned(t)
	h.api.Incidents = kept
	c := h.client(t).As("")
	all, err := c.Incidents(t.Context(), noon, noon.Add(time.Hour))
	if err != nil || len(all) != 3 || all[0].ID != "2" || !kept.from.Equal(noon) || !kept.to.Equal(noon.Add(time.Hour)) {
		t.Errorf("%+v, %v, asked for %s to %s", all, err, kept.from, kept.to)
	}
	kept.n = 1500
	if all, err = c.Incidents(t.Context(), noon, time.Time{}); err != nil || len(all) != most || all[0].ID != "1499" || kept.to.Before(time.Now()) {
		t.Errorf("of 1500 there are %d, the first %q, until %s, %v", len(all), all[0].ID, kept.to, err)
	}
	kept.n = 0
	if text, err := c.Raw(t.Context(), "/api/v1/incidents"); err != nil || string(text) != "[]\n" {
		t.Errorf("none: %q, %v", text, err)
	}
	for _, key := range []string{"since", "until"} {
		_, err := c.Raw(t.Context(), "/api/v1/incidents?"+key+"=yesterday")
		refusal(t, key, err, http.StatusBadRequest, key+": not an RFC 3339 time")
	}
	kept.err = errors.New("the disk is gone")
	_, err = c.Incidents(t.Context(), noon, noon)
	refusal(t, "broken", err, http.StatusInternalServerError, "the disk is gone")
}

func TestReportIsOfAPeriod(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.FixedZone("CET", 3600))
	for _, c := range []struct{ query, want string }{
		{"", "text  2026-10-22T12:00:00+01:00 2026-11-21T12:00:00+01:00"},
		{"from=2026-11-01&wan=fibre&format=csv", "csv fibre 2026-11-01T00:00:00+01:00 2026-11-21T12:00:00+01:00"},
		{"from=2026-11-01&to=2026-11-01", "text  2026-11-01T00:00:00+01:00 2026-11-02T00:00:00+01:00"},
		{"from=2026-11-01T05:00:00Z&to=2026-11-01T06:00:00Z&format=json", "json  2026-11-01T05:00:00Z 2026-11-01T06:00:00Z"},
		{"to=2026-11-30", "text  2026-11-01T00:00:00+01:00 2026-11-21T12:00:00+01:00"},
		{"format=pdf", `format: "pdf" is none of text, csv, html and json`},
		{"from=yesterday", `from: "yesterday" is neither a date, such as 2026-11-20, nor an RFC 3339 time`},
		{"to=x", `to: "x" is neither a date, such as 2026-11-20, nor an RFC 3339 time`},
		{"from=2026-11-03&to=2026-11-02", "from: 2026-11-03 is not before the period's end, 2026-11-03 00:00"},
		{"to=0000-01-10", "from: 0001-01-01 is not before the period's end, 0000-01-11 00:00"},
		{"from=0001-01-01T00:00:00%2B14:00", "text  0001-01-01T00:00:00Z 2026-11-21T12:00:00+01:00"},
		{"from=2027-01-01", "from: 2027-01-01 is not before the period's end, 2026-11-21 12:00"},
	} {
		query, _ := url.ParseQuery(c.query)
		wish, err := reportWish(query, now)
		got := fmt.Sprint(wish.Format, " ", wish.WAN, " ", wish.From.Format(time.RFC3339), " ", wish.To.Format(time.RFC3339))
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%q: %s, want %s", c.query, got, c.want)
		}
	}
}

func TestReport(t *testing.T) {
	h := newOwned(t)
	h.api.Report = func(w io.Writer, wish ReportWish) error {
		if wish.WAN == "dsl" {
			return fmt.Errorf("%q: %w", wish.WAN, router.ErrNoWAN)
		}
		if wish.WAN == "broken" {
			_, _ = io.WriteString(w, "half of it")
			return errors.New("the disk is gone")
		}
		_, err := fmt.Fprintf(w, "%s of %s", wish.Format, wish.WAN)
		return err
	}
	c := h.client(t).As("")
	if text, err := c.Report(t.Context(), url.Values{"wan": {"fibre"}, "format": {"csv"}}); err != nil || string(text) != "csv of fibre" {
		t.Errorf("%q, %v", text, err)
	}
	_, err := c.Report(t.Context(), url.Values{"wan": {"broken"}})
	refusal(t, "broken", err, http.StatusInternalServerError, "the disk is gone")
	_, err = c.Report(t.Context(), url.Values{"wan": {"dsl"}})
	refusal(t, "no such line", err, http.StatusNotFound, `"dsl": there is no such WAN`)
	_, err = c.Report(t.Context(), url.Values{"from": {"x"}})
	refusal(t, "no date", err, http.StatusBadRequest, "from:")
	if w := ask(h.api.Handler(), "GET", "/api/v1/report?format=html", ""); !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
		t.Errorf("html is %q", w.Header().Get("Content-Type"))
	}
}
