package site

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html/template"
	"net/http"
	"time"

	"github.com/twinpath/twinpath/report"
	"github.com/twinpath/twinpath/web"
)

func (s *Site) reportRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /report", s.reportPage)
	mux.HandleFunc("GET /api/v1/report", s.reportFile)
	mux.HandleFunc("GET /api/v1/incidents", s.handOn("since", "until"))
	mux.HandleFunc("GET /api/v1/drills", s.handOn())
}

// reportView is what report.html shows.
type reportView struct {
	From, To, WAN string // as they were asked for
	Lines         []string
	Body          template.HTML
	Query         template.URL // of the same report in another form
	Notice        *notice
}

// reportPage is the outages of a period for anybody, as the timeline is.
func (s *Site) reportPage(w http.ResponseWriter, r *http.Request) {
	query := only(r, "from", "to", "wan")
	v := reportView{From: query.Get("from"), To: query.Get("to"), WAN: query.Get("wan"), Lines: s.lineNames(), Query: template.URL(query.Encode())}
	query.Set("format", "json")
	text, err := s.remembered(r, "/api/v1/report", query)
	status := web.StatusOf(err)
	switch {
	case status == http.StatusBadRequest || status == http.StatusNotFound:
		v.Notice = badNotice(err)
	case err != nil:
		s.unremembered(w, r, err)
		return
	default:
		if err := v.read(text); err != nil {
			s.undrawn(w, r, err)
			return
		}
	}
	s.renderAs(w, r, cmp.Or(status, http.StatusOK), "report", v)
}

// read takes the daemon's report.
func (v *reportView) read(text []byte) (err error) {
	var got report.Report
	if err := json.Unmarshal(text, &got); err != nil {
		return err
	}
	v.From, v.To = got.From.Format(time.DateOnly), got.To.Add(-1).Format(time.DateOnly)
	v.Body, err = report.Body(got)
	return err
}

// lineNames are those of the configuration.
func (s *Site) lineNames() []string {
	seen := s.hub.seen()
	if seen == nil {
		return nil
	}
	var all []string
	for _, line := range seen.snapshot.WANs {
		all = append(all, line.Name)
	}
	return all
}

// reportFile is a report in the form that a program, or somebody who keeps it, wants.
func (s *Site) reportFile(w http.ResponseWriter, r *http.Request) {
	query := only(r, "from", "to", "wan", "format")
	text, err := s.remembered(r, "/api/v1/report", query)
	if err != nil {
		s.unremembered(w, r, err)
		return
	}
	kind := "text/plain; charset=utf-8"
	switch query.Get("format") {
	case "csv":
		kind = "text/csv; charset=utf-8; header=present"
		w.Header().Set("Content-Disposition", `attachment; filename="outages.csv"`)
	case "html":
		kind = "text/html; charset=utf-8"
		w.Header().Set("Content-Security-Policy", standAlone(text))
	case "json":
		kind = "application/json"
	}
	send(w, r, http.StatusOK, kind, text)
}

// standAlone is the policy of a page that brings its style sheet and needs nothing else.
func standAlone(page []byte) string {
	_, rest, _ := bytes.Cut(page, []byte("<style>"))
	style, _, _ := bytes.Cut(rest, []byte("</style>"))
	sum := sha256.Sum256(style)
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
}
