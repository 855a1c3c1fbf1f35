package site

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/web"
	"github.com/twinpath/twinpath/wizard"
)

// authority is a daemon as the owner's pages meet it: over a real private connection, with its answers made here.
type authority struct {
	mu       sync.Mutex
	settings web.Settings
	snapshot router.Snapshot
	text     string
	before   string // what Revert goes back to
	kept     []web.Kept
	password string
	sessions map[string]string // token → the password it was opened with
	passes   map[string]bool
	wait     int // seconds that a login has to wait

	moves   []string         // where the page is after the next Apply; nil: it stays
	serves  bool             // confirmations are taken at the address they come from
	applies int              // how many were granted
	hold    chan struct{}    // an Apply waits for it; nil: it does not
	refuses map[string]error // by verb: what it says instead; nil error: the connection breaks
	did     []string         // the verbs that changed something
	pair    web.PairCode
	ports   []wizard.Port
	pairing wizard.Pairing
}

// refusal is a status with its text.
type refusal struct {
	status int
	text   string
}

func (r refusal) Error() string { return r.text }

const (
	goodText  = "# the house\n[router]\nname = \"main\"\n\n[lan]\naddress = \"192.168.1.1/24\"\n"
	otherText = "# the house\n[router]\nname = \"main\"\n\n[lan]\naddress = \"192.168.1.1/24\"\ndhcp = {}\n"
	word      = "correct horse"
)

func newAuthority() *authority {
	return &authority{
		settings: web.Settings{Router: "main", Version: "1.2.3", Password: true, URLs: []string{"http://192.168.1.1/"}},
		snapshot: router.Snapshot{Router: "main", Version: "1.2.3", Verdict: router.VerdictOK, Sentence: "Internet works, on fibre.", WANs: []router.WANSnapshot{
			{Name: "fibre", State: "up", Active: true}, {Name: "mobile", State: "up", Metered: true},
		}},
		text: goodText, password: word, sessions: map[string]string{}, passes: map[string]bool{}, serves: true, refuses: map[string]error{},
		kept: []web.Kept{
			{Number: 7, Modified: time.Date(2026, 11, 20, 20, 0, 0, 0, time.UTC), Text: goodText},
			{Number: 6, Modified: time.Date(2026, 11, 19, 8, 30, 0, 0, time.UTC), Text: "# older\n" + goodText},
		},
		pair: web.PairCode{Code: "K7QM-4XRD-AB2C-9WZT", Until: time.Now().Add(10 * time.Minute)},
	}
}

func (a *authority) handler() http.Handler {
	mux := http.NewServeMux()
	open := func(pattern string, f func(r *http.Request) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { a.answer(w, r, f) })
	}
	owner := func(pattern string, f func(r *http.Request) (any, error)) {
		open(pattern, func(r *http.Request) (any, error) {
			token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
			if opened, ok := a.sessions[token]; !ok || opened != a.password {
				return nil, refusal{401, "nobody is logged in with this session any more\nhint: log in again"}
			}
			return f(r)
		})
	}
	open("GET /api/v1/settings", func(*http.Request) (any, error) { return a.settings, nil })
	open("GET /api/v1/status", func(*http.Request) (any, error) { return a.snapshot, nil })
	open("GET /whoami", func(*http.Request) (any, error) { return "main", nil })
	mux.HandleFunc("GET /api/v1/stream", a.stream)
	open("POST /api/v1/login", a.login)
	owner("POST /api/v1/logout", func(r *http.Request) (any, error) { clear(a.sessions); return nil, nil })
	owner("GET /api/v1/session", func(*http.Request) (any, error) { return map[string]time.Time{"until": time.Now().Add(time.Hour)}, nil })
	owner("GET /api/v1/config", a.config)
	owner("GET /api/v1/config/{number}", a.keptConfig)
	owner("POST /api/v1/apply", a.apply)
	owner("POST /api/v1/confirm", a.confirm)
	owner("POST /api/v1/revert", func(*http.Request) (any, error) {
		a.text, a.snapshot.Pending, a.serves = a.before, nil, true
		return nil, a.note("revert")
	})
	owner("POST /api/v1/drain", func(r *http.Request) (any, error) { return nil, a.note("drain " + r.FormValue("wan")) })
	owner("POST /api/v1/resume", func(r *http.Request) (any, error) { return nil, a.note("resume " + r.FormValue("wan")) })
	owner("POST /api/v1/password", a.setPassword)
	owner("POST /api/v1/alert/test", func(r *http.Request) (any, error) {
		var to struct{ URL string }
		_ = json.NewDecoder(r.Body).Decode(&to)
		return nil, a.note("alert " + to.URL)
	})
	owner("POST /api/v1/pair/offer", func(*http.Request) (any, error) { return a.pair, a.note("offer") })
	owner("GET /api/v1/ports", func(*http.Request) (any, error) { return a.ports, nil })
	owner("POST /api/v1/pair/join", func(*http.Request) (any, error) { return a.pairing, a.note("join") })
	return mux
}

