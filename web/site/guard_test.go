package site

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twinpath/twinpath/web"
)

func TestOnlyOwnNamesAreAnswered(t *testing.T) {
	s := show(t, pictures()["ok"])
	for _, c := range []struct {
		host string
		want int
	}{
		{"192.168.1.2", 200}, {"192.168.1.2:80", 200}, {"192.168.1.2:8080", 200}, {"[::ffff:192.168.1.2]", 200},
		{"router.example", 200}, {"ROUTER.Example.", 200}, {"router.example:80", 200}, {"main", 200},
		{"192.168.1.3", 421}, {"203.0.113.20", 421}, {"[2001:db8::1]:80", 421}, {"127.0.0.1", 421}, {"localhost", 421},
		{"evil.example", 421}, {"router.example.evil.example", 421}, {"evil.example:80", 421}, {"192.168.1.2.evil.example", 421},
		{"", 400},
	} {
		r := request(http.MethodGet, "/", "")
		r.Host = c.host
		w := do(s, r)
		if w.Code != c.want {
			t.Errorf("Host %q: %d, want %d", c.host, w.Code, c.want)
		}
		if body := w.Body.String(); c.want == 421 && (strings.Contains(body, "fibre") || !strings.Contains(body, "router.example")) {
			t.Errorf("Host %q: the refusal does not say which names work, or more than that", c.host)
		}
	}
}

func TestEveryAnswerHasItsHeaders(t *testing.T) {
	s := show(t, pictures()["ok"])
	for _, target := range []string{"/", "/part", "/api/v1/status", "/nowhere", "/metrics", "/whoami", "/healthz", s.assets.url("page.css"), "/..%2f"} {
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodDelete, "BREW"} {
			h := do(s, request(method, target, "")).Header()
			for name, want := range map[string]string{
				"Content-Security-Policy":      "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
				"X-Content-Type-Options":       "nosniff",
				"X-Frame-Options":              "DENY",
				"Referrer-Policy":              "same-origin",
				"Cross-Origin-Resource-Policy": "same-origin",
			} {
				if got := h.Get(name); got != want {
					t.Errorf("%s %s: %s is %q, want %q", method, target, name, got, want)
				}
			}
			if cache := h.Get("Cache-Control"); cache != "no-store" && !strings.HasPrefix(target, "/static/") {
				t.Errorf("%s %s: Cache-Control is %q, want no-store", method, target, cache)
			}
			if h.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s %s lets other sites read", method, target)
			}
		}
	}
}

// Browsers heed an opener policy over TLS only, and complain of it elsewhere.
func TestTheOpenerPolicyNeedsTLS(t *testing.T) {
	s := show(t, pictures()["ok"])
	r := request(http.MethodGet, "/", "")
	r.TLS = &tls.ConnectionState{}
	if got := do(s, r).Header().Get("Cross-Origin-Opener-Policy"); got != "same-origin" {
		t.Errorf("over TLS it is %q, want same-origin", got)
	}
	if got := get(s, "/").Header().Get("Cross-Origin-Opener-Policy"); got != "" {
		t.Errorf("without TLS it is %q, want none", got)
	}
}

func TestOtherSitesMayNotPost(t *testing.T) {
	s := show(t, pictures()["ok"])
	for _, c := range []struct {
		name, header, value string
		want                int
	}{
		{"another site", "Sec-Fetch-Site", "cross-site", 403},
		{"a sister", "Sec-Fetch-Site", "same-site", 403},
		{"another origin, as old browsers say", "Origin", "http://evil.example", 403},
		{"a sandboxed frame", "Origin", "null", 403},
		{"ourselves", "Sec-Fetch-Site", "same-origin", 401},
		{"ourselves, as old browsers say", "Origin", "http://192.168.1.2", 401},
		{"a program", "", "", 401},
	} {
		r := request(http.MethodPost, "/api/v1/drain?wan=fibre", "")
		if c.header != "" {
			r.Header.Set(c.header, c.value)
		}
		if w := do(s, r); w.Code != c.want {
			t.Errorf("%s: %d, want %d", c.name, w.Code, c.want)
		}
	}
}

