package site

import (
	"net/http"
	"strconv"

	"github.com/twinpath/twinpath/web"
)

// keptView is one kept configuration beside the one in use, as keptone.html shows it.
type keptView struct {
	web.Kept
	Revision string // of the one in use
	Diff     []diffLine
}

// keptPage lists the configurations that were in use before.
func (s *Site) keptPage(w http.ResponseWriter, r *http.Request, token string) {
	configuration, err := s.Client.As(token).Config(r.Context())
	if err != nil {
		s.deny(w, r, err)
		return
	}
	s.render(w, r, "kept", configuration.Kept)
}

// keptOne shows what would change by going back to one of them.
func (s *Site) keptOne(w http.ResponseWriter, r *http.Request, token string) {
	number, err := strconv.Atoi(r.PathValue("number"))
	if err != nil || number < 1 {
		s.nowhere(w, r)
		return
	}
	as := s.Client.As(token)
	configuration, err := as.Config(r.Context())
	if err != nil {
		s.deny(w, r, err)
		return
	}
	kept, err := as.KeptConfig(r.Context(), number)
	if err != nil {
		s.deny(w, r, err)
		return
	}
	s.render(w, r, "keptone", keptView{Kept: kept, Revision: configuration.Revision, Diff: diff(configuration.Text, kept.Text)})
}
