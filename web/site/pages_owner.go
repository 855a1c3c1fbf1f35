package site

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/twinpath/twinpath/web"
	"github.com/twinpath/twinpath/wizard"
)

// ownerRoutes are the pages for who may change something. GET changes nothing, but for a pass that logs in (confirmPage).
func (s *Site) ownerRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /here", s.here)
	mux.HandleFunc("GET /login", s.loginPage)
	mux.HandleFunc("POST /login", s.logIn)
	mux.HandleFunc("POST /logout", s.logOut)
	mux.HandleFunc("GET /confirm", s.confirmPage)
	mux.HandleFunc("POST /confirm", s.need(s.confirm))
	for pattern, page := range map[string]func(http.ResponseWriter, *http.Request, string){
		"GET /settings":               s.settingsPage,
		"GET /settings/drain":         s.drainPage,
		"POST /settings/drain":        s.drain,
		"GET /settings/twinpath.toml": s.download,
		"GET /settings/config":        s.editorPage,
		"POST /settings/config":       s.edit,
		"POST /settings/apply":        s.applyForm,
		"GET /settings/kept":          s.keptPage,
		"GET /settings/kept/{number}": s.keptOne,
		"GET /settings/password":      s.passwordPage,
		"POST /settings/password":     s.password,
		"GET /settings/alert":         s.alertPage,
		"POST /settings/alert":        s.alertTest,
		"GET /settings/house":         s.housePage,
		"GET /settings/drill":         s.drillPage,
		"POST /settings/drill":        s.drill,
		"GET /settings/pair":          s.pairPage,
		"POST /settings/pair":         s.pairOffer,
	} {
		mux.HandleFunc(pattern, s.need(page))
	}
}

// here says that a router answers at this address, to a page that looks for it from another one: a browser keeps the answer
// from that page unless it is marked as anybody's.
func (s *Site) here(w http.ResponseWriter, _ *http.Request) {
	if seen := s.hub.seen(); seen == nil || !seen.silent.IsZero() {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
	w.WriteHeader(http.StatusNoContent)
}

// deny says why the daemon did not do it: its own words, the login, or that it does not answer.
func (s *Site) deny(w http.ResponseWriter, r *http.Request, err error) {
	switch status := web.StatusOf(err); status {
	case 0:
		s.silent(w, r, err)
	case http.StatusUnauthorized:
		s.sessions.forget() // what it said a moment ago no longer holds
		s.loginFirst(w, r)
	default:
		what, hint := words(err)
		s.fail(w, r, status, what, hint)
	}
}

// hold keeps what a form carried while the daemon does not answer.
func (s *Site) hold(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm() // what cannot be read is not kept
	s.renderAs(w, r, http.StatusServiceUnavailable, "hold", held{Path: r.URL.Path, Carried: carried(r)})
}

// held is what hold.html shows.
type held struct {
	Path    string
	Carried []hidden
}

// notice is what a page says above everything else.
type notice struct {
	Bad        bool
	What, Hint string
}

func badNotice(err error) *notice {
	what, hint := words(err)
	return &notice{Bad: true, What: what, Hint: hint}
}

// words are an error's sentence and its hint, as a person reads them.
func words(err error) (what, hint string) {
	what, hint, _ = strings.Cut(strings.TrimSpace(err.Error()), "\nhint: ")
	return sentence(what), sentence(hint)
}

// sentence gives a clause its capital and its full stop.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	text = strings.ToUpper(text[:1]) + text[1:] // our own words start with ASCII
	if strings.ContainsAny(text[len(text)-1:], ".!?:") || strings.Contains(text, "\n") {
		return text
	}
	return text + "."
}

// hidden is a field of a form that nobody sees: what was typed stays with the page on its way through a login.
type hidden struct{ Name, Value string }

// secretFields are never sent back to a browser.
var secretFields = []string{"password", "old", "new", "again", "pass"}

// carried is what a form held, for the next one to hold it again.
func carried(r *http.Request) []hidden {
	var all []hidden
	for name, values := range r.PostForm {
		if name == "next" || name == "carried" || slices.Contains(secretFields, name) {
			continue
		}
		for _, value := range values {
			if name == "do" && value == "apply" {
				value = "preview" // much may have happened in between: it is looked at once more
			}
			all = append(all, hidden{name, value})
		}
	}
	slices.SortFunc(all, func(a, b hidden) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// localPath returns the path of this site that a form asked for, or /.
func localPath(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") ||
		strings.ContainsAny(next, "\\\r\n\t") {
		return "/"
	}
	return next
}

// diffLine is a line of a difference as the pages show it.
type diffLine struct{ Class, Sign, Text string }

// diff is what changes from one configuration to another, with a little of what stays around it.
func diff(old, fresh string) []diffLine {
	if old == fresh {
		return nil
	}
	classes := map[rune]string{'+': "add", '-': "del"}
	var all []diffLine
	shown := 0 // lines of the new text
	for _, line := range wizard.Diff(old, fresh) {
		if line.Sign != '-' {
			if line.N > shown+1 {
				all = append(all, diffLine{"gap", "…", fmt.Sprintf("line %d", line.N)})
			}
			shown = line.N
		}
		all = append(all, diffLine{classes[line.Sign], string(line.Sign), line.Text})
	}
	return all
}

// revisionOf names a configuration's text, as the daemon does.
func revisionOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])[:16]
}

// unixLines undoes what browsers do to the lines of a form.
func unixLines(text string) string { return strings.ReplaceAll(text, "\r\n", "\n") }

// unhurried is for a verb that may take long, and whose answer matters even when the browser has gone away: a second click
// ends the request of the first.
func unhurried(w http.ResponseWriter, r *http.Request) (context.Context, context.CancelFunc) {
	const enough = 30 * time.Second
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(enough + patience)) // a recorder in a test has none
	return context.WithTimeout(context.WithoutCancel(r.Context()), enough)
}
