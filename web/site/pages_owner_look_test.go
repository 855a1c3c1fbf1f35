package site

import (
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/web"
)

// moment is what differs from run to run: the time that is left, the port of the test's site.
var (
	left = regexp.MustCompile(`data-countdown="\d+"([^>]*)>[^<]*<`)
	soon = regexp.MustCompile(`http-equiv="refresh" content="\d+"`)
)

// scene is a page with what led to it.
type scene struct {
	name string
	make func(*authority)
	show func(*desk) page
}

func scenes() []scene {
	old := revisionOf(goodText)
	edit := func(do, text string) func(*desk) page {
		return func(d *desk) page { return d.post("/settings/config", "do", do, "text", text, "revision", old) }
	}
	visit := func(path string) func(*desk) page { return func(d *desk) page { return d.get(path) } }
	leave := func(f func(d *desk) page) func(*desk) page {
		return func(d *desk) page { d.http = browser(); return f(d) }
	}
	return []scene{
		{"login", nil, leave(visit("/login?next=/settings"))},
		{"login-wrong", nil, leave(func(d *desk) page { return d.post("/login", "password", "no") })},
		{"login-wait", func(a *authority) { a.wait = 8 }, leave(func(d *desk) page { return d.post("/login", "password", "no") })},
		{"login-again", nil, leave(edit("apply", otherText))},
		{"login-setup", func(a *authority) { a.settings.Setup = true }, leave(visit("/login"))},
		{"login-none", func(a *authority) { a.settings.Password = false }, leave(visit("/login"))},
		{"settings", func(a *authority) {
			a.settings.TLS, a.settings.Fingerprint, a.settings.URLs = false, "", []string{"http://192.168.1.1/", "https://192.168.1.1/"}
			a.snapshot.WANs[1].Drained = true
			a.snapshot.VRRP = []router.VRRPSnapshot{{Name: "lan"}}
		}, visit("/settings")},
		{"drain", nil, visit("/settings/drain?wan=fibre")},
		{"config", nil, visit("/settings/config")},
		{"config-problem", nil, edit("check", strings.Replace(goodText, "192", "wrong", 1))},
		{"config-preview", nil, edit("preview", otherText)},
		{"config-pending", func(a *authority) {
			a.snapshot.Pending = &router.PendingView{Until: time.Now().Add(30 * time.Second)}
		}, edit("apply", otherText)},
		{"conflict", func(a *authority) { a.text = "# theirs\n" + goodText }, edit("apply", otherText)},
		{"confirm", nil, edit("apply", otherText)},
		{"confirm-back", nil, visit("/confirm?of=0123456789abcdef")},
		{"moving", func(a *authority) { a.moves = []string{"http://192.168.77.1/"} }, edit("apply", otherText)},
		{"hold", func(a *authority) { a.refuses["apply"] = nil }, edit("apply", otherText)},
		{"kept", nil, visit("/settings/kept")},
		{"kept-one", nil, visit("/settings/kept/6")},
		{"password", nil, func(d *desk) page { return d.post("/settings/password", "new", "short", "again", "short") }},
		{"alert", func(a *authority) { a.text += "[[alert.to]]\nurl = \"ntfy://ntfy.sh/secret\"\n" }, visit("/settings/alert")},
		{"house", func(a *authority) {
			a.leases = []web.HouseLease{
				{Address: netip.MustParseAddr("192.168.1.10"), MAC: "02:00:00:00:00:10", Name: "nas", Fixed: true},
				{Address: netip.MustParseAddr("192.168.1.150"), MAC: "02:00:00:00:00:20", Until: noon.Add(12 * time.Hour)},
			}
			a.snapshot.House = inhabited()
		}, visit("/settings/house")},
		{"house-none", nil, visit("/settings/house")},
		{"drill", nil, visit("/settings/drill")},
		{"drill-refused", nil, func(d *desk) page { return d.post("/settings/drill", "wan", "dsl") }},
		{"alert-state", func(a *authority) {
			a.text += "[[alert.to]]\nurl = \"ntfy://ntfy.sh/secret\"\n"
			a.snapshot.Alerts = &router.AlertsView{Waiting: 2, Dropped: 1, Channels: []router.ChannelView{
				{Name: "ntfy://ntfy.sh/…", Sent: noon}, {Name: "smtp://mail.example", Sent: noon, Error: "no route to host"}, {Name: "telegram://…"}}}
		}, visit("/settings/alert")},
		{"alert-tested", func(a *authority) { a.text += "[[alert.to]]\nurl = \"ntfy://ntfy.sh/secret\"\n" },
			func(d *desk) page { return d.post("/settings/alert", "all", "1") }},
		{"pair", nil, visit("/settings/pair")},
		{"pair-code", nil, func(d *desk) page { return d.post("/settings/pair") }},
	}
}

