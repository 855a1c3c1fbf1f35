package site

import (
	"net/http"
	"strings"
	"testing"
)

// TestMetricsInBothFormats: each is asked of the daemon by its own name and kept by itself.
func TestMetricsInBothFormats(t *testing.T) {
	s := siteOf(t, newDaemon(ok("ok")))
	for range 2 {
		for accept, want := range map[string]string{
			"*/*": "text/plain; version=0.0.4", "application/openmetrics-text;version=1.0.0,*/*;q=0.1": "application/openmetrics-text; version=1.0.0",
		} {
			r := request(http.MethodGet, "/metrics", "")
			r.Header.Set("Accept", accept)
			w := do(s, r)
			open := strings.HasPrefix(want, "application/")
			if kind := w.Header().Get("Content-Type"); w.Code != 200 || !strings.HasPrefix(kind, want) || strings.Contains(w.Body.String(), "# EOF") != open {
				t.Errorf("%s: status %d, %s\n%s", accept, w.Code, kind, w.Body)
			}
		}
	}
}
