package site

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/twinpath/twinpath/router"
)

func TestLogin(t *testing.T) {
	d := newDesk(t)
	d.get("/settings/config").wants(t, 200, "Log in").has(t, "next", "/settings/config")
	d.post("/login", "password", "no", "next", "/settings/config").wants(t, 401, "That is not the password.").has(t, "next", "/settings/config")
	d.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	p := d.post("/login", "password", word, "next", "/settings/config?x=1")
	if to := p.header.Get("Location"); p.status != http.StatusSeeOther || to != "/settings/config?x=1" {
		t.Errorf("login led with %d to %q", p.status, to)
	}
	want := []string{"twinpath=token-1; Path=/; Max-Age=259", "twinpath_device=device-1; Path=/; Max-Age=31536000; HttpOnly; SameSite=Strict"}
	for i, cookie := range p.header.Values("Set-Cookie") {
		if !strings.HasPrefix(cookie, want[i]) || !strings.HasSuffix(cookie, "; HttpOnly; SameSite=Strict") {
			t.Errorf("cookie %q, want %q…", cookie, want[i])
		}
	}
	d.get("/settings").wants(t, 200, "Log out")
	d.post("/logout")
	if p := d.get("/settings"); p.status != http.StatusSeeOther {
		t.Errorf("after the log-out: %d", p.status)
	}
}

func TestLoginLeadsNowhereElse(t *testing.T) {
	d := newDesk(t)
	d.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for _, next := range []string{"//evil.example/", "http://evil.example/", `/\evil.example`, "evil", "javascript:alert(1)", "/\t/evil.example", "/\n/evil.example", ":", "https:evil"} {
		if to := d.post("/login", "password", word, "next", next).header.Get("Location"); to != "/" {
			t.Errorf("next=%q leads to %q", next, to)
		}
	}
}

func TestLoginLimits(t *testing.T) {
	d := newDesk(t, func(a *authority) { a.wait = 8 })
	p := d.post("/login", "password", word).wants(t, 429, "The next try is in 8 s.")
	if p.header.Get("Retry-After") != "8" {
		t.Errorf("Retry-After: %q", p.header.Get("Retry-After"))
	}
	d = newDesk(t, func(a *authority) { a.settings.Password = false })
	d.get("/login").wants(t, 200, "Nobody can log in: no password is set.")
}

func TestClaimCodeAsItIsTyped(t *testing.T) {
	for _, typed := range []string{"K7QM-4XRD", "k7qm4xrd", " k7qm 4xrd ", "K7QM–4XRD"} {
		d := newDesk(t, func(a *authority) { a.settings.Setup, a.password = true, claimCode("K7QM-4XRD") })
		d.get("/login").wants(t, 200, "Claim this router", "claim-code.txt")
		if d.post("/login", "password", "7777-7777").wants(t, 401, "That is not the code."); t.Failed() {
			return
		}
		if p := d.post("/login", "password", typed, "next", "/settings"); p.at != "/settings" {
			t.Errorf("typed %q: at %s", typed, p.at)
		}
	}
}

func TestGetChangesNothing(t *testing.T) {
	d := newDesk(t).logIn()
	for _, path := range []string{"/login", "/logout", "/confirm?do=back", "/confirm?do=keep", "/settings", "/settings/drain?wan=fibre", "/settings/drain?back=1", "/settings/twinpath.toml",
		"/settings/config?do=apply&text=x&revision=" + revisionOf(goodText), "/settings/apply?text=x", "/settings/kept", "/settings/kept/7", "/settings/password?old=a&new=b",
		"/settings/alert?url=ntfy://x/y", "/settings/alert?all=1", "/settings/drill?wan=fibre&do=stop", "/settings/pair", "/here"} {
		d.get(path)
	}
	if did := d.deeds(); did != nil {
		t.Errorf("done by looking: %q", did)
	}
}

