package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/web"
)

// remembering is a past with one outage of fibre, an hour ago, and measurements that began two hours ago.
type remembering struct {
	*pretender
	err   error
	hours int
}

func (r *remembering) Incidents(from, to time.Time) ([]router.Incident, error) {
	start := time.Now().Add(-time.Hour)
	if to.Before(start) {
		return nil, r.err
	}
	return []router.Incident{{Cause: router.CauseWAN, WAN: "fibre", State: "down", Start: start, End: start.Add(5 * time.Minute), Lasted: router.Seconds(5 * time.Minute),
		Clock: true, Sentence: "fibre was down for 5 min: no cable in wan0."},
		{Router: "backup", Elsewhere: true, Cause: router.CauseWAN, WAN: "fibre", State: "down", Start: start, End: start.Add(7 * time.Minute), Lasted: router.Seconds(7 * time.Minute),
			Clock: true, Sentence: "fibre was down for 7 min."},
		{Router: "backup", Elsewhere: true, Cause: router.CauseOffline, Start: start, End: start.Add(9 * time.Minute), Lasted: router.Seconds(9 * time.Minute), Clock: true}}, r.err
}

func (r *remembering) History(hours int) router.Measures {
	r.hours = hours
	points := make([]*router.Point, 720)
	points[718] = new(router.Point)
	return router.Measures{Step: 3600, Until: time.Now(), WANs: []router.MeasuredWAN{{Name: "fibre", Points: points}}}
}

// withPast runs a pretender that has one.
func withPast(t *testing.T) (*remembering, string) {
	t.Helper()
	p, _ := answering(t)
	past := &remembering{pretender: p}
	api := &web.API{Source: p, History: p, Applier: p, Incidents: past, Report: evidence{p, past, past}.report}
	s := &web.Socket{Path: filepath.Join(t.TempDir(), "s"), Handler: api.Handler()}
	if err := s.Claim(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var tasks sync.WaitGroup
	tasks.Go(func() { _ = s.Run(ctx) })
	t.Cleanup(func() { cancel(); tasks.Wait() })
	return past, s.Path
}

func TestReport(t *testing.T) {
	past, socket := withPast(t)
	for _, c := range []struct {
		args   []string
		status int
		has    string // of what is said
	}{
		{nil, 0, "1. fibre was down for 5 min\n"},
		{nil, 0, "Somebody looked for 2 h of 30 d"},
		{[]string{"--wan", "fibre"}, 0, "Outages of fibre, seen by main"},
		{[]string{"--from", "2h"}, 0, "fibre                 1              5 min"},
		{[]string{"--from", "2h"}, 0, "2. fibre at backup was down for 7 min\n"},
		{[]string{"--from", "2h"}, 0, "the house             0"},
		{[]string{"--wan", "fibre at backup"}, 0, "Outages of fibre at backup, seen by main"},
		{[]string{"--format", "csv", "--from", "2h"}, 0, "\r\n1,main,fibre,wan,down,"},
		{[]string{"--format", "html"}, 0, "<!doctype html>"},
		{[]string{"--format", "json"}, 0, `{"router":"main"`},
		{[]string{"--to", "2026-01-01"}, 0, "No outage in this time."},
		{[]string{"--format", "pdf"}, 2, `twinpath report: --format: "pdf" is none of text, csv, html and json`},
		{[]string{"--from", "yesterday"}, 2, `twinpath report: --from: "yesterday" is neither a date`},
		{[]string{"--wan", "dsl"}, 1, `"dsl": there is no such WAN`},
		{[]string{"more"}, 2, `"more" is too much`},
	} {
		got := play(t.Context(), append([]string{"report", "--socket", socket}, c.args...)...)
		if got.status != c.status || !strings.Contains(got.out+got.err, c.has) {
			t.Errorf("%q: %+v, want %d with %q", c.args, got, c.status, c.has)
		}
	}
	past.err = errors.New("disk gone")
	if got := play(t.Context(), "report", "--socket", socket); got.status != 1 || got.err != "read the incidents: disk gone\n" {
		t.Errorf("without a disk: %+v", got)
	}
	if got := play(t.Context(), "report", "--socket", socket+"x"); got.status != 1 || !strings.Contains(got.err, "no daemon answers at") {
		t.Errorf("without a daemon: %+v", got)
	}
}

func TestReportIntoAFile(t *testing.T) {
	past, socket := withPast(t)
	file := filepath.Join(t.TempDir(), "november.html")
	got := play(t.Context(), "report", "--socket", socket, "--from", "2h", "--format", "html", "--output", file)
	text, err := os.ReadFile(file)
	if got != (outcome{}) || err != nil || !strings.Contains(string(text), "fibre was down for 5 min") {
		t.Errorf("%+v, %v", got, err)
	}
	if past.hours != 3 && past.hours != 2 {
		t.Errorf("of two hours it reads %d of measurements", past.hours)
	}
}
