package site

import (
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/web"
)

// confirmView is what confirm.html shows: a configuration that waits for the owner's word, or what has become of it.
type confirmView struct {
	Of      string // its revision
	Waiting *waiting
	Kept    bool       // nothing waits, and it is the one in use
	Back    bool       // nothing waits, and another one is in use
	Diff    []diffLine // what is new
	First   bool       // there was none of the owner's before
	From    string     // the origin of the page before the router moved
	Links   []place    // where the page is, when that is not here
	Notice  *notice
}

// confirmPage asks whether to keep what waits. A pass in the address logs in: the browser that asked for the new
// configuration has no cookie for a new address. It is good once, and of no use to anybody who finds it later.
func (s *Site) confirmPage(w http.ResponseWriter, r *http.Request) {
	token, ok := s.owner(r)
	if pass := r.FormValue("pass"); !ok && pass != "" {
		ctx, cancel := unhurried(w, r)
		defer cancel()
		if session, err := s.Client.Login(ctx, web.Login{Pass: pass, Device: s.device(r), Source: remoteAddr(r)}); err == nil {
			s.welcome(w, r, session)
			token, ok = session.Token, true
		}
	}
	of := r.FormValue("of")
	if !ok {
		s.showLogin(w, r, http.StatusOK, loginForm{Next: "/confirm?of=" + url.QueryEscape(of)})
		return
	}
	s.showConfirm(w, r, http.StatusOK, token, confirmView{Of: of, From: s.ownOrigin(r.FormValue("from"))})
}

// showConfirm draws the page for somebody who is logged in.
func (s *Site) showConfirm(w http.ResponseWriter, r *http.Request, status int, token string, view confirmView) {
	as := s.Client.As(token)
	configuration, err := as.Config(r.Context())
	if err != nil {
		s.deny(w, r, err)
		return
	}
	snapshot, err := s.Client.Status(r.Context())
	if err != nil {
		s.deny(w, r, err)
		return
	}
	view.Waiting = s.waits(snapshot, view.Of, configuration.Revision)
	switch {
	case view.Waiting == nil:
		view.Kept, view.Back = view.Of != "" && view.Of == configuration.Revision, view.Of != "" && view.Of != configuration.Revision
	case len(configuration.Kept) == 0:
		view.First = true
	default:
		if before, err := as.KeptConfig(r.Context(), configuration.Kept[0].Number); err == nil {
			view.Diff = diff(before.Text, configuration.Text)
		}
	}
	if view.Waiting != nil {
		view.Of = configuration.Revision
	}
	s.renderAs(w, r, status, "confirm", view)
}

// waits says until when a configuration waits. The snapshot tells, a moment late: what was granted here a moment ago counts as well.
func (s *Site) waits(snapshot *router.Snapshot, of, running string) *waiting {
	if snapshot.Pending != nil {
		return &waiting{snapshot.Pending.Until}
	}
	if g, mine := s.grants.of(of); mine && of == running {
		return &waiting{g.Until}
	}
	return nil
}

// confirm keeps what waits, or goes back.
func (s *Site) confirm(w http.ResponseWriter, r *http.Request, token string) {
	view := confirmView{Of: r.PostFormValue("of"), From: s.ownOrigin(r.PostFormValue("from"))}
	if r.PostFormValue("do") == "back" {
		s.goBack(w, r, token, view.From)
		return
	}
	ctx, cancel := unhurried(w, r)
	defer cancel()
	err := s.Client.As(token).Confirm(ctx, localAddr(r))
	switch {
	case err == nil:
		s.grants.forget()
		http.Redirect(w, r, "/settings?done=kept", http.StatusSeeOther)
	case web.StatusOf(err) == http.StatusConflict:
		view.Notice = badNotice(err)
		if settings, err := s.Client.Settings(ctx); err == nil && !leadsHere(settings.URLs, r) {
			view.Links = links(settings.Sure(), "/confirm", url.Values{"of": {view.Of}})
		}
		s.showConfirm(w, r, http.StatusConflict, token, view)
	default:
		s.deny(w, r, err)
	}
}

