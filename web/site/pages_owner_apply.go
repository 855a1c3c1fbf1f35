package site

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/twinpath/twinpath/web"
)

// undo is how long a new configuration waits for the owner's word. Others chose 30 s, which were too few for people.
const undo = 90 * time.Second

// applyForm is for pages of others whose form has a text and the revision that it is to replace.
func (s *Site) applyForm(w http.ResponseWriter, r *http.Request, token string) {
	s.apply(w, r, token, unixLines(r.PostFormValue("text")), r.PostFormValue("revision"))
}

// apply asks the daemon to use text in place of the configuration with the revision, and shows what has become of that.
func (s *Site) apply(w http.ResponseWriter, r *http.Request, token, text, revision string) {
	mine := editor{Text: text, Revision: revision, Looked: true}
	if mine.Problems = s.Check(text); len(mine.Problems) > 0 {
		s.showEditor(w, r, http.StatusUnprocessableEntity, mine)
		return
	}
	ctx, cancel := unhurried(w, r)
	defer cancel()
	answer, err := s.grants.ask(ctx, s.Client, wish{token, text, revision}, r)
	switch status := web.StatusOf(err); {
	case err == nil:
		s.granted(w, r, answer)
	case status == http.StatusConflict:
		s.refusedApply(w, r, token, mine, err)
	case status == http.StatusUnprocessableEntity:
		mine.Notice = badNotice(err)
		s.showEditor(w, r, status, mine)
	default:
		s.deny(w, r, err)
	}
}

// granted leads to the page that asks for the confirmation. When the router moves, that page is elsewhere, and this connection
// carries no further one: everything has to be in this answer.
func (s *Site) granted(w http.ResponseWriter, r *http.Request, g grant) {
	if g.Moved {
		s.showMoving(w, r, g)
		return
	}
	http.Redirect(w, r, "/confirm?of="+g.revision, http.StatusSeeOther)
}

// refusedApply finds out why the daemon did not take the text in place of its revision: it runs already, another one waits, or
// another owner was faster.
func (s *Site) refusedApply(w http.ResponseWriter, r *http.Request, token string, mine editor, cause error) {
	configuration, err := s.Client.As(token).Config(r.Context())
	if err != nil {
		s.deny(w, r, err)
		return
	}
	snapshot, err := s.Client.Status(r.Context())
	switch {
	case err != nil:
		s.deny(w, r, err)
	case configuration.Text == mine.Text && snapshot.Pending != nil:
		http.Redirect(w, r, "/confirm?of="+configuration.Revision, http.StatusSeeOther)
	case snapshot.Pending != nil:
		mine.Waiting = &waiting{snapshot.Pending.Until}
		mine.Notice = &notice{Bad: true, What: "Another configuration waits for its confirmation.",
			Hint: "Yours has not been applied. Look at the other one first, or wait until it has gone back."}
		s.showEditor(w, r, http.StatusConflict, mine)
	case configuration.Revision != mine.Revision:
		s.conflict(w, r, token, configuration, mine.Text, mine.Revision)
	default:
		mine.Notice = badNotice(cause)
		s.showEditor(w, r, http.StatusConflict, mine)
	}
}

// conflictView is what conflict.html shows to the slower of two owners.
type conflictView struct {
	Text, Revision string     // mine, and the revision that it would replace now
	Theirs         []diffLine // what the other owner changed; nil: what both began with is not kept any more
	Mine           []diffLine // what I changed
	Over           []diffLine // what mine would change of what runs now
	Waiting        *waiting
}

func (s *Site) conflict(w http.ResponseWriter, r *http.Request, token string, now web.Configuration, text, revision string) {
	view := conflictView{Text: text, Revision: now.Revision, Over: diff(now.Text, text)}
	if base, known := s.keptBy(r.Context(), token, now.Kept, revision); known {
		view.Theirs, view.Mine = diff(base, now.Text), diff(base, text)
	}
	if snapshot, err := s.Client.Status(r.Context()); err == nil && snapshot.Pending != nil {
		view.Waiting = &waiting{snapshot.Pending.Until}
	}
	s.renderAs(w, r, http.StatusConflict, "conflict", view)
}

// keptBy looks for a revision among those that are kept. It is one of the newest, if any.
func (s *Site) keptBy(ctx context.Context, token string, kept []web.Kept, revision string) (text string, known bool) {
	for _, one := range kept {
		found, err := s.Client.As(token).KeptConfig(ctx, one.Number)
		if err == nil && revisionOf(found.Text) == revision {
			return found.Text, true
		}
	}
	return "", false
}

// wish is what an owner asks for. Doing it twice would be a conflict with oneself.
type wish struct{ token, text, revision string }

// grant is the daemon's answer to a wish, and what this site has to remember of it.
type grant struct {
	web.Granted
	revision string // of the new text
	at       time.Time
}

// grants passes wishes on, one at a time, and remembers the last one for the second click on its button and for the pages
// that follow. The zero value has none.
type grants struct {
	mu     sync.Mutex // held while the daemon works: a second click waits for what becomes of the first
	asked  wish
	answer grant
}

// doubleClick is how long the same wish is the same click. A slow phone repeats one for seconds.
const doubleClick = 10 * time.Second

func (g *grants) ask(ctx context.Context, client *web.Client, asked wish, r *http.Request) (grant, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.asked == asked && time.Since(g.answer.at) < doubleClick {
		return g.answer, nil
	}
	granted, err := client.As(asked.token).Apply(ctx, web.Wish{Text: asked.text, Revision: asked.revision, Confirm: undo.String()}, localAddr(r))
	if err != nil {
		return grant{}, err
	}
	g.asked, g.answer = asked, grant{Granted: granted, revision: revisionOf(asked.text), at: time.Now()}
	return g.answer, nil
}

// of returns the last grant if it is of the revision and can still be waiting.
func (g *grants) of(revision string) (grant, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.answer, g.answer.revision == revision && revision != "" && time.Now().Before(g.answer.Until)
}

// forget is for a grant that has been confirmed or taken back.
func (g *grants) forget() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked, g.answer = wish{}, grant{}
}

// origin is the scheme and host under which a request reached this site.
func origin(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}