func (s scene) play(t *testing.T, more ...func(*authority)) page {
	if s.make != nil {
		more = append(more, s.make)
	}
	d := newDesk(t, more...)
	d.set(func() { d.sessions["token-0"] = d.password })
	d.http.Jar = withSession(d)
	p := s.show(d)
	p.text = strings.ReplaceAll(p.text, d.url, "http://HOUSE")
	p.text = strings.ReplaceAll(p.text, strings.ReplaceAll(strings.ReplaceAll(d.url, ":", "%3A"), "/", "%2F"), "HOUSE")
	return p
}

// The pages as they are, for a person to review. With TWINPATH_PAGES=DIR they are written there with what they load, for a
// browser to look at.
func TestOwnersPagesLookAsTheyShould(t *testing.T) {
	for _, s := range scenes() {
		t.Run(s.name, func(t *testing.T) {
			text := s.play(t).text
			if dir := os.Getenv("TWINPATH_PAGES"); dir != "" {
				exhibit(t, dir, s.name, text)
			}
			text = stable.ReplaceAllString(text, "/static/HASH/")
			text = left.ReplaceAllString(text, `data-countdown="N"$1>LEFT<`)
			golden(t, "owner-"+s.name+".html", []byte(soon.ReplaceAllString(text, `http-equiv="refresh" content="N"`)))
		})
	}
}