func TestEditor(t *testing.T) {
	d := newDesk(t).logIn()
	p := d.get("/settings/config").wants(t, 200, "Configuration")
	if p.value("text") != goodText || p.value("revision") != revisionOf(goodText) {
		t.Errorf("text %q, revision %q", p.value("text"), p.value("revision"))
	}
	bad := strings.Replace(goodText, "192", "wrong", 1)
	p = d.post("/settings/config", "do", "check", "text", strings.ReplaceAll(bad, "\n", "\r\n"), "revision", "r").
		wants(t, 200, "One thing is not right yet.", `Line 6, lan.address: is not right: address = "wrong.168.1.1/24"`, "Hint: make it right")
	if p.value("text") != bad || p.value("revision") != "r" {
		t.Errorf("what was typed is lost: %q, %q", p.value("text"), p.value("revision"))
	}
	if marks := p.find(func(n *html.Node) bool { return attr(n, "class") == "badline" }); len(marks) != 1 || textOf(marks[0]) != "6" {
		t.Errorf("%d lines are marked", len(marks))
	}
	d.post("/settings/config", "do", "check", "text", goodText, "revision", "r").wants(t, 200, "No problem found.")
	for _, do := range []string{"preview", "apply"} {
		d.post("/settings/config", "do", do, "text", bad, "revision", revisionOf(goodText)).wants(t, 422, "One thing is not right yet.").has(t, "text", bad)
	}
	d.post("/settings/config", "do", "preview", "text", otherText, "revision", revisionOf(goodText)).wants(t, 200, "What would change", "+ dhcp = {}", "Apply").has(t, "text", otherText)
	d.post("/settings/config", "do", "preview", "text", goodText, "revision", revisionOf(goodText)).wants(t, 200, "Nothing differs.")
	if did := d.deeds(); did != nil {
		t.Errorf("done without Apply: %q", did)
	}
}

func TestApplyAndKeep(t *testing.T) {
	d := newDesk(t).logIn()
	p := d.post("/settings/config", "do", "apply", "text", otherText, "revision", revisionOf(goodText)).
		wants(t, 200, "Keep the new configuration?", "Without your word it goes back by itself in 1 min", "+ dhcp = {}")
	if p.at != "/confirm?of="+revisionOf(otherText) {
		t.Errorf("at %s", p.at)
	}
	d.get("/settings").wants(t, 200, "A new configuration is in use, and waits for the owner's word.")
	p = d.post("/confirm", "of", p.value("of"), "do", "keep").wants(t, 200, "The new configuration is kept.")
	if did := d.deeds(); !slices.Equal(did, []string{"apply", "confirm"}) {
		t.Errorf("did %q", did)
	}
	d.get("/confirm?of="+revisionOf(otherText)).wants(t, 200, "The new configuration is kept")
	d.get("/confirm").wants(t, 200, "Nothing waits to be confirmed")
	d.post("/confirm", "of", revisionOf(otherText)).wants(t, 409, "No configuration waits for a confirmation.")
}

func TestGoBack(t *testing.T) {
	d := newDesk(t).logIn()
	d.post("/settings/config", "do", "apply", "text", otherText, "revision", revisionOf(goodText))
	d.post("/confirm", "of", revisionOf(otherText), "do", "back").wants(t, 200, "The configuration before is in use again.")
	if did := d.deeds(); !slices.Equal(did, []string{"apply", "revert"}) {
		t.Errorf("did %q", did)
	}
	d.get("/confirm?of="+revisionOf(otherText)).wants(t, 200, "Nobody said in time that the new one is to be kept, so it went back by itself.")
	// The same once more is a new wish, not a second click.
	d.post("/settings/config", "do", "apply", "text", otherText, "revision", revisionOf(goodText)).wants(t, 200, "Keep the new configuration?")
}

func TestTimeRunsOut(t *testing.T) {
	d := newDesk(t).logIn()
	d.post("/settings/config", "do", "apply", "text", otherText, "revision", revisionOf(goodText))
	d.set(func() { d.text, d.snapshot.Pending = d.before, nil })
	d.get("/confirm?of="+revisionOf(otherText)).wants(t, 200, "The configuration before is in use again", "went back by itself")
}

