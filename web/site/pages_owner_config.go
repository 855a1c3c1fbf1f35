package site

import (
	"net/http"
	"strings"
	"time"

	"github.com/twinpath/twinpath/wizard"
)

// editor is what config.html shows: a text, the revision that it is to replace, and what was found out about it.
type editor struct {
	Text, Revision string
	Looked         bool // it was checked
	Problems       []wizard.Problem
	Previewed      bool // Diff is what would change
	Diff           []diffLine
	Notice         *notice
	Waiting        *waiting // another configuration waits for its confirmation
	Setup          bool     // what runs is setup mode's own
}

// Lines are the numbers beside the text, with those that have a problem marked.
func (e editor) Lines() []numbered {
	lines := make([]numbered, strings.Count(e.Text, "\n")+1)
	for i := range lines {
		lines[i].N = i + 1
	}
	for _, p := range e.Problems {
		if p.Line >= 1 && p.Line <= len(lines) {
			lines[p.Line-1].Bad = true
		}
	}
	return lines
}

// Rows is how high the text is: all of its lines are seen, so that the page scrolls and not a window in it, and the
// numbers fit without a script.
func (e editor) Rows() int { return strings.Count(e.Text, "\n") + 1 }

type numbered struct {
	N   int
	Bad bool
}

// waiting is a configuration that goes back at Until unless somebody confirms it.
type waiting struct{ Until time.Time }

// Left is the time until then, as a person reads it.
func (w waiting) Left() string { return span(max(0, time.Until(w.Until))) }

// Seconds is the same for a script.
func (w waiting) Seconds() int {
	return max(0, int(time.Until(w.Until).Round(time.Second)/time.Second))
}

// Refresh is when a page without a script looks again, in seconds: a moment after the time is over.
func (w waiting) Refresh() int { return w.Seconds() + 2 }

func (s *Site) editorPage(w http.ResponseWriter, r *http.Request, token string) {
	configuration, err := s.Client.As(token).Config(r.Context())
	if err != nil {
		s.deny(w, r, err)
		return
	}
	s.showEditor(w, r, http.StatusOK, editor{Text: configuration.Text, Revision: configuration.Revision, Setup: configuration.Setup})
}

// showEditor adds what anybody who edits should know.
func (s *Site) showEditor(w http.ResponseWriter, r *http.Request, status int, e editor) {
	if e.Waiting == nil {
		if snapshot, err := s.Client.Status(r.Context()); err == nil && snapshot.Pending != nil {
			e.Waiting = &waiting{snapshot.Pending.Until}
		}
	}
	s.renderAs(w, r, status, "config", e)
}

// edit does what the pressed button says, with the text of the form.
func (s *Site) edit(w http.ResponseWriter, r *http.Request, token string) {
	text, revision := unixLines(r.PostFormValue("text")), r.PostFormValue("revision")
	switch r.PostFormValue("do") {
	case "apply":
		s.apply(w, r, token, text, revision)
	case "preview":
		s.preview(w, r, token, text, revision)
	case "check":
		e := editor{Text: text, Revision: revision, Looked: true, Problems: s.Check(text)}
		s.showEditor(w, r, http.StatusOK, e)
	default: // it only comes back
		s.showEditor(w, r, http.StatusOK, editor{Text: text, Revision: revision})
	}
}

// preview shows what would change.
func (s *Site) preview(w http.ResponseWriter, r *http.Request, token, text, revision string) {
	if problems := s.Check(text); len(problems) > 0 {
		s.showEditor(w, r, http.StatusUnprocessableEntity, editor{Text: text, Revision: revision, Looked: true, Problems: problems})
		return
	}
	configuration, err := s.Client.As(token).Config(r.Context())
	switch {
	case err != nil:
		s.deny(w, r, err)
	case configuration.Revision != revision:
		s.conflict(w, r, token, configuration, text, revision)
	default:
		s.showEditor(w, r, http.StatusOK, editor{Text: text, Revision: revision, Setup: configuration.Setup,
			Looked: true, Previewed: true, Diff: diff(configuration.Text, text)})
	}
}
