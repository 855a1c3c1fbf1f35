package site

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/html"

	"github.com/twinpath/twinpath/web"
	"github.com/twinpath/twinpath/wizard"
)

// desk is a site with a daemon behind it, and a browser in front.
type desk struct {
	*authority
	t    *testing.T
	site *Site
	url  string
	http *http.Client
}

func newDesk(t *testing.T, prepare ...func(*authority)) *desk {
	a := newAuthority()
	for _, f := range prepare {
		f(a)
	}
	near, far := net.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = web.ServeConn(ctx, far, a.handler()) })
	s := &Site{Client: web.NewConnClient(near), Check: checkFake, Log: slog.New(slog.DiscardHandler)}
	server := httptest.NewServer(s.Handler())
	news := s.hub.next()
	running.Go(func() { _ = s.hub.run(ctx) })
	<-news
	t.Cleanup(func() {
		server.Close()
		cancel()
		_ = near.Close()
		running.Wait()
	})
	return &desk{authority: a, t: t, site: s, url: server.URL, http: browser()}
}

func browser() *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		panic(err)
	}
	return &http.Client{Jar: jar, Transport: &http.Transport{}}
}

// checkFake finds one problem: the word "wrong", at its line.
func checkFake(text string) []wizard.Problem {
	for i, line := range strings.Split(text, "\n") {
		if strings.Contains(line, "wrong") {
			return []wizard.Problem{{Line: i + 1, Key: "lan.address", What: "is not right: " + line, Hint: "make it right"}}
		}
	}
	return nil
}

// page is what the browser shows in the end.
type page struct {
	status int
	at     string // its path and query
	header http.Header
	text   string
	doc    *html.Node
}

func (d *desk) get(path string) page { return d.do(http.MethodGet, path, nil) }

func (d *desk) post(path string, form ...string) page {
	values := url.Values{}
	for i := 0; i < len(form); i += 2 {
		values.Add(form[i], form[i+1])
	}
	return d.do(http.MethodPost, path, values)
}

func (d *desk) do(method, path string, form url.Values) page {
	d.t.Helper()
	p, err := d.try(method, path, form)
	if err != nil {
		d.t.Fatal(err)
	}
	return p
}

func (d *desk) try(method, path string, form url.Values) (page, error) {
	r, err := http.NewRequestWithContext(d.t.Context(), method, d.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		return page{}, err
	}
	r.Header.Set("Accept", "text/html")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	answer, err := d.http.Do(r)
	if err != nil {
		return page{}, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return page{}, err
	}
	doc, err := html.Parse(strings.NewReader(string(text)))
	return page{answer.StatusCode, answer.Request.URL.RequestURI(), answer.Header, string(text), doc}, err
}

func (d *desk) logIn() *desk {
	d.t.Helper()
	if p := d.post("/login", "password", word); p.status != http.StatusOK {
		d.t.Fatalf("login: %d\n%s", p.status, p.text)
	}
	return d
}

// find returns the elements of a page for which is says so.
func (p page) find(is func(*html.Node) bool) []*html.Node {
	var all []*html.Node
	for n := range p.doc.Descendants() {
		if n.Type == html.ElementNode && is(n) {
			all = append(all, n)
		}
	}
	return all
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

// value is what a form's field holds.
func (p page) value(name string) string {
	fields := p.find(func(n *html.Node) bool { return attr(n, "name") == name })
	if len(fields) == 0 {
		return ""
	}
	if fields[0].Data == "textarea" {
		return textOf(fields[0])
	}
	return attr(fields[0], "value")
}

func textOf(n *html.Node) string {
	var b strings.Builder
	for c := range n.Descendants() {
		if c.Type == html.TextNode {
			b.WriteString(c.Data)
		}
	}
	return b.String()
}

// wants fails the test unless the page has the status and says each of the words.
func (p page) wants(t *testing.T, status int, says ...string) page {
	t.Helper()
	if p.status != status {
		t.Errorf("%s: status %d, want %d", p.at, p.status, status)
	}
	seen := strings.Join(strings.Fields(textOf(p.doc)), " ")
	for _, text := range says {
		if !strings.Contains(seen, text) {
			t.Errorf("%s does not say %q but:\n%s", p.at, text, seen)
		}
	}
	return p
}

// withSession is the cookies of a browser that is logged in.
func withSession(d *desk) http.CookieJar {
	jar := browser().Jar
	u, err := url.Parse(d.url)
	if err != nil {
		d.t.Fatal(err)
	}
	jar.SetCookies(u, []*http.Cookie{{Name: sessionCookie, Value: "token-0", Path: "/"}})
	return jar
}
