package web

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/twinpath/twinpath/router"
)

// Incidents is where incidents are kept.
type Incidents interface {
	// Incidents returns those that overlap the period, oldest first.
	Incidents(from, to time.Time) ([]router.Incident, error)
}

// ReportWish is the period and the form of a report.
type ReportWish struct {
	Format   string // text, csv, html or json
	WAN      string // empty: all
	From, To time.Time
}

// most is how many incidents one answer has: the newest. A house has some ten a month.
const most = 1000

func (a *API) incidents(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	from, err := moment("since", query.Get("since"), time.Time{})
	to, err2 := moment("until", query.Get("until"), time.Now().Add(time.Hour)) // a clock that was set back has a future behind it
	if err == nil {
		err = err2
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	all, err := a.Incidents.Incidents(from, to)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	all = slices.Clone(all[max(0, len(all)-most):])
	slices.Reverse(all)
	if all == nil {
		all = []router.Incident{}
	}
	reply(w, all)
}

func moment(key, text string, otherwise time.Time) (time.Time, error) {
	if text == "" {
		return otherwise, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, fmt.Errorf("%s: not an RFC 3339 time, such as 2026-11-20T20:00:00Z", key)
	}
	return t, nil
}

// reportKinds are the forms of a report and what they are to a browser.
var reportKinds = map[string]string{
	"text": "text/plain; charset=utf-8", "csv": "text/csv; charset=utf-8; header=present", "html": "text/html; charset=utf-8", "json": jsonType,
}

func (a *API) report(w http.ResponseWriter, r *http.Request) {
	wish, err := reportWish(r.URL.Query(), time.Now())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var text bytes.Buffer
	switch err := a.Report(&text, wish); {
	case errors.Is(err, router.ErrNoWAN):
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", reportKinds[wish.Format])
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(text.Bytes()) // the reader went away: nobody to tell
}

// reportWish reads ?from=, to=, wan= and format=. A date is the router's own, and to is the last day of the period.
func reportWish(query url.Values, now time.Time) (ReportWish, error) {
	wish := ReportWish{Format: query.Get("format"), WAN: query.Get("wan")}
	if wish.Format == "" {
		wish.Format = "text"
	}
	if reportKinds[wish.Format] == "" {
		return wish, fmt.Errorf("format: %q is none of text, csv, html and json", wish.Format)
	}
	var err error
	if wish.To, err = day("to", query.Get("to"), now, now, 1); err != nil {
		return wish, err
	}
	if wish.From, err = day("from", query.Get("from"), wish.To.AddDate(0, 0, -30), now, 0); err != nil {
		return wish, err
	}
	if wish.From.Before(time.Time{}) { // JSON has no years before the first
		wish.From = time.Time{}
	}
	if wish.To.After(now) {
		wish.To = now
	}
	if !wish.From.Before(wish.To) {
		return wish, fmt.Errorf("from: %s is not before the period's end, %s", wish.From.Format(time.DateOnly), wish.To.Format("2006-01-02 15:04"))
	}
	return wish, nil
}

// day reads a date of now's zone, of which it takes the midnight before or, with 1 more, after; or a moment.
func day(key, text string, otherwise, now time.Time, more int) (time.Time, error) {
	if text == "" {
		return otherwise, nil
	}
	if t, err := time.ParseInLocation(time.DateOnly, text, now.Location()); err == nil {
		return t.AddDate(0, 0, more), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, fmt.Errorf("%s: %q is neither a date, such as 2026-11-20, nor an RFC 3339 time", key, text)
	}
	return t, nil
}
