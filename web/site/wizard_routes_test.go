package site

import (
	"encoding/base64"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/twinpath/twinpath/config"
	"github.com/twinpath/twinpath/wizard"
)

// flashed is a box that was just flashed, with two lines by DHCP and the house.
func flashed(a *authority) {
	a.settings.Setup = true
	a.text = "[lan]\nports = [\"eth2\"]\naddress = \"192.168.77.1/24\"\n"
	port := func(name, mac, network, why string) {
		p := wizard.Port{Name: name, MAC: mac, Driver: "r8169", Carrier: true, Leads: wizard.ToHouse, Why: why}
		if network != "" {
			p.Leads, p.Network = wizard.ToDHCP, netip.MustParsePrefix(network)
			p.Gateway = p.Network.Masked().Addr().Next()
		}
		a.ports = append(a.ports, p)
	}
	port("eth0", "02:00:00:00:00:00", "198.51.100.7/24", "a DHCP server offers the network 198.51.100.0/24")
	port("eth1", "02:00:00:00:00:01", "203.0.113.7/24", "a DHCP server offers the network <script>alert(1)</script>")
	port("eth2", "02:00:00:00:00:02", "", "nobody answers: this is the house's side")
}

const hash = "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"

func wizardDesk(t *testing.T, prepare ...func(*authority)) *desk {
	d := newDesk(t, prepare...)
	d.site.Hash = func(string) (string, error) { return hash, nil }
	d.site.Check = func(text string) []wizard.Problem {
		var all []wizard.Problem
		_, problems := config.Parse("", []byte(text))
		for _, p := range problems {
			all = append(all, wizard.Problem{Line: p.Line, Key: p.Key, What: p.What, Hint: p.Hint})
		}
		return all
	}
	if !d.settings.Setup {
		return d.logIn()
	}
	d.set(func() { d.password = claimCode("K7QM-4XRD") })
	d.post("/login", "password", "k7qm-4xrd").wants(t, 200)
	return d
}

// form is what a browser sends of a page's form, with what the owner typed.
func (p page) form(typed ...string) (action string, values url.Values) {
	values = url.Values{}
	for _, n := range p.find(func(n *html.Node) bool { return attr(n, "name") != "" }) {
		has := func(key string) bool {
			return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == key })
		}
		name, kind := attr(n, "name"), attr(n, "type")
		switch {
		case n.Data == "textarea":
			values.Add(name, textOf(n))
		case n.Data == "select":
			for o := range n.Descendants() {
				if o.Data == "option" && slices.ContainsFunc(o.Attr, func(a html.Attribute) bool { return a.Key == "selected" }) {
					values.Add(name, attr(o, "value"))
				}
			}
		case n.Data == "input" && (kind != "radio" && kind != "checkbox" || has("checked")):
			values.Add(name, attr(n, "value"))
		}
	}
	for _, n := range p.find(func(n *html.Node) bool { return n.Data == "form" && strings.HasPrefix(attr(n, "action"), "/wizard/") }) {
		action = attr(n, "action")
	}
	for i := 0; i+1 < len(typed); i += 2 {
		values.Set(typed[i], typed[i+1])
	}
	return action, values
}

// press sends a page's form by one of its buttons.
func (d *desk) press(p page, do string, typed ...string) page {
	d.t.Helper()
	action, values := p.form(append(typed, "do", do)...)
	if action == "" {
		d.t.Fatalf("%s has no form of the wizard:\n%s", p.at, p.text)
	}
	return d.do("POST", action, values)
}

// step is the page that the wizard is at.
func (p page) step() string {
	for _, n := range p.find(func(n *html.Node) bool { return attr(n, "aria-current") == "step" }) {
		return textOf(n)
	}
	return ""
}

func TestWizardFromBlankToApplied(t *testing.T) {
	d := wizardDesk(t, flashed)
	p := d.get("/wizard/ports").wants(t, 200, "What is eth0 for?", "a DHCP server offers the network 198.51.100.0/24")
	questions, pages := 0, 0
	for p.step() != "Password" {
		questions += len(slices.Compact(names(p)))
		pages++
		if pages > 6 {
			t.Fatalf("the wizard goes in circles at %s:\n%s", p.step(), p.text)
		}
		p = d.press(p, "next").wants(t, 200)
	}
	p = d.press(p, "next", "password.one", "short", "password.two", "short").wants(t, 422, "shorter than 8 characters", "Several words are easy to remember")
	p = d.press(p, "next", "password.one", "correct horse", "password.two", "correct horse").wants(t, 200, "Look and apply", "It goes back by itself after 90 seconds")
	text := p.value("text")
	if _, problems := config.Parse("", []byte(text)); len(problems) > 0 {
		t.Fatalf("%v\n%s", problems, text)
	}
	if !strings.Contains(text, hash) || strings.Contains(p.text, "correct horse") {
		t.Errorf("the password is not a hash:\n%s", text)
	}
	d.set(func() { d.text += "# a cable was plugged in\n" }) // setup mode writes its own anew: that is nobody's change
	d.press(p, "apply").wants(t, 200)
	d.set(func() {
		if d.applies != 1 || strings.TrimSpace(d.text) != strings.TrimSpace(text) {
			t.Errorf("%d times applied:\n%s", d.applies, d.text)
		}
	})
	t.Logf("%d questions on %d pages before the password", questions, pages)
}

// names are the questions of a page.
func names(p page) []string {
	var all []string
	for _, n := range p.find(func(n *html.Node) bool { return strings.Contains(attr(n, "name"), ".") }) {
		all = append(all, attr(n, "name"))
	}
	return all
}

