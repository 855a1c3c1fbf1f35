package site

import "net/http"

// wizardRoutes are the pages of the wizard.
func (s *Site) wizardRoutes(mux *http.ServeMux) {}
