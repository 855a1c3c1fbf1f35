package site

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

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
	leases  []web.HouseLease
	drills  []router.DrillView
	tested  []web.TestedChannel
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
	past := time.Date(2026, 11, 15, 4, 10, 0, 0, time.UTC)
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
		tested: []web.TestedChannel{{Name: "ntfy://ntfy.sh/…"}, {Name: "smtp://mail.example", Error: "no route to host"}},
		drills: []router.DrillView{
			{ID: "2", WAN: "fibre", Through: "mobile", Start: past, End: past.Add(20 * time.Second), OK: true, Weekly: true, Sentence: "mobile would carry the house: 22 Mbit/s.",
				Steps: []router.DrillStep{{What: "dns", OK: true, Took: router.Milliseconds(42 * time.Millisecond), Detail: "192.0.2.1 answers"}},
				Felt:  []string{"42 ms instead of 9 ms"}},
			{ID: "1", WAN: "fibre", Through: "mobile", Full: true, Start: past.Add(-time.Hour), End: past.Add(-time.Hour), Sentence: "mobile would not carry the house: no TLS.",
				Steps: []router.DrillStep{{What: "tls", Detail: "no answer within 5 s"}}},
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
	open("GET /api/v1/drills", func(*http.Request) (any, error) { return a.drills, nil })
	mux.HandleFunc("GET /api/v1/stream", a.stream)
	open("POST /api/v1/login", a.login)
	owner("POST /api/v1/logout", func(r *http.Request) (any, error) { clear(a.sessions); return nil, nil })
	owner("GET /api/v1/session", func(*http.Request) (any, error) { return map[string]time.Time{"until": time.Now().Add(time.Hour)}, nil })
	owner("GET /api/v1/house/leases", func(*http.Request) (any, error) { return a.leases, nil })
	owner("GET /api/v1/config", a.config)
	owner("GET /api/v1/config/{number}", a.keptConfig)
	owner("POST /api/v1/apply", a.apply)
	owner("POST /api/v1/confirm", a.confirm)
	a.changes(owner)
	return mux
}

// changes are the verbs that change something at once.
func (a *authority) changes(owner func(string, func(*http.Request) (any, error))) {
	owner("POST /api/v1/revert", func(*http.Request) (any, error) {
		a.text, a.snapshot.Pending, a.serves = a.before, nil, true
		return nil, a.note("revert")
	})
	owner("POST /api/v1/drain", func(r *http.Request) (any, error) { return nil, a.note("drain " + r.FormValue("wan")) })
	owner("POST /api/v1/resume", func(r *http.Request) (any, error) { return nil, a.note("resume " + r.FormValue("wan")) })
	owner("POST /api/v1/password", a.setPassword)
	owner("POST /api/v1/alert/test", func(r *http.Request) (any, error) {
		if r.ContentLength == 0 {
			return a.tested, a.note("alert all")
		}
		var to struct{ URL string }
		_ = json.NewDecoder(r.Body).Decode(&to)
		return nil, a.note("alert " + to.URL)
	})
	owner("POST /api/v1/pair/offer", func(*http.Request) (any, error) { return a.pair, a.note("offer") })
	owner("POST /api/v1/drill", a.drill)
	owner("GET /api/v1/ports", func(*http.Request) (any, error) { return a.ports, nil })
	owner("POST /api/v1/pair/join", func(*http.Request) (any, error) { return a.pairing, a.note("join") })
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

func (a *authority) drill(r *http.Request) (any, error) {
	goes := len(a.drills) > 0 && a.drills[0].End.IsZero()
	switch wan := r.FormValue("wan"); {
	case r.FormValue("stop") != "":
		a.drills = a.drills[1:]
		return nil, a.note("drill stop")
	case wan != "fibre" && wan != "mobile":
		return nil, refusal{404, fmt.Sprintf("%q: there is no such WAN", wan)}
	case goes:
		return nil, refusal{409, "another rehearsal goes on"}
	default:
		full := r.FormValue("full") != ""
		d := router.DrillView{ID: "3", WAN: wan, Through: "mobile", Full: full, Start: time.Now(), Sentence: "Asking for names."}
		a.drills = append([]router.DrillView{d}, a.drills...)
		verb := "drill " + wan
		if full {
			verb += " full"
		}
		return d, a.note(verb)
	}
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
