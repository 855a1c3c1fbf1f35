// Package report puts the outages of a period in writing, as text, CSV and a page to print, for the ISP.
//
// make.go counts, words.go says what the evidence is and units.go how much, and text.go, csv.go and html.go each write one form. It reads nothing:
// the caller brings the incidents and when nobody looked.
package report

import (
	"time"

	"github.com/twinpath/twinpath/router"
)

// Facts are what a report is made from.
type Facts struct {
	Router    string
	Version   string
	From, To  time.Time
	Now       time.Time
	Zone      *time.Location // in which times are written; nil: UTC
	WAN       string         // the one line that it is about; empty: all, and the house
	WANs      []string       // the lines there are: each is counted, also when nothing happened to it
	Incidents []router.Incident
	// Gaps are when nobody looked at a line, by its name, and at any of them, by none, beside what the incidents say. GapsOf
	// finds them. A line that is not in it was looked at when any was.
	Gaps map[string][]Span
}

// Report is the outages of a period.
type Report struct {
	Router  string         `json:"router"`
	Version string         `json:"version"`
	WAN     string         `json:"wan,omitempty"`
	From    time.Time      `json:"from"` // these and all times below are in the router's own zone
	To      time.Time      `json:"to"`
	Made    time.Time      `json:"made"`
	Watched router.Seconds `json:"watched_s"` // how much of the period somebody looked
	Lines   []Total        `json:"lines"`
	House   *Total         `json:"house,omitempty"` // the times when no line worked; nil where it is about one line
	Rows    []Row          `json:"rows"`            // oldest first
	Left    int            `json:"left,omitempty"`  // how many older ones there are
}

// Total is what all outages of a line come to.
type Total struct {
	Name         string         `json:"name"`
	Outages      int            `json:"outages"`
	Down         router.Seconds `json:"down_s"`
	Longest      router.Seconds `json:"longest_s"`
	Degraded     router.Seconds `json:"degraded_s"`
	Watched      router.Seconds `json:"watched_s"`    // how much of the period somebody looked at it
	Availability float64        `json:"availability"` // of the time that somebody looked, 0 to 1
	Open         bool           `json:"open,omitempty"`
}

// Row is one outage, or a time when nobody looked.
type Row struct {
	router.Incident

	Number int            `json:"number"`
	Length router.Seconds `json:"length_s"` // by the monotonic clock; so far, while it goes on
}

// Span is a stretch of time.
type Span struct{ From, To time.Time }

// most is how many outages a text or a page shows: more than anybody reads. CSV has them all.
const most = 500

// Newest returns the report with its newest rows only, as many as a person reads.
func (r Report) Newest() Report {
	if over := len(r.Rows) - most; over > 0 {
		r.Rows, r.Left = r.Rows[over:], r.Left+over
	}
	return r
}

// Unsure reports whether the clock could not be trusted in one of the rows.
func (r Report) Unsure() bool {
	for _, row := range r.Rows {
		if !row.Clock {
			return true
		}
	}
	return false
}

// Whole is the length of the period.
func (r Report) Whole() time.Duration { return r.To.Sub(r.From) }
