package site

import (
	"net/http"

	"github.com/twinpath/twinpath/web"
)

func (s *Site) passwordPage(w http.ResponseWriter, r *http.Request, _ string) {
	s.render(w, r, "password", (*notice)(nil))
}

func (s *Site) password(w http.ResponseWriter, r *http.Request, token string) {
	old, fresh := r.PostFormValue("old"), r.PostFormValue("new")
	if n := unfit(fresh, r.PostFormValue("again")); n != nil {
		s.renderAs(w, r, http.StatusUnprocessableEntity, "password", n)
		return
	}
	ctx, cancel := unhurried(w, r)
	defer cancel()
	err := s.Client.As(token).SetPassword(ctx, old, fresh)
	if err != nil {
		s.passwordRefused(w, r, token, err)
		return
	}
	s.sessions.forget()
	session, err := s.Client.Login(ctx, web.Login{Password: fresh, Device: s.device(r), Source: remoteAddr(r)})
	if err != nil {
		http.Redirect(w, r, "/login?next=/settings", http.StatusSeeOther)
		return
	}
	s.welcome(w, r, session)
	http.Redirect(w, r, "/settings?done=password", http.StatusSeeOther)
}

// passwordRefused tells a wrong old password from a session that has ended: the daemon says 401 to both.
func (s *Site) passwordRefused(w http.ResponseWriter, r *http.Request, token string, err error) {
	status := web.StatusOf(err)
	switch {
	case status == 0:
		s.silent(w, r, err)
		return
	case status == http.StatusUnauthorized:
		s.sessions.forget()
		if good, _ := s.session(r, token); !good {
			s.loginFirst(w, r)
			return
		}
		status = http.StatusForbidden
		s.renderAs(w, r, status, "password", &notice{Bad: true, What: "The old password is not that."})
		return
	}
	s.renderAs(w, r, status, "password", badNotice(err))
}

// unfit says what speaks against a new password before anybody is asked.
func unfit(fresh, again string) *notice {
	switch {
	case fresh != again:
		return &notice{Bad: true, What: "The two new passwords differ.", Hint: "Type the same one twice."}
	case len([]rune(fresh)) < 8:
		return &notice{Bad: true, What: "The new password is too short.", Hint: "It needs 8 characters. Three or four words are good, and easy to remember."}
	case len(fresh) > 72:
		return &notice{Bad: true, What: "The new password is too long.", Hint: "72 bytes is the most."} // bcrypt looks no further
	}
	return nil
}
