package site

import (
	"net/http"

	"github.com/twinpath/twinpath/web"
	"github.com/twinpath/twinpath/web/door"
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
	switch status := web.StatusOf(err); {
	case err == nil:
		s.sessions.forget()
		http.Redirect(w, r, "/settings?done=password", http.StatusSeeOther)
	case status == 0 || status == http.StatusUnauthorized:
		s.deny(w, r, err)
	default:
		s.renderAs(w, r, status, "password", badNotice(err))
	}
}

// unfit says what speaks against a new password before anybody is asked.
func unfit(fresh, again string) *notice {
	if fresh != again {
		return &notice{Bad: true, What: "The two new passwords differ.", Hint: "Type the same one twice."}
	}
	if err := door.Suitable(fresh); err != nil {
		return badNotice(err)
	}
	return nil
}