func TestNoPathLeadsAstray(t *testing.T) {
	s := show(t, pictures()["ok"])
	for _, target := range []string{
		"//evil.example/", "//evil.example/..", "/./", "/../", "/../../etc/passwd", "/static/../status.go", "/%2e%2e/", "/%2e%2e/%2e%2e/etc/passwd",
		"/..%2f..%2fetc/passwd", "/a//b", "/;/", "/static;x=1/page.css", "/a\\b", "/%5c%5cevil.example", "/%00", "/static/", "/static", "/static/x/page.css",
		"/static/x/..%2fguard.go", "/.git/config", "/templates/frame.html", "/index.html", "http://evil.example//x/..", "/api/v1/", "/api", "/API/v1/status", "/api/v1/status/",
	} {
		r := request(http.MethodGet, "/", "")
		u, err := url.ParseRequestURI(target)
		if err != nil {
			t.Fatal(err)
		}
		r.RequestURI, r.URL = target, u
		if strings.HasPrefix(target, "//") {
			r.URL.Host, r.URL.Path = "", target // as net/http reads a request line
		}
		if w := do(s, r); w.Code != http.StatusNotFound || w.Header().Get("Location") != "" {
			t.Errorf("%s: %d to %q, want 404 to nowhere", target, w.Code, w.Header().Get("Location"))
		}
	}
	if w := get(s, "/"+strings.Repeat("a", 600)); w.Code != http.StatusRequestURITooLong {
		t.Errorf("a path of 600 letters: %d, want 414", w.Code)
	}
	for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodConnect, http.MethodOptions, http.MethodTrace, "BREW"} {
		if w := do(s, request(method, "/", "")); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") == "" {
			t.Errorf("%s: %d, want 405 with Allow", method, w.Code)
		}
	}
}

func TestPasswordsTravelOverTLSOnly(t *testing.T) {
	p := pictures()["ok"]
	d := p.daemon()
	d.settings.TLS, d.settings.URLs = true, []string{"http://192.168.1.2/", "https://192.168.1.2:8443/"}
	s := siteOf(t, d)
	for target, want := range map[string]string{
		"/login":              "https://192.168.1.2:8443/login",
		"/settings/config":    "https://192.168.1.2:8443/settings/config",
		"/confirm?pass=a%26b": "https://192.168.1.2:8443/confirm?pass=a%26b",
		"/wizard/ports":       "https://192.168.1.2:8443/wizard/ports",
	} {
		if w := get(s, target); w.Code != http.StatusTemporaryRedirect || w.Header().Get("Location") != want {
			t.Errorf("%s: %d to %q, want 307 to %s", target, w.Code, w.Header().Get("Location"), want)
		}
	}
	for _, target := range []string{"/", "/part", "/graphs", "/api/v1/status", "/whoami", "/metrics", s.assets.url("page.css")} {
		if w := get(s, target); w.Code != http.StatusOK {
			t.Errorf("%s: %d, want 200: looking needs no TLS", target, w.Code)
		}
	}
	for _, target := range []string{"/login", "/api/v1/login", "/api/v1/drain"} {
		if w := do(s, request(http.MethodPost, target, "password=secret")); w.Code != http.StatusForbidden {
			t.Errorf("POST %s: %d, want 403", target, w.Code)
		}
	}
}

// served is a site on real loopback sockets.
func served(t *testing.T, d *fakeDaemon) (*Site, string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := net.Pipe()
	s := &Site{Client: web.NewConnClient(ours), Log: slog.New(slog.DiscardHandler)}
	s.prepare()
	var all sync.WaitGroup
	all.Go(func() { _ = web.ServeConn(ctx, theirs, d) })
	all.Go(func() {
		if err := s.Serve(ctx, []net.Listener{l}, nil); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); all.Wait() })
	heard(t, s, func(n *seen) bool { return n != nil })
	return s, l.Addr().String()
}

// say sends bytes and returns the status of what comes back, and whether the connection ends after it.
func say(t *testing.T, address, text string) (status int, closed bool) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	go func() { _, _ = io.WriteString(conn, text) }()
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("%.40q: %v", text, err)
	}
	return answer.StatusCode, answer.Close
}

