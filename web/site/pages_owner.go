package site

import "net/http"

// ownerRoutes are the owner's pages.
func (s *Site) ownerRoutes(mux *http.ServeMux) {}
