package setup

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/twinpath/twinpath/router"
)

// read asks the page of a box with these ports.
func read(l Layout, snapshot *router.Snapshot, request *http.Request) *httptest.ResponseRecorder {
	p := &page{layout: func() *Layout { return &l }, at: addressOf(l),
		status: func(context.Context) (*router.Snapshot, error) {
			if snapshot == nil {
				return nil, errors.New("nobody answers")
			}
			return snapshot, nil
		}}
	w := httptest.NewRecorder()
	p.ServeHTTP(w, request)
	return w
}

func get(path string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Host = "192.168.77.1"
	return r
}

func home(name string) Layout {
	for _, h := range homes {
		if h.name == name {
			return Decide(h.ports, h.lease)
		}
	}
	panic(name)
}

func TestPage(t *testing.T) {
	online := &router.Snapshot{Verdict: router.VerdictOK, Sentence: "Internet works, on eth2."}
	golden(t, "page.html", read(home("three-lines"), online, get("/")).Body.String())
	member := get("/")
	member.Host = "192.168.1.51"
	golden(t, "page-member.html", read(home("one-member"), nil, member).Body.String())
}

// What strangers say, a concentrator's name for one, is only ever shown.
func TestPageEscapes(t *testing.T) {
	nasty := modem
	nasty.Concentrator = "<script>alert(1)</script>"
	text := read(Decide([]Port{port(0, nasty), port(1, silent)}, nil), nil, get("/")).Body.String()
	if strings.Contains(text, "<script") || !strings.Contains(text, "&lt;script&gt;") {
		t.Errorf("not escaped: %s", text)
	}
}

func TestPageRefuses(t *testing.T) {
	l := home("two")
	for _, c := range []struct {
		method, host, path string
		status             int
	}{
		{"GET", "192.168.77.1", "/", 200},
		{"GET", "192.168.77.1:80", "/", 200},
		{"GET", "Twinpath", "/", 200},
		{"GET", "twinpath.home.arpa.", "/twinpath.toml", 200},
		{"GET", "twinpath.evil.example", "/", 403},
		{"GET", "", "/", 403},
		{"POST", "192.168.77.1", "/", 405},
		{"HEAD", "192.168.77.1", "/", 405},
		{"GET", "192.168.77.1", "/favicon.ico", 404},
	} {
		r := httptest.NewRequest(c.method, c.path, nil)
		r.Host = c.host
		if w := read(l, nil, r); w.Code != c.status {
			t.Errorf("%s %s of %q: %d, want %d", c.method, c.path, c.host, w.Code, c.status)
		}
	}
}

func TestPageOfAMemberKnowsItsDomain(t *testing.T) {
	lease := *offer("192.168.1.51/24").Offer
	lease.Domain = "fritz.box"
	l := Decide([]Port{port(0, offer("192.168.1.50/24"))}, &lease)
	r := get("/")
	r.Host = "twinpath.fritz.box"
	if w := read(l, nil, r); w.Code != 200 {
		t.Errorf("%s: %d", r.Host, w.Code)
	}
}

func TestDnsmasqSaysWhyItEnded(t *testing.T) {
	d := Dnsmasq{Program: "sh"} // which takes no such arguments
	err := d.run(t.Context(), "br-lan", netip.MustParsePrefix("172.27.77.1/24"), nil, slog.New(slog.DiscardHandler))
	if err == nil || !strings.HasPrefix(err.Error(), "dnsmasq ended: exit status ") || len(err.Error()) < 40 {
		t.Errorf("got %v", err)
	}
}

func TestDnsmasqArguments(t *testing.T) {
	d := Dnsmasq{Program: "dnsmasq", User: "dnsmasq", Leases: "/run/x/leases"}
	got := strings.Join(d.arguments("br-lan", netip.MustParsePrefix("172.27.77.1/24"), []string{"9.9.9.9"}), "\n")
	golden(t, "dnsmasq.txt", got+"\n")
}
