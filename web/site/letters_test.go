package site

import (
	"io"
	"net/http"
	"testing"

	"github.com/twinpath/twinpath/router"
)

func TestLettersOfTheOtherRouterArePassedOn(t *testing.T) {
	d := newDaemon(house(router.VerdictOK, "Internet works, on fibre.", line("fibre", "wan0", 0, true)))
	d.settings.TLS = true // sealed letters need none
	d.verb = func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		if r.URL.Path != "/api/v1/pair/letters" || string(text) != "\x01sealed" {
			http.Error(w, "c0ffee", http.StatusConflict)
			return
		}
		_, _ = io.WriteString(w, "\x01answer")
	}
	s := siteOf(t, d)
	for body, want := range map[string]struct {
		status int
		answer string
	}{"\x01sealed": {200, "\x01answer"}, "\x01old": {409, "c0ffee\n"}} {
		w := do(s, request(http.MethodPost, "/api/v1/pair/letters", body))
		if w.Code != want.status || w.Body.String() != want.answer {
			t.Errorf("%q: %d %q, want %d %q", body, w.Code, w.Body, want.status, want.answer)
		}
	}
}
