package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"time"

	"github.com/twinpath/twinpath/report"
	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/web"
)

// askReport is "twinpath report": the daemon writes it, for its clock and its zone are those of the incidents.
func askReport(ctx context.Context, args []string, std stdio) error {
	flags, socket := asking("report")
	from := flags.String("from", "", "")
	to := flags.String("to", "", "")
	wan := flags.String("wan", "", "")
	format := flags.String("format", "text", "")
	output := flags.String("output", "", "")
	if _, err := parse(flags, args, 0, 0); err != nil {
		return err
	}
	query := url.Values{"wan": {*wan}, "format": {*format}}
	for key, text := range map[string]string{"from": *from, "to": *to} {
		if d, err := time.ParseDuration(text); err == nil {
			text = time.Now().Add(-d).Format(time.RFC3339)
		}
		query.Set(key, text)
	}
	text, err := web.NewClient(*socket).Report(ctx, query)
	switch {
	case web.StatusOf(err) == http.StatusBadRequest:
		return usageError("--" + err.Error())
	case err != nil:
		return refused(err, std)
	case *output != "":
		return os.WriteFile(*output, text, 0o644)
	}
	_, err = std.out.Write(text)
	return err
}

// evidence is what the daemon knows of the past.
type evidence struct {
	source    web.Source
	incidents web.Incidents
	measures  web.Measures
}

// report writes the outages of a period: it is web.API's Report.
func (e evidence) report(w io.Writer, wish web.ReportWish) error {
	r, err := e.make(wish, time.Now())
	if err != nil {
		return err
	}
	switch wish.Format {
	case "csv":
		return report.CSV(w, r)
	case "html":
		return report.HTML(w, r)
	case "json":
		return json.NewEncoder(w).Encode(r.Newest())
	}
	return report.Text(w, r)
}

func (e evidence) make(wish web.ReportWish, now time.Time) (report.Report, error) {
	all, err := e.incidents.Incidents(wish.From, wish.To)
	if err != nil {
		return report.Report{}, fmt.Errorf("read the incidents: %w", err)
	}
	snapshot, _ := e.source.Snapshot()
	all = abroadNamed(all)
	f := report.Facts{
		Router: snapshot.Router, Version: snapshot.Version, From: wish.From, To: wish.To, Now: now, Zone: now.Location(), WAN: wish.WAN,
		Incidents: all,
	}
	for _, line := range snapshot.WANs {
		f.WANs = append(f.WANs, line.Name)
	}
	// A line that is no more has a past, too.
	known := slices.Contains(f.WANs, wish.WAN) || slices.ContainsFunc(all, func(i router.Incident) bool { return i.WAN == wish.WAN })
	if wish.WAN != "" && !known {
		return report.Report{}, fmt.Errorf("%q: %w", wish.WAN, router.ErrNoWAN)
	}
	f.Gaps = e.gaps(f.WANs, report.Span{From: wish.From, To: wish.To}, now)
	return report.Make(f), nil
}

// abroadNamed has the other router's lines be told from this one's, and leaves out when it was off, or the house offline there: this router may have
// carried it.
func abroadNamed(all []router.Incident) []router.Incident {
	kept := make([]router.Incident, 0, len(all))
	for _, i := range all {
		switch {
		case !i.Elsewhere:
		case i.WAN == "":
			continue
		default:
			i.WAN += " at " + i.Router
		}
		kept = append(kept, i)
	}
	return kept
}

// gaps are when nobody looked, at any line and at each one: to the minute within the last day, which is what is kept of it, to
// the hour before.
func (e evidence) gaps(lines []string, in report.Span, now time.Time) map[string][]report.Span {
	const least, day, kept = 2, 24, 400 * 24 // hours; what is finer than minutes does not survive a restart
	hours := int((now.Sub(in.From) + time.Hour - 1) / time.Hour)
	older, newer := in, in
	older.To, newer.From = now.Add(-day*time.Hour), now.Add(-day*time.Hour)
	if newer.From.Before(in.From) {
		newer.From = in.From
	}
	fine := e.measures.History(min(max(hours, least), day))
	var coarse router.Measures
	if hours > day {
		coarse = e.measures.History(min(hours, kept))
	}
	all := map[string][]report.Span{}
	for _, name := range append([]string{""}, lines...) {
		all[name] = append(report.GapsOf(coarse, name, older), report.GapsOf(fine, name, newer)...)
	}
	return all
}
