package site

import (
	"net/http"

	"github.com/twinpath/twinpath/router"
)

// settingsView is what settings.html shows.
type settingsView struct {
	Snapshot    *router.Snapshot
	Setup       bool
	TLS         bool
	Fingerprint string
	URLs        []string
	Paired      bool
	Waiting     *waiting
	Done        string // what has just been done, in a sentence
}

// doneWords say what a page before this one has done. It is a word in the address, since a reload must not do it again.
var doneWords = map[string]string{
	"kept":     "The new configuration is kept. It counts from now on, also after a restart.",
	"back":     "The configuration before is in use again.",
	"drained":  "New connections leave it now. Running ones may end.",
	"resumed":  "It is used again.",
	"password": "The password is changed. Everybody else has been logged out.",
}

func (s *Site) settingsPage(w http.ResponseWriter, r *http.Request, _ string) {
	snapshot, err := s.Client.Status(r.Context())
	if err != nil {
		s.deny(w, r, err)
		return
	}
	settings := s.hub.settings()
	view := settingsView{
		Snapshot: snapshot, Setup: settings.Setup, TLS: settings.TLS, Fingerprint: settings.Fingerprint, URLs: settings.URLs,
		Paired: settings.Peer.IsValid(), Done: doneWords[r.FormValue("done")],
	}
	if snapshot.Pending != nil {
		view.Waiting = &waiting{snapshot.Pending.Until}
	}
	s.render(w, r, "settings", view)
}

// drainView is what drain.html shows: what is about to happen, before it does.
type drainView struct {
	WAN    string // empty: this router as a whole
	Router string
	Back   bool   // it is to be used again
	To     string // the line that would carry the house, empty when there is none
}

func (s *Site) drainPage(w http.ResponseWriter, r *http.Request, _ string) {
	snapshot, err := s.Client.Status(r.Context())
	if err != nil {
		s.deny(w, r, err)
		return
	}
	view := drainView{WAN: r.FormValue("wan"), Back: r.FormValue("back") != "", Router: snapshot.Router}
	known := view.WAN == ""
	for _, wan := range snapshot.WANs {
		switch {
		case wan.Name == view.WAN:
			known = true
		case view.To == "" && !wan.Drained && (wan.State == "up" || wan.State == "degraded"):
			view.To = wan.Name
		}
	}
	if !known {
		s.fail(w, r, http.StatusNotFound, "There is no line of that name.", "The configuration may have changed meanwhile.")
		return
	}
	s.render(w, r, "drain", view)
}

func (s *Site) drain(w http.ResponseWriter, r *http.Request, token string) {
	as, wan, done := s.Client.As(token), r.PostFormValue("wan"), "drained"
	do := as.Drain
	if r.PostFormValue("back") != "" {
		do, done = as.Resume, "resumed"
	}
	if err := do(r.Context(), wan); err != nil {
		s.deny(w, r, err)
		return
	}
	http.Redirect(w, r, "/settings?done="+done, http.StatusSeeOther)
}

// download gives the owner the configuration as a file, for a drawer.
func (s *Site) download(w http.ResponseWriter, r *http.Request, token string) {
	configuration, err := s.Client.As(token).Config(r.Context())
	if err != nil {
		s.deny(w, r, err)
		return
	}
	w.Header().Set("Content-Disposition", `attachment; filename="twinpath.toml"`)
	send(w, r, http.StatusOK, "application/toml; charset=utf-8", []byte(configuration.Text))
}