func TestDoubleClick(t *testing.T) {
	d := newDesk(t, func(a *authority) { a.hold = make(chan struct{}) }).logIn()
	form := url.Values{"do": {"apply"}, "text": {otherText}, "revision": {revisionOf(goodText)}}
	var clicks sync.WaitGroup
	for range 3 {
		clicks.Go(func() {
			if p, err := d.try(http.MethodPost, "/settings/config", form); err != nil || p.status != 200 || p.at != "/confirm?of="+revisionOf(otherText) {
				t.Errorf("a click led to %d %s %v", p.status, p.at, err)
			}
		})
	}
	close(d.hold)
	clicks.Wait()
	if d.applies != 1 {
		t.Errorf("%d were applied", d.applies)
	}
	// The page's process was replaced between the clicks: its memory is gone.
	d.site.grants.forget()
	if p := d.do(http.MethodPost, "/settings/config", form); p.at != "/confirm?of="+revisionOf(otherText) {
		t.Errorf("the late click led to %s", p.at)
	}
}

func TestTwoOwners(t *testing.T) {
	d := newDesk(t).logIn()
	theirs := "# theirs\n" + goodText
	d.set(func() { d.text = theirs })
	p := d.post("/settings/config", "do", "apply", "text", otherText, "revision", revisionOf(goodText)).
		wants(t, 409, "Another owner has changed the configuration meanwhile", "What they changed+ # theirs", "What you changed", "+ dhcp = {}", "What yours would change of what is in use now- # theirs").
		has(t, "text", otherText).has(t, "revision", revisionOf(theirs))
	d.post("/settings/config", "do", "preview", "text", otherText, "revision", revisionOf(goodText)).wants(t, 409, "Another owner has changed")
	p = d.post("/settings/config", "do", "preview", "text", p.value("text"), "revision", p.value("revision")).wants(t, 200, "What would change", "- # theirs", "+ dhcp = {}")
	d.post("/settings/config", "do", "apply", "text", p.value("text"), "revision", p.value("revision")).wants(t, 200, "Keep the new configuration?")
	d.set(func() { d.text, d.snapshot.Pending, d.kept = theirs, nil, nil })
	p = d.post("/settings/config", "do", "preview", "text", otherText, "revision", revisionOf(goodText)).wants(t, 409, "What yours would change")
	if strings.Contains(p.text, "What they changed") {
		t.Error("it says what they changed without knowing")
	}
}

func TestApplyWhileAnotherWaits(t *testing.T) {
	d := newDesk(t).logIn()
	d.set(func() {
		d.before, d.text = d.text, "# another\n"+d.text
		d.snapshot.Pending = &router.PendingView{Until: time.Now().Add(30 * time.Second)}
	})
	d.post("/settings/config", "do", "apply", "text", otherText, "revision", revisionOf(goodText)).
		wants(t, 409, "Another configuration waits for its confirmation.", "It goes back by itself in 30 s.", "Look at it").has(t, "text", otherText)
}

func TestKernelRefuses(t *testing.T) {
	d := newDesk(t).logIn()
	d.set(func() {
		d.refuses["apply"] = refusal{422, "apply twinpath.toml: no such device\nhint: nothing was changed"}
	})
	d.post("/settings/config", "do", "apply", "text", otherText, "revision", revisionOf(goodText)).
		wants(t, 422, "Apply twinpath.toml: no such device.", "Nothing was changed.").has(t, "text", otherText)
}