func exhibit(t *testing.T, dir, name, text string) {
	for file, a := range loadAssets() {
		if err := os.WriteFile(filepath.Join(dir, file), a.text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text = regexp.MustCompile(`/static/[0-9a-f]+/`).ReplaceAllString(text, "")
	if err := os.WriteFile(filepath.Join(dir, name+".html"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// tricks are what a line, a router or a file could be called to make a page do something.
const tricks = `</title></textarea></pre><script>evil()</script>"'><img src=x onerror=evil()><svg onload=evil()><a href="javascript:evil()">`

// poison puts tricks wherever the daemon has a text.
func poison(a *authority) {
	a.settings.Router, a.settings.Fingerprint = tricks, tricks
	a.settings.URLs = []string{tricks, "javascript:evil()", "http://" + tricks}
	a.snapshot.Router, a.snapshot.Version, a.snapshot.Sentence = tricks, tricks, tricks
	for i := range a.snapshot.WANs {
		a.snapshot.WANs[i].Name, a.snapshot.WANs[i].State = tricks, tricks
	}
	a.pair.Code = tricks
	if a.snapshot.Alerts != nil {
		a.snapshot.Alerts.Channels = []router.ChannelView{{Name: tricks, Error: tricks}}
	}
	a.tested = []web.TestedChannel{{Name: tricks, Error: tricks}}
	for i := range a.drills {
		d := &a.drills[i]
		d.WAN, d.Through, d.Sentence, d.Felt = tricks, tricks, tricks, []string{tricks}
		d.Steps = []router.DrillStep{{What: tricks, Detail: tricks}}
	}
	for i := range a.kept {
		a.kept[i].Text = "# " + tricks + "\n" + a.kept[i].Text
	}
}

// refusals are the pages that say, in the daemon's words, why something was not done.
func refusals() []scene {
	pages := map[string]string{
		"apply": "/settings/config", "config": "/settings/config", "confirm": "/confirm", "revert": "/confirm", "login": "/login",
		"password": "/settings/password", "alert/test": "/settings/alert", "pair/offer": "/settings/pair", "drain": "/settings/drain",
		"drill": "/settings/drill", "drills": "/settings/drill",
	}
	buttons := map[string]string{"revert": "back", "apply": "apply", "config": "preview"}
	var all []scene
	for verb, path := range pages {
		for _, status := range []int{403, 409, 422, 500} {
			refuse := func(a *authority) { a.refuses[verb] = refusal{status, tricks + "\nhint: " + tricks} }
			all = append(all, scene{verb, refuse, func(d *desk) page {
				return d.post(path, "do", buttons[verb], "text", "# "+tricks, "revision", revisionOf(goodText), "of", tricks, "from", tricks,
					"wan", tricks, "url", "ntfy://"+tricks, "old", "x", "new", "long enough", "again", "long enough", "next", "/"+tricks)
			}})
		}
	}
	return all
}

// typed are the pages that show again what somebody has typed, or what another owner has.
func typed() []scene {
	text, old := "# "+tricks+"\n"+goodText, revisionOf(goodText)
	edit := func(do, text, revision string) func(*desk) page {
		return func(d *desk) page {
			return d.post("/settings/config", "do", do, "text", text, "revision", revision)
		}
	}
	return []scene{
		{"config", nil, edit("check", "wrong "+tricks, tricks)},
		{"preview", nil, edit("preview", text, old)},
		{"conflict", func(a *authority) { a.text = "x" + text }, edit("apply", text, old)},
		{"moving", func(a *authority) {
			a.moves = []string{tricks, "http://" + tricks, "javascript:evil()", "data:text/html,x"}
		}, edit("apply", text, old)},
		{"drain", nil, func(d *desk) page { return d.get("/settings/drain?wan=" + url.QueryEscape(tricks)) }},
		{"alert", func(a *authority) {
			a.text = "[[alert.to]]\nurl = '''ntfy://h" + tricks + "'''\nevents = ['''" + tricks + "''']\n"
		}, func(d *desk) page { return d.get("/settings/alert") }},
	}
}

func TestNothingOnTheOwnersPagesIsTakenForCode(t *testing.T) {
	for _, s := range slices.Concat(scenes(), refusals(), typed()) {
		p := s.play(t, poison)
		if p.status == 0 || len(p.find(func(n *html.Node) bool { return n.Data == "main" })) != 1 {
			t.Errorf("%s: no page was shown, or more than one", s.name)
		}
		for _, n := range p.find(func(*html.Node) bool { return true }) {
			harmless(t, s.name, n)
		}
	}
}

// harmless fails the test for an element that none of our templates has.
func harmless(t *testing.T, page string, n *html.Node) {
	t.Helper()
	switch n.Data {
	case "script":
		if !strings.HasPrefix(attr(n, "src"), "/static/") || n.FirstChild != nil {
			t.Errorf("%s: a script of somebody else", page)
		}
	case "img", "style", "iframe", "object", "embed", "base":
		t.Errorf("%s: <%s>", page, n.Data)
	}
	for _, a := range n.Attr {
		switch {
		case strings.HasPrefix(a.Key, "on"), a.Key == "style", a.Key == "srcdoc":
			t.Errorf("%s: <%s %s>", page, n.Data, a.Key)
		case a.Key == "href", a.Key == "src", a.Key == "action", a.Key == "formaction":
			if !regexp.MustCompile(`^(/|#|%|https?://)`).MatchString(a.Val) {
				t.Errorf("%s: <%s %s=%q>", page, n.Data, a.Key, a.Val)
			}
		}
	}
}
