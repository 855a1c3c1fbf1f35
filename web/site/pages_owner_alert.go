package site

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/web"
)

// alertView is what alert.html shows.
type alertView struct {
	Channels []channel
	State    *router.AlertsView  // how it goes; nil: nobody has said
	Tested   []web.TestedChannel // what became of a test to all
	Typed    string              // the URL of the form
	Notice   *notice
}

// channel is one [[alert.to]] of the configuration, without what it keeps secret.
type channel struct {
	Number int // from 1
	Name   string
	Events string
	url    string
}

// channels reads those of a configuration. One that cannot be read has none.
func channels(text string) []channel {
	var file struct {
		Alert struct {
			To []struct {
				URL    string
				Events []string
			}
		}
	}
	if _, err := toml.Decode(text, &file); err != nil {
		return nil
	}
	var all []channel
	for i, to := range file.Alert.To {
		c := channel{Number: i + 1, Name: publicPart(to.URL), url: to.URL, Events: "everything"}
		if len(to.Events) > 0 {
			c.Events = strings.Join(to.Events, ", ")
		}
		all = append(all, c)
	}
	return all
}

// publicPart is what of a channel's URL may be shown: the service, and whose server where that is no secret.
func publicPart(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" {
		return "?"
	}
	switch u.Scheme {
	case "ntfy", "http", "https", "smtp", "smtps", "gotify", "matrix", "mqtt", "mqtts":
		return u.Scheme + "://" + u.Host
	}
	return u.Scheme
}

func (s *Site) alertPage(w http.ResponseWriter, r *http.Request, token string) {
	s.showAlert(w, r, http.StatusOK, token, alertView{})
}

func (s *Site) showAlert(w http.ResponseWriter, r *http.Request, status int, token string, view alertView) {
	configuration, err := s.Client.As(token).Config(r.Context())
	if err != nil {
		s.deny(w, r, err)
		return
	}
	view.Channels = channels(configuration.Text)
	if seen := s.hub.seen(); seen != nil {
		view.State = seen.snapshot.Alerts
	}
	s.renderAs(w, r, status, "alert", view)
}

// alertTest sends a message to a URL that was typed, to a channel of the configuration by its number, or to all of those.
func (s *Site) alertTest(w http.ResponseWriter, r *http.Request, token string) {
	if r.PostFormValue("all") != "" {
		s.testAll(w, r, token)
		return
	}
	view := alertView{Typed: strings.TrimSpace(r.PostFormValue("url"))}
	to := view.Typed
	if number := r.PostFormValue("number"); number != "" {
		configuration, err := s.Client.As(token).Config(r.Context())
		if err != nil {
			s.deny(w, r, err)
			return
		}
		to = ""
		for _, c := range channels(configuration.Text) {
			if strconv.Itoa(c.Number) == number {
				to = c.url
			}
		}
	}
	if to == "" {
		view.Notice = &notice{Bad: true, What: "There is nobody to tell.", Hint: "Type the URL of a channel, for example ntfy://ntfy.sh/a-topic-of-yours."}
		s.showAlert(w, r, http.StatusUnprocessableEntity, token, view)
		return
	}
	s.sendTest(w, r, token, to, view)
}

// testAll sends a message to every channel of the configuration.
func (s *Site) testAll(w http.ResponseWriter, r *http.Request, token string) {
	ctx, cancel := unhurried(w, r)
	defer cancel()
	tested, err := s.Client.As(token).TestAlerts(ctx)
	if err != nil {
		s.deny(w, r, err)
		return
	}
	failed := 0
	for _, t := range tested {
		if t.Error != "" {
			failed++
		}
	}
	view := alertView{Tested: tested, Notice: &notice{What: "Every channel has taken the test message.", Hint: "It should be there within a minute."}}
	if failed > 0 {
		view.Notice = &notice{Bad: true, What: fmt.Sprintf("%d of %d channels did not take the test message.", failed, len(tested))}
	}
	s.showAlert(w, r, http.StatusOK, token, view)
}

func (s *Site) sendTest(w http.ResponseWriter, r *http.Request, token, to string, view alertView) {
	ctx, cancel := unhurried(w, r)
	defer cancel()
	err := s.Client.As(token).TestAlert(ctx, to)
	status := web.StatusOf(err)
	switch {
	case err == nil:
		status = http.StatusOK
		view.Notice = &notice{What: "The test message is sent to " + publicPart(to) + ".", Hint: "It should be there within a minute."}
	case status == 0 || status == http.StatusUnauthorized:
		s.deny(w, r, err)
		return
	default:
		view.Notice = badNotice(err)
		view.Notice.What, view.Notice.Hint = withoutSecrets(view.Notice.What, to), withoutSecrets(view.Notice.Hint, to)
	}
	s.showAlert(w, r, status, token, view)
}

// withoutSecrets takes what could be a secret of a channel's URL out of what is said about it.
func withoutSecrets(said, secret string) string {
	parts := []string{secret}
	if u, err := url.Parse(secret); err == nil {
		password, _ := u.User.Password()
		parts = append(parts, password, u.User.Username(), u.RawQuery, u.Path, u.EscapedPath())
		parts = append(parts, strings.Split(u.Path, "/")...)
		for _, values := range u.Query() {
			parts = append(parts, values...)
		}
	}
	slices.SortFunc(parts, func(a, b string) int { return len(b) - len(a) })
	for _, part := range parts {
		if len(part) >= 5 { // shorter ones are words of the sentence, and no secrets
			said = strings.ReplaceAll(said, part, "…")
		}
	}
	return said
}