func TestSessionEndsWhileTyping(t *testing.T) {
	d := newDesk(t).logIn()
	d.set(func() { clear(d.sessions) })
	d.site.sessions.forget()
	p := d.post("/settings/config", "do", "apply", "text", otherText, "revision", revisionOf(goodText)).
		wants(t, 401, "You are not logged in any more.", "Nothing that you typed is lost").has(t, "text", otherText)
	form := []string{"password", "no"}
	for _, n := range p.find(func(n *html.Node) bool { return n.Data == "input" && attr(n, "type") == "hidden" }) {
		form = append(form, attr(n, "name"), attr(n, "value"))
	}
	d.post("/login", form...).wants(t, 401, "That is not the password.").has(t, "text", otherText)
	form[1] = word
	p = d.post("/login", form...).wants(t, 200, "What would change", "+ dhcp = {}").has(t, "text", otherText).has(t, "revision", revisionOf(goodText))
	if p.at != "/settings/config" || d.deeds() != nil {
		t.Errorf("at %s, did %q", p.at, d.deeds())
	}
}

func TestSecretsAreNotSentBack(t *testing.T) {
	d := newDesk(t)
	p := d.post("/settings/password", "old", "s3cret-old", "new", "s3cret-new", "again", "s3cret-new").wants(t, 401, "not logged in")
	if strings.Contains(p.text, "s3cret") {
		t.Error("a password is in the page")
	}
}

func TestDaemonRestartsWhileTyping(t *testing.T) {
	d := newDesk(t).logIn()
	d.set(func() { d.refuses["apply"], d.refuses["config"] = nil, nil })
	p := d.post("/settings/config", "do", "apply", "text", otherText, "revision", revisionOf(goodText)).
		wants(t, 503, "The router is restarting", "Nothing that you typed is lost").has(t, "text", otherText).has(t, "do", "preview")
	if forms := p.find(func(n *html.Node) bool { return attr(n, "action") == "/settings/config" }); len(forms) != 1 {
		t.Errorf("%d forms lead back", len(forms))
	}
	if p := d.get("/settings/config").wants(t, 503, "The router is restarting."); p.header.Get("Refresh") == "" {
		t.Error("the page does not try again")
	}
	d.set(func() { clear(d.refuses) })
	d.post("/settings/config", "do", p.value("do"), "text", p.value("text"), "revision", p.value("revision")).wants(t, 200, "What would change", "+ dhcp = {}")
}

func TestKept(t *testing.T) {
	d := newDesk(t).logIn()
	d.get("/settings/kept").wants(t, 200, "Earlier configurations", "Number 7", "Number 6").leads(t, "/settings/kept/6")
	d.get("/settings/kept/7").wants(t, 200, "It is the one in use.")
	p := d.get("/settings/kept/6").wants(t, 200, "Going back to it would change this:", "+ # older")
	d.post("/settings/config", "do", "apply", "text", p.value("text"), "revision", p.value("revision")).wants(t, 200, "Keep the new configuration?", "+ # older")
	d.get("/settings/kept/5").wants(t, 404)
	for _, number := range []string{"0", "-1", "x", "7.", "99999999999999999999"} {
		d.get("/settings/kept/"+number).wants(t, 404)
	}
}

func TestPassword(t *testing.T) {
	d := newDesk(t).logIn()
	for _, c := range []struct {
		old, fresh, again string
		status            int
		says              string
	}{
		{word, "new password", "new passwort", 422, "The two new passwords differ."},
		{word, "short", "short", 422, "A password of 5 characters is too short."},
		{word, strings.Repeat("x", 73), strings.Repeat("x", 73), 422, "A password of 73 bytes is too long."},
		{"other", "new password", "new password", 403, "The old password is another one."},
	} {
		d.post("/settings/password", "old", c.old, "new", c.fresh, "again", c.again).wants(t, c.status, c.says)
	}
	if d.deeds() != nil {
		t.Errorf("did %q", d.deeds())
	}
	d.post("/settings/password", "old", word, "new", "new password", "again", "new password").wants(t, 200, "The password is changed.", "Log out")
}