// goBack takes the new configuration back at once. When the router came here with it, it leaves with it as well: the answer
// says where to, since this address carries no further one.
func (s *Site) goBack(w http.ResponseWriter, r *http.Request, token, from string) {
	ctx, cancel := unhurried(w, r)
	defer cancel()
	if err := s.Client.As(token).Revert(ctx); err != nil && web.StatusOf(err) != http.StatusConflict { // that: it has gone back already
		s.deny(w, r, err)
		return
	}
	s.grants.forget()
	if from != "" && from != origin(r) {
		s.renderReaching(w, r, "moving", movingView{Back: true, Links: links([]string{from}, "/", nil)})
		return
	}
	http.Redirect(w, r, "/settings?done=back", http.StatusSeeOther)
}

// ownOrigin returns an origin that a form says the page had before, if it can be one of this house: an address of a private
// network, or one of our names.
func (s *Site) ownOrigin(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || text != u.Scheme+"://"+u.Host || u.Scheme != "http" && u.Scheme != "https" {
		return ""
	}
	a, err := netip.ParseAddr(u.Hostname())
	if err == nil && (a.IsPrivate() || a.IsLinkLocalUnicast() || a.IsLoopback()) || err != nil && slices.Contains(s.ownNames(), hostOf(u.Host)) {
		return text
	}
	return ""
}

// movingView is what moving.html shows while the router is on its way to another address.
type movingView struct {
	Back    bool // to where it was
	Of      string
	Waiting *waiting
	Links   []place
}

// place is where the page will be. Its URL logs in, once; its name is for people.
type place struct{ URL, Name string }

func (s *Site) showMoving(w http.ResponseWriter, r *http.Request, g grant) {
	query := url.Values{"of": {g.revision}, "pass": {g.Pass}, "from": {origin(r)}}
	s.renderReaching(w, r, "moving", movingView{Of: g.revision, Waiting: &waiting{g.Until}, Links: links(g.URLs, "/confirm", query)})
}

// links lead to a page at each of the URLs. Where there is TLS a pass travels over that only: on its way to the others somebody
// could read it, and be faster.
func links(urls []string, path string, query url.Values) []place {
	var all []place
	secure := slices.ContainsFunc(urls, func(text string) bool { return strings.HasPrefix(text, "https:") })
	open := maps.Clone(query)
	if secure {
		open.Del("pass")
	}
	for _, text := range urls {
		u, err := url.Parse(text)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			continue
		}
		name := u.Scheme + "://" + u.Host
		to := name + path
		with := open
		if u.Scheme == "https" {
			with = query
		}
		if len(with) > 0 {
			to += "?" + with.Encode()
		}
		all = append(all, place{URL: to, Name: name})
	}
	return all
}

// renderReaching is render with leave for the page's script to ask the addresses of its links whether the router is there.
func (s *Site) renderReaching(w http.ResponseWriter, r *http.Request, name string, view movingView) {
	var origins []string
	for _, to := range view.Links {
		if u, err := url.Parse(to.URL); err == nil && !strings.ContainsAny(u.Host, " ;,'\"") {
			origins = append(origins, u.Scheme+"://"+u.Host)
		}
	}
	w.Header().Set("Content-Security-Policy", policy(strings.Join(origins, " ")))
	s.render(w, r, name, view)
}

// leadsHere reports whether one of the URLs is the address of this very connection.
func leadsHere(urls []string, r *http.Request) bool {
	here := localAddr(r)
	for _, text := range urls {
		u, err := url.Parse(text)
		if err != nil {
			continue
		}
		if a, err := netip.ParseAddr(u.Hostname()); err == nil && a.Unmap().WithZone("") == here {
			return true
		}
	}
	return false
}
