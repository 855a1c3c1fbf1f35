package site

import "net/http"

func (s *Site) statusRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", s.status)
}

// status is the page at /.
func (s *Site) status(w http.ResponseWriter, r *http.Request) {
	s.render(w, r, "status", s.hub.seen())
}
