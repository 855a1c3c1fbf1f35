package site

import (
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/twinpath/twinpath/web"
)

// loginForm is what login.html shows.
type loginForm struct {
	Next    string
	Carried []hidden // what was typed before the session ended
	Setup   bool     // the code of the console, not a password
	None    bool     // no password is set: nobody can log in
	Notice  *notice
	Wait    int // seconds until the next try
}

func (s *Site) loginPage(w http.ResponseWriter, r *http.Request) {
	next := localPath(r.FormValue("next"))
	if _, ok := s.owner(r); ok {
		http.Redirect(w, r, next, http.StatusSeeOther)
		return
	}
	s.showLogin(w, r, http.StatusOK, loginForm{Next: next})
}

func (s *Site) showLogin(w http.ResponseWriter, r *http.Request, status int, form loginForm) {
	settings := s.hub.settings()
	form.Setup, form.None = settings.Setup, s.hub.seen() != nil && !settings.Password
	s.renderAs(w, r, status, "login", form)
}

// loginAgain asks who it is in the middle of something: the form comes back afterwards as it was.
func (s *Site) loginAgain(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm() // what cannot be read is not kept
	s.showLogin(w, r, http.StatusUnauthorized, loginForm{Next: r.URL.Path, Carried: carried(r), Notice: &notice{
		What: "You are not logged in any more.", Hint: "Nothing that you typed is lost: it comes back after the login.",
	}})
}

func (s *Site) logIn(w http.ResponseWriter, r *http.Request) {
	password := r.FormValue("password")
	if s.hub.settings().Setup {
		password = claimCode(password)
	}
	form := loginForm{Next: localPath(r.FormValue("next"))}
	if r.PostForm.Has("carried") {
		form.Carried = carried(r)
	}
	ctx, cancel := unhurried(w, r)
	defer cancel()
	session, err := s.Client.Login(ctx, web.Login{Password: password, Device: s.device(r), Source: remoteAddr(r)})
	if err != nil {
		s.loginRefused(w, r, form, err)
		return
	}
	s.welcome(w, r, session)
	status := http.StatusSeeOther
	if form.Carried != nil {
		status = http.StatusTemporaryRedirect // the browser sends the same form again, to the page that it was for
	}
	http.Redirect(w, r, form.Next, status)
}

func (s *Site) loginRefused(w http.ResponseWriter, r *http.Request, form loginForm, err error) {
	status := web.StatusOf(err)
	switch status {
	case 0:
		s.silent(w, r, err)
		return
	case http.StatusTooManyRequests:
		form.Wait = max(1, int(web.RetryAfter(err)/time.Second))
		w.Header().Set("Retry-After", strconv.Itoa(form.Wait))
	case http.StatusUnauthorized:
		form.Notice = &notice{Bad: true, What: "That is not the password."}
		if s.hub.settings().Setup {
			form.Notice.What = "That is not the code."
		}
	default:
		form.Notice = badNotice(err)
	}
	s.showLogin(w, r, status, form)
}

// claimCode is what a person meant who typed the code of setup mode: in small letters, with a dash or without.
func claimCode(typed string) string {
	code := strings.ToUpper(strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1 // a dash of whatever length, a space
	}, typed))
	if len(code) != 8 {
		return code
	}
	return code[:4] + "-" + code[4:]
}

// welcome gives the browser its cookies: the session's ends with the session, the browser's own lasts a year.
func (s *Site) welcome(w http.ResponseWriter, r *http.Request, session web.Session) {
	const year = 365 * 24 * time.Hour
	setCookie(w, r, sessionCookie, session.Token, time.Until(session.Until))
	if session.Device != "" {
		setCookie(w, r, deviceCookie, session.Device, year)
	}
	s.sessions.forget()
	// The rest of this very answer is for the owner already.
	r.Header.Del("Cookie")
	r.AddCookie(&http.Cookie{Name: cookieName(r, sessionCookie), Value: session.Token})
}

func setCookie(w http.ResponseWriter, r *http.Request, name, value string, age time.Duration) {
	cookie := &http.Cookie{
		Name: cookieName(r, name), Value: value, Path: "/", MaxAge: int(age / time.Second),
		HttpOnly: true, Secure: r.TLS != nil, SameSite: http.SameSiteStrictMode,
	}
	if value == "" {
		cookie.MaxAge = -1
	}
	http.SetCookie(w, cookie)
}

func (s *Site) device(r *http.Request) string {
	cookie, err := r.Cookie(cookieName(r, deviceCookie))
	if err != nil || len(cookie.Value) > longestToken {
		return ""
	}
	return cookie.Value
}

func (s *Site) logOut(w http.ResponseWriter, r *http.Request) {
	if t := token(r); t != "" {
		if err := s.Client.As(t).Logout(r.Context()); err != nil && web.StatusOf(err) != http.StatusUnauthorized {
			s.deny(w, r, err)
			return
		}
	}
	s.sessions.forget()
	setCookie(w, r, sessionCookie, "", 0)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}
