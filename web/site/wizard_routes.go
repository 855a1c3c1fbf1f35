package site

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/twinpath/twinpath/web"
	"github.com/twinpath/twinpath/wizard"
)

// wizardRoutes are the pages of the wizard. Its answers so far travel with the form: nothing of them is kept here, and no
// GET changes anything.
func (s *Site) wizardRoutes(mux *http.ServeMux) {
	mux.Handle("GET /wizard", http.RedirectHandler("/wizard/ports", http.StatusSeeOther))
	mux.HandleFunc("GET /wizard/ports/now", s.need(s.portsNow))
	mux.HandleFunc("GET /wizard/{page}", s.need(s.wizardStart))
	mux.HandleFunc("POST /wizard/preview", s.need(s.wizardApply))
	mux.HandleFunc("POST /wizard/{page}", s.need(s.wizardAnswer))
}

// journey is one request of somebody on the way through the questions.
type journey struct {
	s     *Site
	w     http.ResponseWriter
	r     *http.Request
	token string
	now   web.Configuration
	facts wizard.Facts
	draft *wizard.Draft
	page  wizard.Page

	joined bool // the first router of a pair has answered just now
}

// journey finds out what the wizard has to know of the box. It answers itself when it cannot.
func (s *Site) journey(w http.ResponseWriter, r *http.Request, token string) (*journey, bool) {
	j := &journey{s: s, w: w, r: r, token: token, page: wizard.Page(r.PathValue("page"))}
	client := s.Client.As(token)
	var err error
	if j.now, err = client.Config(r.Context()); err != nil {
		s.deny(w, r, err)
		return nil, false
	}
	settings := s.hub.settings()
	j.facts = wizard.Facts{Hostname: settings.Router, Setup: j.now.Setup, Hash: s.Hash}
	if running, err := wizard.From([]byte(j.now.Text), wizard.Facts{}); err == nil {
		j.facts.House = running.House.Address
	}
	if j.facts.Ports, err = client.Ports(r.Context()); err != nil {
		s.deny(w, r, err)
		return nil, false
	}
	return j, true
}

// old is the text that the answers are to change; setup mode's is nobody's.
func (j *journey) old() string {
	if j.now.Setup {
		return ""
	}
	return j.now.Text
}

// begin makes a draft of what there is.
func (j *journey) begin() error {
	if j.now.Setup {
		j.draft = wizard.New(j.facts)
		return nil
	}
	var err error
	j.draft, err = wizard.From([]byte(j.now.Text), j.facts)
	return err
}

func (s *Site) wizardStart(w http.ResponseWriter, r *http.Request, token string) {
	j, ok := s.journey(w, r, token)
	if !ok {
		return
	}
	if err := j.begin(); err != nil { // it runs, so that it can be read
		s.fail(w, r, http.StatusInternalServerError, "The wizard cannot read the configuration.", sentence(err.Error()))
		return
	}
	if j.page == "preview" || !slices.Contains(j.draft.Pages(j.facts), j.page) {
		http.Redirect(w, r, "/wizard/ports", http.StatusSeeOther)
		return
	}
	j.show(http.StatusOK, j.page, nil, nil)
}

// wizardAnswer takes a page's answers, and shows the next page: or this one again, when something is wrong with it, or when
// the answers have brought up more questions.
func (s *Site) wizardAnswer(w http.ResponseWriter, r *http.Request, token string) {
	j, ok := s.journey(w, r, token)
	if !ok {
		return
	}
	if err := j.restore(); err != nil {
		s.fail(w, r, http.StatusBadRequest, sentence(err.Error()), "Begin again at Settings.")
		return
	}
	values := j.values()
	wrong := j.join(values)
	if len(wrong) == 0 {
		wrong = j.draft.Answer(j.page, j.facts, values)
	}
	switch do := r.PostFormValue("do"); {
	case do == "back":
		j.show(http.StatusOK, j.neighbour(-1), nil, nil)
	case do == "code":
		j.draft.Answer(wizard.Twins, j.facts, map[string]string{"pair.role": "second"})
		j.show(http.StatusOK, wizard.Twins, nil, nil)
	case do == "look":
		j.show(http.StatusOK, j.page, wrong, nil)
	case len(j.draft.House.Ports)+len(j.facts.Ports) == 0 && !j.draft.Given:
		j.show(http.StatusUnprocessableEntity, wizard.Ports, nil, &notice{Bad: true, What: "No port has been found yet.", Hint: "Plug a cable in, wait some seconds, and look again."})
	case len(wrong) > 0:
		j.show(http.StatusUnprocessableEntity, j.page, wrong, nil)
	case j.more(values):
		j.show(http.StatusOK, j.page, nil, nil)
	case do == "test":
		j.show(http.StatusOK, j.page, nil, j.test())
	case j.joined:
		j.show(http.StatusOK, wizard.Ports, nil, &notice{What: "The first router has said what this one has to know.", Hint: "Look whether the ports are still right."})
	case do == "finish":
		j.preview()
	default:
		j.forward()
	}
}