func TestWizardChangesOneThing(t *testing.T) {
	const before = "# ours\n[router]\nname = \"main\" # of us\n\n[lan]\ninterface = \"eth2\"\naddress = \"192.168.1.1/24\"\n\n[web]\npassword = \"" + hash + "\"\n"
	d := wizardDesk(t, flashed, func(a *authority) { a.settings.Setup, a.text = false, before })
	p := d.press(d.get("/wizard/house"), "finish", "house.name", "attic").wants(t, 200, `- name = "main" # of us`, `+ name = "attic" # of us`)
	if got, want := p.value("text"), strings.Replace(before, `"main"`, `"attic"`, 1); strings.TrimSpace(got) != strings.TrimSpace(want) {
		t.Errorf("the text is\n%s\nnot\n%s", got, want)
	}
	// Somebody else was faster: what is shown is the answers in the other's text.
	p = d.get("/wizard/house")
	d.set(func() { d.text = strings.Replace(before, "# ours", "# theirs", 1) })
	p = d.press(p, "finish", "house.name", "attic").wants(t, 200, "Another owner has changed the configuration meanwhile.")
	if !strings.Contains(p.value("text"), "# theirs") {
		t.Errorf("the other owner's change is lost:\n%s", p.value("text"))
	}
}

func TestWizardKeepsWhatWasTyped(t *testing.T) {
	d := wizardDesk(t, flashed)
	p := d.press(d.get("/wizard/ports"), "next")
	const evil = `"><script>alert(1)</script>`
	p = d.press(p, "next", "line.0.name", evil, "line.1.name", "glass").wants(t, 422, "is not a name")
	if p.value("line.0.name") != evil || p.value("line.1.name") != "glass" {
		t.Errorf("typed was %q and %q", p.value("line.0.name"), p.value("line.1.name"))
	}
	if scripts := p.find(func(n *html.Node) bool { return n.Data == "script" && attr(n, "src") == "" }); len(scripts) > 0 {
		t.Errorf("a script came through:\n%s", p.text)
	}
	p = d.press(p, "next", "line.0.name", "fibre", "line.0.kind", "pppoe").wants(t, 200, "User name") // more questions
	p = d.press(p, "next").wants(t, 422, "This is not answered yet.")
	p = d.press(p, "next", "line.0.user", "me", "line.0.password", "secret").wants(t, 200, "The house")
	p = d.press(p, "back").wants(t, 200)
	if p.step() != "Internet" || p.value("line.0.user") != "me" {
		t.Errorf("back is %s with %q", p.step(), p.value("line.0.user"))
	}
}

func TestWizardRefusesForgedDrafts(t *testing.T) {
	d := wizardDesk(t, flashed)
	for _, draft := range []string{"", "!", base64.StdEncoding.EncodeToString([]byte("{")), base64.StdEncoding.EncodeToString([]byte(`{"pair":{"role":"king"}}`))} {
		d.post("/wizard/house", "draft", draft, "house.name", "x").wants(t, 400, "Read the answers so far")
	}
}

func TestWizardJoinsAPair(t *testing.T) {
	d := wizardDesk(t, flashed)
	d.set(func() {
		d.pairing = wizard.Pairing{Router: "first", LAN: netip.MustParsePrefix("198.51.100.3/24"), Peer: netip.MustParseAddr("198.51.100.2"),
			Virtual: netip.MustParsePrefix("198.51.100.1/24"), ID: 51, Priority: 50, Version: 3, Secret: "abcdefghijklmnop"}
		d.refuses["pair/join"] = refusal{409, "no router answers to this code\nhint: is it over? make another"}
	})
	d.press(d.get("/wizard/pair"), "next", "pair.role", "second").wants(t, 200, "Which code does the first router show?")
	p := d.press(d.get("/wizard/ports"), "code").wants(t, 200, "Which code does the first router show?")
	p = d.press(p, "next", "pair.code", "K7QM").wants(t, 422, "No router answers to this code")
	d.set(func() { delete(d.refuses, "pair/join") })
	p = d.press(p, "next", "pair.code", "K7QM").wants(t, 200, "The first router has said what this one has to know.")
	if p.step() != "Ports" || len(p.find(func(n *html.Node) bool {
		return attr(n, "name") == "port.eth0" && attr(n, "value") == "house" && slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == "checked" })
	})) != 1 {
		t.Errorf("the port to the first router's house is not proposed for the house:\n%s", p.text)
	}
}

func TestWizardSendsATest(t *testing.T) {
	d := wizardDesk(t, flashed)
	p := d.press(d.get("/wizard/alert"), "next", "alert.kind", "ntfy").wants(t, 200, "Topic")
	d.press(p, "test", "alert.topic", "top").wants(t, 200, "A test is on its way.")
	if got := d.deeds(); !slices.Contains(got, "alert ntfy://ntfy.sh/top") {
		t.Errorf("the daemon did %v", got)
	}
}

func TestWizardIsForTheOwner(t *testing.T) {
	d := newDesk(t, flashed)
	for _, path := range []string{"/wizard/ports", "/wizard/ports/now", "/wizard/house"} {
		if p := d.get(path); !strings.HasPrefix(p.at, "/login") {
			t.Errorf("%s leads to %s without a login", path, p.at)
		}
	}
}

func TestPortsNow(t *testing.T) {
	d := wizardDesk(t, flashed)
	d.set(func() { d.ports[0].Carrier = false })
	p := d.get("/wizard/ports/now")
	if want := `{"id":"port.eth0","name":"eth0","carrier":false,`; p.status != 200 || !strings.Contains(p.text, want) {
		t.Errorf("%d:\n%s", p.status, p.text)
	}
}
