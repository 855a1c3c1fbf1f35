package site

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/web"
)

// drillView is what drill.html shows.
type drillView struct {
	WAN    string   // the line that was asked about; empty: the first one
	Lines  []string // whose failure can be rehearsed
	Now    *rehearsal
	Past   []rehearsal // newest first
	Notice *notice
}

// rehearsal is one as the page has it.
type rehearsal struct {
	router.DrillView
	Mood, Icon, Word string
}

func rehearsalOf(d router.DrillView) rehearsal {
	switch {
	case d.End.IsZero():
		return rehearsal{d, "calm", "drill", "under way"}
	case d.Stopped:
		return rehearsal{d, "calm", "unknown", "stopped"}
	case d.OK:
		return rehearsal{d, "good", "up", "passed"}
	}
	return rehearsal{d, "bad", "down", "failed"}
}

func (s *Site) drillPage(w http.ResponseWriter, r *http.Request, _ string) {
	s.showDrills(w, r, http.StatusOK, drillView{WAN: r.FormValue("wan")})
}

func (s *Site) showDrills(w http.ResponseWriter, r *http.Request, status int, v drillView) {
	all, err := s.Client.Drills(r.Context())
	if err != nil {
		s.deny(w, r, err)
		return
	}
	v.Lines = s.lineNames()
	if !slices.Contains(v.Lines, v.WAN) && len(v.Lines) > 0 {
		v.WAN = v.Lines[0]
	}
	for _, d := range all {
		one := rehearsalOf(d)
		if d.End.IsZero() && v.Now == nil {
			v.Now = &one
			continue
		}
		v.Past = append(v.Past, one)
	}
	s.renderAs(w, r, status, "drill", v)
}

// drill begins a rehearsal, or ends the one that goes on. The daemon's refusal is a sentence above the form.
func (s *Site) drill(w http.ResponseWriter, r *http.Request, token string) {
	as, wan := s.Client.As(token), r.PostFormValue("wan")
	var err error
	if r.PostFormValue("do") == "stop" {
		err = as.StopDrill(r.Context())
	} else {
		_, err = as.StartDrill(r.Context(), wan, r.PostFormValue("full") != "")
	}
	switch status := web.StatusOf(err); {
	case err == nil:
		http.Redirect(w, r, "/settings/drill?"+url.Values{"wan": {wan}}.Encode(), http.StatusSeeOther)
	case status == http.StatusConflict, status == http.StatusNotFound, status == http.StatusUnprocessableEntity:
		s.showDrills(w, r, status, drillView{WAN: wan, Notice: badNotice(err)})
	default:
		s.deny(w, r, err)
	}
}
