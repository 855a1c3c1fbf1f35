package site

import (
	"io"
	"net/http"
)

func (s *Site) apiRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /api/v1/status", s.statusJSON)
	mux.HandleFunc("GET /whoami", s.whoami)
}

func (s *Site) statusJSON(w http.ResponseWriter, r *http.Request) {
	seen := s.hub.seen()
	if seen == nil {
		s.fail(w, r, http.StatusServiceUnavailable, "the daemon has not spoken yet", "")
		return
	}
	send(w, r, http.StatusOK, "application/json", seen.json)
}

func (s *Site) whoami(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, s.hub.settings().Router+"\n")
}
