package site

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

func TestMoving(t *testing.T) {
	d := newDesk(t, func(a *authority) {
		a.moves = []string{"http://192.168.77.1/", "https://192.168.77.1:8443/", "javascript:alert(1)"}
	}).logIn()
	p := d.post("/settings/config", "do", "apply", "text", otherText, "revision", revisionOf(goodText)).
		wants(t, 200, "The router has a new address", "http://192.168.77.1", "pull its cable and plug it in again", "Go back now")
	if csp := p.header.Get("Content-Security-Policy"); !strings.Contains(csp, "connect-src 'self' http://192.168.77.1 https://192.168.77.1:8443;") {
		t.Errorf("CSP: %s", csp)
	}
	var to []string
	for _, n := range p.find(func(n *html.Node) bool { return n.Data == "a" && strings.Contains(attr(n, "href"), "from=") }) {
		to = append(to, attr(n, "href"))
	}
	query := "/confirm?" + url.Values{"from": {d.url}, "of": {revisionOf(otherText)}, "pass": {"pass-1"}}.Encode()
	open := strings.Replace(query, "&pass=pass-1", "", 1) // where there is TLS it travels over that only
	if want := []string{"http://192.168.77.1" + open, "https://192.168.77.1:8443" + query}; !slices.Equal(to, want) {
		t.Errorf("links %q, want %q", to, want)
	}

	// Here nobody confirms.
	d.post("/confirm", "of", revisionOf(otherText), "do", "keep").
		wants(t, 409, "The new configuration does not have the page at 127.0.0.1, where you are.", "Confirm on its new address.", "Keep the new configuration?").
		leads(t, "http://192.168.77.1/confirm?of="+revisionOf(otherText))

	// Another browser, at the new address.
	d.set(func() { d.serves = true })
	d.http = browser()
	d.get("/confirm?of="+revisionOf(otherText)).wants(t, 200, "Log in")
	p = d.get(query).wants(t, 200, "Keep the new configuration?", "Log out")
	again := d.http
	d.http = browser()
	d.get(query).wants(t, 200, "Log in") // the pass is good once
	d.http = again
	d.post("/confirm", "of", p.value("of"), "from", p.value("from"), "do", "keep").wants(t, 200, "The new configuration is kept.")
}

func TestGoBackFromTheNewAddress(t *testing.T) {
	d := newDesk(t).logIn()
	d.post("/settings/config", "do", "apply", "text", otherText, "revision", revisionOf(goodText))
	p := d.post("/confirm", "of", revisionOf(otherText), "do", "back", "from", "http://192.168.1.1").wants(t, 200, "Going back", "http://192.168.1.1").leads(t, "http://192.168.1.1/")
	if csp := p.header.Get("Content-Security-Policy"); !strings.Contains(csp, "connect-src 'self' http://192.168.1.1;") {
		t.Errorf("CSP: %s", csp)
	}
	for _, from := range []string{"http://evil.example", "http://8.8.8.8", "javascript:alert(1)", "http://192.168.1.1/path", "http://u@192.168.1.1", "http://192.168.1.1 http://evil.example"} {
		p := d.post("/confirm", "of", revisionOf(otherText), "do", "back", "from", from)
		if p.at != "/settings?done=back" {
			t.Errorf("from %q: %s", from, p.at)
		}
	}
}

func TestNobodyConfirmsWithoutLogin(t *testing.T) {
	d := newDesk(t).logIn()
	d.post("/settings/config", "do", "apply", "text", otherText, "revision", revisionOf(goodText))
	d.http = browser()
	for _, do := range []string{"keep", "back"} {
		d.post("/confirm", "of", revisionOf(otherText), "do", do).wants(t, 401, "You are not logged in any more.")
	}
	if did := d.deeds(); !slices.Equal(did, []string{"apply"}) {
		t.Errorf("did %q", did)
	}
}

// A new configuration replaces the process that serves the page while its owner goes on clicking.
func TestWhatIsBeingDoneIsFinished(t *testing.T) {
	held := make(chan struct{})
	d := newDesk(t, func(a *authority) { a.hold = held }).logIn()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, leave := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- d.site.Serve(ctx, []net.Listener{l}, nil) }()
	d.url = "http://" + l.Addr().String()
	d.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	pages := make(chan page, 1)
	go func() {
		p, err := d.try(http.MethodPost, "/settings/config", url.Values{"do": {"apply"}, "text": {otherText}, "revision": {revisionOf(goodText)}})
		if err != nil {
			t.Errorf("the click got no answer: %v", err)
		}
		pages <- p
	}()
	held <- struct{}{} // the daemon is at it
	leave()
	for knock, err := net.Dial("tcp", l.Addr().String()); err == nil; knock, err = net.Dial("tcp", l.Addr().String()) {
		_ = knock.Close() // it still takes guests
	}
	held <- struct{}{}
	if p := <-pages; p.status != http.StatusSeeOther {
		t.Errorf("the click got %d", p.status)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}