func TestRawRequests(t *testing.T) {
	_, address := served(t, pictures()["ok"].daemon())
	large := strings.Repeat("x", 10<<20)
	for _, c := range []struct {
		name, text string
		want       int
		closed     bool
	}{
		{"HTTP/1.0 without a host", "GET / HTTP/1.0\r\n\r\n", 400, true},
		{"HTTP/1.1 without a host", "GET / HTTP/1.1\r\n\r\n", 400, true},
		{"HTTP/1.0 with a host", "GET / HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n", 200, true},
		{"two hosts", "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n", 400, true},
		{"another host", "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421, false},
		{"another host in the request line", "GET http://evil.example/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 421, false},
		{"a proxy's verb", "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n", 421, false},
		{"OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 405, false},
		{"headers of 64 KiB", "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + strings.Repeat("x", 64<<10) + "\r\n\r\n", 431, true},
		{"10 MB with their length", "POST /api/v1/drain HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10485760\r\n\r\n" + large, 413, true},
		{"10 MB in chunks", "POST /api/v1/drain HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\na00000\r\n" + large + "\r\n0\r\n\r\n", 413, true},
		{"a length twice", "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx", 400, true},
		{"two slashes", "GET //evil.example/%2f.. HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 404, false},
	} {
		if status, closed := say(t, address, c.text); status != c.want || closed != c.closed {
			t.Errorf("%s: %d, closed %v; want %d, %v", c.name, status, closed, c.want, c.closed)
		}
	}
}

// Those who hold connections without asking for anything must not keep a browser out, be it from the same box.
func TestIdlersDoNotKeepBrowsersOut(t *testing.T) {
	s, address := served(t, pictures()["ok"].daemon())
	const idlers = 1000
	held := make([]net.Conn, 0, idlers)
	defer func() {
		for _, c := range held {
			_ = c.Close()
		}
	}()
	openings := []string{"", "G", "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX", "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\nx"}
	for n := range idlers {
		conn, err := net.Dial("tcp", address)
		if errors.Is(err, syscall.EMFILE) {
			t.Fatalf("this machine gives only %d files to a program", n)
		}
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, conn)
		_, _ = conn.Write([]byte(openings[n%len(openings)])) // it may have been shown the door already
		if n%100 != 99 {
			continue
		}
		began := time.Now()
		if status, _ := say(t, address, "GET /api/v1/status HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"); status != http.StatusOK {
			t.Fatalf("with %d idlers a browser gets %d", n+1, status)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("with %d idlers a browser waits %s", n+1, took)
		}
	}
	s.crowd.mu.Lock()
	defer s.crowd.mu.Unlock()
	if n := len(s.crowd.guests); n > oneSource {
		t.Errorf("one source holds %d connections, want %d at most", n, oneSource)
	}
}

func TestTheCrowdIsBounded(t *testing.T) {
	c := new(crowd)
	enter := func(source int) *guest {
		conn := addressed{&net.TCPAddr{IP: net.IPv4(10, 0, byte(source>>8), byte(source)), Port: 1}}
		return c.enter(conn)
	}
	first := enter(0)
	for n := range everybody {
		if g := enter(n + 1); g == nil {
			t.Fatalf("nobody works, and guest %d finds no room", n+1)
		}
	}
	if len(c.guests) != everybody || c.guests[0] == first {
		t.Errorf("there are %d guests, the oldest among them %v; want %d without it", len(c.guests), c.guests[0] == first, everybody)
	}
	for _, g := range c.guests {
		c.work(context.WithValue(context.Background(), guestKey{}, g))
	}
	if enter(9999) != nil {
		t.Error("all guests are being answered, and one had to go")
	}
	c.state(c.guests[300], http.StateIdle)
	if idle := c.guests[everybody-1]; idle.working || enter(9999) == nil {
		t.Error("one is idle, and does not make room")
	}
}

// Eight addresses are not too many for somebody who wants to keep the house out by reading slowly.
func TestNobodyKeepsAllTheRoom(t *testing.T) {
	c := new(crowd)
	enter := func(source byte) *guest {
		g := c.enter(addressed{&net.TCPAddr{IP: net.IPv4(10, 0, 0, source), Port: 1}})
		if g != nil {
			c.work(context.WithValue(context.Background(), guestKey{}, g))
		}
		return g
	}
	for n := range everybody {
		enter(byte(n / oneSource))
	}
	for n := range 20 {
		if enter(100) == nil {
			t.Fatalf("connection %d of a browser finds no room", n+1)
		}
	}
	if enter(0) != nil {
		t.Error("who has the most gets more")
	}
	if len(c.guests) != everybody || c.count(func(g *guest) bool { return g.source == addrOf(&net.TCPAddr{IP: net.IPv4(10, 0, 0, 100)}) }) != 20 {
		t.Errorf("%d guests, and the browser has lost some", len(c.guests))
	}
}

// addressed is a connection that only has an address.
type addressed struct{ from net.Addr }

func (a addressed) RemoteAddr() net.Addr             { return a.from }
func (a addressed) LocalAddr() net.Addr              { return a.from }
func (addressed) Close() error                       { return nil }
func (addressed) Read([]byte) (int, error)           { return 0, io.EOF }
func (addressed) Write(b []byte) (int, error)        { return len(b), nil }
func (addressed) SetDeadline(time.Time) error        { return nil }
func (addressed) SetReadDeadline(time.Time) error    { return nil }
func (addressed) SetWriteDeadline(t time.Time) error { return nil }

func TestStaticFilesAreForEver(t *testing.T) {
	s := show(t, pictures()["ok"])
	for name, a := range s.assets {
		w := get(s, s.assets.url(name))
		if w.Code != 200 || !bytes.Equal(w.Body.Bytes(), a.text) || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %d, %d bytes, Cache-Control %q", name, w.Code, w.Body.Len(), w.Header().Get("Cache-Control"))
		}
		if w := get(s, fmt.Sprintf("/static/000000000000/%s", name)); w.Code != http.StatusNotFound {
			t.Errorf("%s with another hash: %d, want 404", name, w.Code)
		}
	}
}
