package site

import (
	"net/http"
	"slices"
	"strings"

	"github.com/twinpath/twinpath/wizard"
)

// wizardView is what wizard.html shows.
type wizardView struct {
	Page     wizard.Page
	Title    string
	Lede     string
	Steps    []wizardStep
	Groups   []wizardGroup
	Draft    string
	Revision string
	First    bool // there is no page before this one
	Given    bool // there is a configuration: it can be left at any page
	Setup    bool
	Notice   *notice
	Wrong    int // how many answers have a problem
}

// wizardStep is a page in the list above the questions.
type wizardStep struct {
	Page wizard.Page
	Name string
	Here bool
}

// wizardGroup is the questions below one heading.
type wizardGroup struct {
	Under  string
	Number int
	Fields []wizardField
}

// wizardField is a question as the page shows it.
type wizardField struct {
	wizard.Question
	Port    string // of the ports' page: its name
	Carrier bool
	Invalid bool
}

// Short reports whether the answers fit one line, and there are few words to say about them.
func (f wizardField) Short() bool { return strings.HasSuffix(f.ID, ".turn") }

// Is are the kinds, for the template.
func (f wizardField) Is(kind string) bool { return f.Kind.String() == kind }

// On reports whether a box is ticked.
func (f wizardField) On() bool { return f.Value == "yes" }

// Complete is what a browser's password store may fill in.
func (f wizardField) Complete() string {
	if strings.HasPrefix(f.ID, "password.") {
		return "new-password"
	}
	return "off"
}

// wizardPages are the pages' names and what stands above their questions.
var wizardPages = map[wizard.Page]struct{ name, title, lede string }{
	wizard.Ports: {"Ports", "What is plugged in where?",
		"Each port is proposed for what was found on it. Not sure which is which? Unplug a cable: this page says which port it was."},
	wizard.Internet: {"Internet", "The ways to the Internet", "Most answers are known already: look whether they are right."},
	wizard.Home:     {"House", "The house", "Whoever does not know what to answer leaves it as it is."},
	wizard.Twins:    {"Second router", "Is there a second router?", "Two routers share one address. When one fails, or loses its lines, the other goes on."},
	wizard.Alerts:   {"Messages", "Who is told?", "When a line fails, and when it is back."},
	wizard.Password: {"Password", "Your password", "Everybody in the house may look at the status. Only who has the password can change something."},
}

// show draws a page of questions. Those that are wrong come with what was typed.
func (j *journey) show(status int, page wizard.Page, wrong []wizard.Question, n *notice) {
	pages := j.draft.Pages(j.facts)
	if !slices.Contains(pages, page) {
		page = pages[0]
	}
	words := wizardPages[page]
	v := wizardView{
		Page: page, Title: words.title, Lede: words.lede, Draft: j.carried(), Revision: j.revision(), First: page == pages[0],
		Given: j.draft.Given, Setup: j.now.Setup, Notice: n, Wrong: len(wrong),
	}
	for _, p := range pages {
		v.Steps = append(v.Steps, wizardStep{p, wizardPages[p].name, p == page})
	}
	for _, q := range j.draft.Questions(page, j.facts) {
		if i := slices.IndexFunc(wrong, func(w wizard.Question) bool { return w.ID == q.ID }); i >= 0 {
			q = wrong[i]
			q.Problem, q.Hint = sentence(q.Problem), sentence(q.Hint)
		}
		f := wizardField{Question: q, Invalid: q.Problem != ""}
		if name, is := strings.CutPrefix(q.ID, "port."); is {
			f.Port = name
			f.Carrier = slices.ContainsFunc(j.facts.Ports, func(p wizard.Port) bool { return p.Name == name && p.Carrier })
		}
		last := len(v.Groups) - 1
		if last < 0 || v.Groups[last].Under != q.Under {
			v.Groups = append(v.Groups, wizardGroup{Under: q.Under, Number: last + 1})
			last++
		}
		v.Groups[last].Fields = append(v.Groups[last].Fields, f)
	}
	j.s.renderAs(j.w, j.r, status, "wizard", v)
}

// revision is that of the configuration which the answers began with.
func (j *journey) revision() string {
	if r := j.r.PostFormValue("revision"); r != "" {
		return r
	}
	return j.now.Revision
}

// wizardPreview is what preview.html shows: the text that the answers make, to be changed and applied.
type wizardPreview struct {
	editor
	Draft string
	Back  wizard.Page
}

// preview shows what the answers make, unless one is missing.
func (j *journey) preview() {
	pages := j.draft.Pages(j.facts)
	for _, p := range pages {
		if open := j.draft.Open(p, j.facts); len(open) > 0 {
			j.show(http.StatusUnprocessableEntity, p, open, nil)
			return
		}
	}
	text := string(j.draft.TOML([]byte(j.old())))
	v := wizardPreview{Draft: j.carried(), Back: pages[len(pages)-1], editor: editor{
		Text: text, Revision: j.now.Revision, Looked: true, Problems: j.s.Check(text), Setup: j.now.Setup,
	}}
	if !j.now.Setup && j.revision() != j.now.Revision { // setup mode's own changes with every cable
		v.Notice = &notice{Bad: true, What: "Another owner has changed the configuration meanwhile.",
			Hint: "What you see here is your answers in theirs. Look whether everything is as you want it."}
	}
	if !v.Setup {
		v.Previewed, v.Diff = true, diff(j.now.Text, text)
	}
	j.s.showPreview(j.w, j.r, http.StatusOK, v)
}

func (s *Site) showPreview(w http.ResponseWriter, r *http.Request, status int, v wizardPreview) {
	if snapshot, err := s.Client.Status(r.Context()); err == nil && snapshot.Pending != nil {
		v.Waiting = &waiting{snapshot.Pending.Until}
	}
	s.renderAs(w, r, status, "preview", v)
}

// wizardApply does what a button below the preview says.
func (s *Site) wizardApply(w http.ResponseWriter, r *http.Request, token string) {
	now, err := s.Client.As(token).Config(r.Context())
	if err != nil {
		s.deny(w, r, err)
		return
	}
	text, revision := unixLines(r.PostFormValue("text")), r.PostFormValue("revision")
	if now.Setup { // it is nobody's, and changes with every cable: whatever it is by now is to be replaced
		revision = now.Revision
	}
	v := wizardPreview{Draft: r.PostFormValue("draft"), Back: wizard.Password,
		editor: editor{Text: text, Revision: revision, Looked: true, Problems: s.Check(text), Setup: now.Setup}}
	switch {
	case len(v.Problems) > 0:
		s.showPreview(w, r, http.StatusUnprocessableEntity, v)
	case r.PostFormValue("do") == "apply":
		s.apply(w, r, token, text, revision)
	default:
		if !now.Setup {
			v.Previewed, v.Diff = true, diff(now.Text, text)
		}
		s.showPreview(w, r, http.StatusOK, v)
	}
}