func (a *authority) note(verb string) error {
	a.did = append(a.did, verb)
	return nil
}

func (a *authority) answer(w http.ResponseWriter, r *http.Request, f func(r *http.Request) (any, error)) {
	verb := strings.TrimPrefix(r.URL.Path, "/api/v1/")
	a.mu.Lock()
	defer a.mu.Unlock()
	err, refused := a.refuses[verb]
	if refused && err == nil {
		panic(http.ErrAbortHandler) // as a daemon that dies
	}
	var value any
	if !refused {
		value, err = f(r)
	}
	if said, ok := err.(refusal); ok {
		if said.status == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", strconv.Itoa(a.wait))
		}
		http.Error(w, said.text, said.status)
		return
	}
	if value == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	_ = json.NewEncoder(w).Encode(value)
}

func (a *authority) stream(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	text, _ := json.Marshal(a.snapshot)
	a.mu.Unlock()
	fmt.Fprintf(w, "data: %s\n\n", text)
	_ = http.NewResponseController(w).Flush()
	<-r.Context().Done()
}

func (a *authority) login(r *http.Request) (any, error) {
	var l web.Login
	_ = json.NewDecoder(r.Body).Decode(&l)
	switch {
	case l.Pass != "" && a.passes[l.Pass]:
		delete(a.passes, l.Pass)
	case l.Pass != "":
		return nil, refusal{401, "this link was used already"}
	case a.wait > 0:
		return nil, refusal{429, "too many wrong passwords: try again in 8s"}
	case l.Password != a.password:
		return nil, refusal{401, "that is not the password"}
	case !l.Source.IsLoopback():
		return nil, refusal{500, "no source"}
	}
	token := "token-" + strconv.Itoa(len(a.sessions)+1)
	a.sessions[token] = a.password
	return web.Session{Token: token, Device: "device-1", Until: time.Now().Add(30 * 24 * time.Hour)}, nil
}

func (a *authority) config(*http.Request) (any, error) {
	c := web.Configuration{Text: a.text, Revision: revisionOf(a.text), Setup: a.settings.Setup}
	for _, k := range a.kept {
		c.Kept = append(c.Kept, web.Kept{Number: k.Number, Modified: k.Modified})
	}
	return c, nil
}

func (a *authority) keptConfig(r *http.Request) (any, error) {
	for _, k := range a.kept {
		if strconv.Itoa(k.Number) == r.PathValue("number") {
			return k, nil
		}
	}
	return nil, refusal{404, "this configuration is not kept"}
}

func (a *authority) apply(r *http.Request) (any, error) {
	if a.hold != nil {
		a.mu.Unlock()
		<-a.hold // here it is
		<-a.hold // and on it goes
		a.mu.Lock()
	}
	var wish web.Wish
	_ = json.NewDecoder(r.Body).Decode(&wish)
	switch {
	case a.snapshot.Pending != nil:
		return nil, refusal{409, "another configuration waits for its confirmation, 30s left"}
	case wish.Revision != revisionOf(a.text):
		return nil, refusal{409, "another owner has changed it meanwhile"}
	case wish.Confirm != "1m30s":
		return nil, refusal{400, "confirm: " + wish.Confirm}
	}
	a.applies++
	until := time.Now().Add(90 * time.Second)
	a.before, a.text, a.snapshot.Pending = a.text, wish.Text, &router.PendingView{Until: until}
	g := web.Granted{Until: until, Pass: "pass-1", URLs: a.settings.URLs, Moved: a.moves != nil}
	a.passes[g.Pass] = true
	if a.moves != nil {
		g.URLs, a.settings.URLs, a.serves = a.moves, a.moves, false
	}
	return g, a.note("apply")
}

func (a *authority) confirm(r *http.Request) (any, error) {
	switch {
	case a.snapshot.Pending == nil:
		return nil, refusal{409, "no configuration waits for a confirmation"}
	case r.Header.Get("Twinpath-At") != "127.0.0.1":
		return nil, refusal{500, "at: " + r.Header.Get("Twinpath-At")}
	case !a.serves:
		return nil, refusal{409, "the new configuration does not have the page at 127.0.0.1, where you are\nhint: confirm on its new address"}
	}
	a.snapshot.Pending = nil
	return nil, a.note("confirm")
}

func (a *authority) setPassword(r *http.Request) (any, error) {
	var p struct{ Old, New string }
	_ = json.NewDecoder(r.Body).Decode(&p)
	if p.Old != a.password {
		return nil, refusal{403, "the old password is another one"}
	}
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	clear(a.sessions)
	a.password, a.sessions[token] = p.New, p.New
	return nil, a.note("password")
}

func (a *authority) set(f func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f()
}

func (a *authority) deeds() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.did)
}

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
	for _, n := range p.find(func(n *html.Node) bool { return attr(n, "name") == name }) {
		if n.Data == "textarea" {
			return textOf(n)
		}
		return attr(n, "value")
	}
	return ""
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