func TestAlert(t *testing.T) {
	const secret = "s3cret-topic"
	d := newDesk(t, func(a *authority) {
		a.text += "[[alert.to]]\nurl = \"ntfy://ntfy.sh/" + secret + "\"\nevents = [\"wan\"]\n[[alert.to]]\nurl = \"telegram://123:" + secret + "@telegram?chats=5\"\n"
	}).logIn()
	p := d.get("/settings/alert").wants(t, 200, "ntfy://ntfy.shwan", "telegrameverything")
	if strings.Contains(p.text, secret) {
		t.Error("a secret is in the page")
	}
	d.post("/settings/alert", "number", "1").wants(t, 200, "The test message is sent to ntfy://ntfy.sh.")
	d.post("/settings/alert", "url", "discord://x@y").wants(t, 200, "The test message is sent to discord.")
	d.post("/settings/alert", "number", "9").wants(t, 422, "There is nobody to tell.")
	if did := d.deeds(); !slices.Equal(did, []string{"alert ntfy://ntfy.sh/" + secret, "alert discord://x@y"}) {
		t.Errorf("did %q", did)
	}
	d.set(func() {
		d.refuses["alert/test"] = refusal{422, `Post "https://ntfy.sh/` + secret + `": 403 from /` + secret}
	})
	p = d.post("/settings/alert", "number", "1").wants(t, 422, "403 from …")
	if strings.Contains(p.text, secret) {
		t.Error("a secret is in what is said")
	}
}

func TestPair(t *testing.T) {
	d := newDesk(t).logIn()
	d.get("/settings/pair").wants(t, 200, "This router works alone.").leads(t, "/wizard/pair")
	d.post("/settings/pair").wants(t, 200, "K7QM 4XRD AB2C 9WZT", "It is good for 10 min")
	d.set(func() {
		d.refuses["pair/offer"] = refusal{409, "this router is not one of a pair\nhint: run the wizard"}
	})
	d.post("/settings/pair").wants(t, 409, "This router is not one of a pair.", "Run the wizard.")
}

func TestDrain(t *testing.T) {
	d := newDesk(t).logIn()
	d.get("/settings/drain?wan=fibre").wants(t, 200, "Take fibre out of use?", "New connections leave fibre at once, and go over mobile.")
	d.get("/settings/drain?wan=cable").wants(t, 404, "There is no line of that name.")
	d.get("/settings/drain").wants(t, 200, "Take this router out of use?", "the house is never without a gateway")
	d.post("/settings/drain", "wan", "fibre").wants(t, 200, "New connections leave it now.")
	d.post("/settings/drain", "wan", "fibre", "back", "yes").wants(t, 200, "It is used again.")
	d.set(func() { d.snapshot.WANs[1].State = "down" })
	d.get("/settings/drain?wan=fibre").wants(t, 200, "No other line works at the moment.")
	if did := d.deeds(); !slices.Equal(did, []string{"drain fibre", "resume fibre"}) {
		t.Errorf("did %q", did)
	}
}

func TestDownload(t *testing.T) {
	p := newDesk(t).logIn().get("/settings/twinpath.toml")
	if p.text != goodText && !strings.Contains(p.header.Get("Content-Disposition"), "attachment") {
		t.Errorf("%v %q", p.header, p.text)
	}
}

func TestHere(t *testing.T) {
	d := newDesk(t)
	p := d.get("/here")
	if p.status != http.StatusNoContent || p.header.Get("Cross-Origin-Resource-Policy") != "cross-origin" {
		t.Errorf("%d %v", p.status, p.header)
	}
	d.site.hub.quiet(time.Now())
	if p := d.get("/here"); p.status != http.StatusServiceUnavailable {
		t.Errorf("without a daemon: %d", p.status)
	}
}

// has fails the test unless a form of the page holds the value.
func (p page) has(t *testing.T, name, value string) page {
	t.Helper()
	if got := p.value(name); got != value {
		t.Errorf("%s: %s is %q, want %q", p.at, name, got, value)
	}
	return p
}

// leads fails the test unless the page has a link there.
func (p page) leads(t *testing.T, to string) page {
	t.Helper()
	if len(p.find(func(n *html.Node) bool { return attr(n, "href") == to })) == 0 {
		t.Errorf("%s does not lead to %s", p.at, to)
	}
	return p
}
