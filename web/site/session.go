package site

import (
	"crypto/sha256"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/twinpath/twinpath/web"
)

// The cookies: who is logged in, and which browser this is, so that a flood of wrong passwords from elsewhere does not delay it.
const (
	sessionCookie = "twinpath"
	deviceCookie  = "twinpath_device"
)

// cookieName is a cookie's name on this connection: over TLS the browser itself guarantees where it comes from.
func cookieName(r *http.Request, name string) string {
	if r.TLS != nil {
		return "__Host-" + name
	}
	return name
}

// token is the session that a request brings: as a cookie, or as a program does.
func token(r *http.Request) string {
	if cookie, err := r.Cookie(cookieName(r, sessionCookie)); err == nil && len(cookie.Value) <= longestToken {
		return cookie.Value
	}
	const scheme = "Bearer "
	if text := r.Header.Get("Authorization"); len(text) > len(scheme) && text[:len(scheme)] == scheme && len(text) <= longestToken {
		return text[len(scheme):]
	}
	return ""
}

// longestToken is far more than a token has.
const longestToken = 256

// owner returns the session of a request, and whether the daemon takes it.
func (s *Site) owner(r *http.Request) (string, bool) {
	t := token(r)
	if t == "" {
		return "", false
	}
	good, err := s.session(r, t)
	return t, good && err == nil
}

// session asks the daemon whether a session is good, or remembers what it said.
func (s *Site) session(r *http.Request, token string) (bool, error) {
	if good, known := s.sessions.remember(token, time.Now()); known {
		return good, nil
	}
	_, err := s.Client.As(token).SessionUntil(r.Context())
	if err != nil && web.StatusOf(err) != http.StatusUnauthorized {
		return false, err
	}
	s.sessions.learn(token, err == nil, time.Now())
	return err == nil, nil
}

// need shows a page to the owner only; everybody else logs in first.
func (s *Site) need(h func(w http.ResponseWriter, r *http.Request, token string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		t := token(r)
		if t == "" {
			s.loginFirst(w, r)
			return
		}
		switch good, err := s.session(r, t); {
		case err != nil:
			s.silent(w, r, err)
		case !good:
			s.loginFirst(w, r)
		default:
			h(w, r, t)
		}
	}
}

// loginFirst leads to the login, and from there back. What a form carried comes along.
func (s *Site) loginFirst(w http.ResponseWriter, r *http.Request) {
	if !forPeople(r) {
		s.fail(w, r, http.StatusUnauthorized, "this needs the owner's session", "log in first: docs/api.md shows how a program does")
		return
	}
	if r.Method == http.MethodPost {
		s.loginAgain(w, r)
		return
	}
	next := r.URL.Path
	if r.URL.RawQuery != "" {
		next += "?" + r.URL.RawQuery
	}
	http.Redirect(w, r, "/login?next="+url.QueryEscape(next), http.StatusSeeOther)
}

// silent says that the daemon does not answer, on a page that tries again by itself.
func (s *Site) silent(w http.ResponseWriter, r *http.Request, err error) {
	s.Log.Debug("the daemon does not answer", "err", err)
	w.Header().Set("Retry-After", "2")
	if r.Method == http.MethodPost && forPeople(r) {
		s.hold(w, r)
		return
	}
	w.Header().Set("Refresh", "2")
	s.fail(w, r, http.StatusServiceUnavailable, "The router is restarting.", "This takes a few seconds. Nothing is lost.")
}

const (
	// memory is how long the daemon's word on a session is good: a moment, so that it costs little to load a page with
	// all that belongs to it, and a log-out elsewhere counts at once.
	memory = 2 * time.Second
	// remembered bounds the memory; a flood of invented sessions empties it, which costs a question each.
	remembered = 256
)

// sessions remembers for a moment which sessions are good, by their hash.
type sessions struct {
	mu    sync.Mutex
	known map[[sha256.Size]byte]verdict
}

type verdict struct {
	good bool
	at   time.Time
}

func (m *sessions) remember(token string, now time.Time) (good, known bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := m.known[sha256.Sum256([]byte(token))]
	return v.good, ok && now.Sub(v.at) < memory
}

func (m *sessions) learn(token string, good bool, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil || len(m.known) >= remembered {
		m.known = map[[sha256.Size]byte]verdict{}
	}
	m.known[sha256.Sum256([]byte(token))] = verdict{good, now}
}

// forget drops what is known of all sessions: somebody has logged out, or the password is another.
func (m *sessions) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.known = nil
}
