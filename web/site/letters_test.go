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

// TestNobodyKeepsTheOtherRouterFromTelling has a device of the house post nonsense while the other router has something to say.
func TestNobodyKeepsTheOtherRouterFromTelling(t *testing.T) {
	home := house(router.VerdictOK, "Internet works, on fibre.", line("fibre", "wan0", 0, true))
	home.Pair = &router.PairView{Peer: "192.168.1.3"}
	d := newDaemon(home)
	d.verb = func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "\x01answer") }
	s := siteOf(t, d)
	post := func(from string) int {
		r := request(http.MethodPost, "/api/v1/pair/letters", "\x01sealed")
		r.RemoteAddr = from
		return do(s, r).Code
	}
	refused := 0
	for range 50 {
		if post("192.168.1.66:4711") == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused < 30 {
		t.Errorf("of a flood of 50 letters %d are refused", refused)
	}
	if status := post("192.168.1.3:4711"); status != http.StatusOK {
		t.Errorf("the other router gets %d", status)
	}
}