// restore reads the draft that came with the form.
func (j *journey) restore() error {
	text, err := base64.StdEncoding.DecodeString(j.r.PostFormValue("draft"))
	if err != nil {
		return fmt.Errorf("read the answers so far: %w", err)
	}
	if j.draft, err = wizard.Restore(text); err == nil {
		j.facts.Joined = j.draft.Pair.Joined
	}
	return err
}

// carried is the draft as the form takes it along.
func (j *journey) carried() string {
	text, err := json.Marshal(j.draft)
	if err != nil {
		j.s.Log.Error("write the wizard's draft", "err", err) // it has nothing in it that JSON does not know
	}
	return base64.StdEncoding.EncodeToString(text)
}

// values are the form's answers. Of a box that can be ticked the last one counts: its "no" is always there.
func (j *journey) values() map[string]string {
	values := map[string]string{}
	for name, all := range j.r.PostForm {
		if strings.Contains(name, ".") && len(all) > 0 {
			values[name] = all[len(all)-1]
		}
	}
	return values
}

// join takes a typed code to the first router, which answers with what this one has to know.
func (j *journey) join(values map[string]string) []wizard.Question {
	code := strings.TrimSpace(values["pair.code"])
	if j.page != wizard.Twins || code == "" || values["pair.role"] != "second" {
		return nil
	}
	joined, err := j.s.Client.As(j.token).JoinPair(j.r.Context(), code)
	if err == nil {
		j.facts.Joined, j.joined = &joined, true
		return nil
	}
	for _, q := range j.draft.Questions(wizard.Twins, j.facts) {
		if q.ID == "pair.code" {
			q.Value = code
			q.Problem, q.Hint = words(err)
			return []wizard.Question{q}
		}
	}
	return nil
}

// more reports whether there are questions on the page that the form did not have.
func (j *journey) more(values map[string]string) bool {
	return slices.ContainsFunc(j.draft.Questions(j.page, j.facts), func(q wizard.Question) bool {
		_, asked := values[q.ID]
		return !asked
	})
}

// neighbour is the page some steps from this one, or this one where there is none.
func (j *journey) neighbour(step int) wizard.Page {
	all := j.draft.Pages(j.facts)
	if i := slices.Index(all, j.page) + step; i >= 0 && i < len(all) {
		return all[i]
	}
	return j.page
}

func (j *journey) forward() {
	if next := j.neighbour(1); next != j.page {
		j.show(http.StatusOK, next, nil, nil)
		return
	}
	j.preview()
}

// test sends one message by the channel of the answers.
func (j *journey) test() *notice {
	address := j.draft.Alert.Address()
	if address == "" {
		return nil
	}
	ctx, cancel := unhurried(j.w, j.r)
	defer cancel()
	if err := j.s.Client.As(j.token).TestAlert(ctx, address); err != nil {
		return badNotice(err)
	}
	return &notice{What: "A test is on its way.", Hint: "It arrives within a minute, or something in the answers is not right."}
}

// portNow is what the ports' page shows of a port, once a second.
type portNow struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Carrier bool   `json:"carrier"`
	Text    string `json:"text"`
	Use     string `json:"use"` // the proposal for a box that nobody has configured
}

// portsNow is the page's look at the ports.
func (s *Site) portsNow(w http.ResponseWriter, r *http.Request, token string) {
	j, ok := s.journey(w, r, token)
	if !ok {
		return
	}
	found := map[string]wizard.Question{}
	for _, q := range wizard.New(j.facts).Questions(wizard.Ports, j.facts) {
		found[q.ID] = q
	}
	all := []portNow{}
	for _, p := range j.facts.Ports {
		now := portNow{ID: "port." + p.Name, Name: p.Name, Carrier: p.Carrier}
		now.Text = found[now.ID].Help
		if j.now.Setup {
			now.Use = found[now.ID].Value
		}
		all = append(all, now)
	}
	text, err := json.Marshal(all)
	if err != nil {
		s.deny(w, r, err)
		return
	}
	send(w, r, http.StatusOK, "application/json", text)
}
