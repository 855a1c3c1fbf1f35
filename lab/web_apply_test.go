package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// remote is a program in the house that uses the page's API as an owner.
type remote struct {
	t     *testing.T
	http  http.Client
	token string
}

func (d *Device) remote(t *testing.T) *remote {
	t.Helper()
	r := &remote{t: t, http: http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) { return d.Dial(ctx, "tcp4", address) }}}}
	var session struct{ Token string }
	if status := r.ask("POST", gatewayPage+"/api/v1/login", map[string]string{"password": PagePassword}, &session); status != http.StatusOK || session.Token == "" {
		t.Fatalf("log in: status %d", status)
	}
	r.token = session.Token
	return r
}

// ask returns the answer's status, and 0 when there is none.
func (r *remote) ask(method, address string, question, answer any) int {
	r.t.Helper()
	body, err := json.Marshal(question)
	must(r.t, err)
	request, err := http.NewRequestWithContext(r.t.Context(), method, address, bytes.NewReader(body))
	must(r.t, err)
	if r.token != "" {
		request.Header.Set("Authorization", "Bearer "+r.token)
	}
	got, err := r.http.Do(request)
	if err != nil {
		return 0
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	if err == nil && answer != nil && got.StatusCode < 300 {
		must(r.t, json.Unmarshal(text, answer))
	}
	return got.StatusCode
}

type revised struct{ Text, Revision string }

// running is the configuration in use.
func (r *remote) running(base string) (c revised) {
	r.t.Helper()
	if status := r.ask("GET", base+"/api/v1/config", nil, &c); status != http.StatusOK {
		r.t.Fatalf("read the configuration at %s: status %d", base, status)
	}
	return c
}

// granted is the answer to a configuration that has been taken for a while.
type granted struct {
	URLs  []string
	Moved bool
	Pass  string
}

func (r *remote) apply(base string, c revised, confirm time.Duration) (g granted) {
	r.t.Helper()
	wish := map[string]string{"text": c.Text, "revision": c.Revision, "confirm": confirm.String()}
	if status := r.ask("POST", base+"/api/v1/apply", wish, &g); status != http.StatusOK {
		r.t.Fatalf("apply: status %d", status)
	}
	return g
}

const movedPage = "http://192.168.7.1"

// moved is a configuration with another address for the house.
func moved(text string) string { return strings.ReplaceAll(text, "192.168.1.1/24", "192.168.7.1/24") }

// owned is a house whose page answers, and its owner. The laptop has addresses in both networks, as after a new lease.
func owned(t *testing.T) (*House, *Box, *Device) {
	t.Helper()
	h, b, d := home(t, Default(), withPage())
	await(t, b, "both lines are up", on("fibre"))
	_, err := d.Run("ip addr add 192.168.7.100/24 dev eth0")
	must(t, err)
	eventually(t, "the page answers", func() bool { return pageAt(d, gatewayPage) })
	return h, b, d
}

func pageAt(d *Device, base string) bool {
	out, _ := d.Run("curl -s -m 1 " + base + "/whoami")
	return out == "main\n"
}

func boot(t *testing.T, b *Box) string {
	t.Helper()
	text, err := os.ReadFile(b.Config())
	must(t, err)
	return string(text)
}

// edits opens the editor, changes the text and asks for the difference.
func (v *visitor) edits(base string, change func(string) string) {
	v.t.Helper()
	v.open(base + "/settings/config")
	v.write("#text", change(v.value("#text")))
	v.posts("preview", "!window.old && document.querySelector('button[value=apply]')")
}

func (v *visitor) value(selector string) (text string) {
	v.t.Helper()
	v.eval("document.querySelector("+quoted(selector)+").value", &text)
	return text
}

// posts clicks the button with a value and waits until a condition holds on the page that follows.
func (v *visitor) posts(value, until string) {
	v.t.Helper()
	v.eval("window.old = true", nil)
	v.click(fmt.Sprintf(`button[value=%q]:not([tabindex="-1"])`, value))
	v.awaits(patience, until)
}

// TestPageMoves gives the house another network with the page's own buttons. The browser follows the router there.
func TestPageMoves(t *testing.T) {
	_, b, d := owned(t)
	v := visit(t, browser(t, d))
	v.page.Own("192.168.7.1")
	v.logsIn(gatewayPage)
	v.edits(gatewayPage, moved)
	v.reads("192.168.7.1/24")
	v.shot("config-preview")
	v.audit("config preview")
	began := time.Now()
	v.posts("apply", `location.host == "192.168.7.1" && document.querySelector("button[value=keep]")`)
	t.Logf("the page is at the new address %s after Apply", round(time.Since(began)))
	v.page.Forgive("ERR_") // it looked there before there was anybody
	v.shot("confirm")
	v.audit("confirm")
	if strings.Contains(boot(t, b), "192.168.7.1") {
		t.Error("the boot file has the new address before anybody has confirmed it")
	}
	v.posts("keep", `!window.old && location.pathname == "/settings"`)
	eventually(t, "the boot file has the new address", func() bool { return boot(t, b) == moved(withPage()) })
	eventually(t, "the page has left the old address", func() bool { return !pageAt(d, gatewayPage) }) // after router's farewell
	must(t, b.KillAll())
	must(t, b.Restart(t.Context()))
	eventually(t, "the page is at the new address after a restart", func() bool { return pageAt(d, movedPage) })
}

// TestPageNobodyConfirms lets a new address go by: the old one is back by itself, and so is the page that was open there.
func TestPageNobodyConfirms(t *testing.T) {
	_, b, d := owned(t)
	v := visit(t, browser(t, d))
	v.opens(gatewayPage + "/")
	s := await(t, b, "both lines are up", on("fibre"))
	v.shows(s)
	r := d.remote(t)
	c := r.running(gatewayPage)
	const wait = 6 * time.Second // the page's own buttons leave 90 s
	c.Text = moved(c.Text)
	g := r.apply(gatewayPage, c, wait)
	applied := time.Now()
	if !g.Moved || len(g.URLs) == 0 || !strings.HasPrefix(g.URLs[0], movedPage) {
		t.Errorf("granted: %+v, want it to name the new address", g)
	}
	eventually(t, "the page is at the new address", func() bool { return pageAt(d, movedPage) })
	stranger := remote{t: t, http: r.http}
	if status := stranger.ask("POST", movedPage+"/api/v1/confirm", nil, nil); status != http.StatusUnauthorized {
		t.Errorf("a confirmation by a stranger: status %d, want 401", status)
	}
	r.http.Timeout = time.Second
	if status := r.ask("POST", gatewayPage+"/api/v1/confirm", nil, nil); status != 0 && status != http.StatusConflict {
		t.Errorf("a confirmation at the old address: status %d, want 409, or nobody there", status)
	}
	eventually(t, "the old address has gone", func() bool { return !pageAt(d, gatewayPage) })
	for end := applied.Add(wait + 5*time.Second); !pageAt(d, gatewayPage); {
		if time.Now().After(end) {
			t.Fatalf("the old address is not back %s after it was to be", round(time.Since(applied)-wait))
		}
	}
	t.Logf("back %s after the change that was to last %s", round(time.Since(applied)), wait)
	if got := boot(t, b); got != withPage() {
		t.Errorf("the boot file is another one:\n%s", got)
	}
	v.shows(await(t, b, "the house is served as before", on("fibre")))
	v.awaits(20*time.Second, `!/no word/i.test(document.querySelector("main").innerText)`)
	v.page.Forgive("ERR_")
}

// TestPageGoesBack applies, regrets it and clicks the button.
func TestPageGoesBack(t *testing.T) {
	_, b, d := owned(t)
	v := visit(t, browser(t, d))
	v.logsIn(gatewayPage)
	v.edits(gatewayPage, func(text string) string { return strings.Replace(text, "cost      = 50", "cost      = 60", 1) })
	v.posts("apply", `document.querySelector("button[value=back]")`)
	v.reads("Keep the new configuration?")
	v.posts("back", `!window.old && location.pathname == "/settings"`)
	if got := d.remote(t).running(gatewayPage); got.Text != withPage() || boot(t, b) != withPage() {
		t.Errorf("after going back there runs:\n%s", got.Text)
	}
}

// TestPageOfTwoOwners has two of them edit at once: the slower one learns of it and loses nothing.
func TestPageOfTwoOwners(t *testing.T) {
	_, _, d := owned(t)
	chrome := browser(t, d)
	one, two := visit(t, chrome), visit(t, chrome)
	for _, v := range []*visitor{one, two} {
		v.logsIn(gatewayPage)
		v.open(gatewayPage + "/settings/config")
	}
	quicker := func(text string) string { return strings.Replace(text, "cost      = 50", "cost      = 60", 1) }
	slower := func(text string) string { return strings.Replace(text, `name = "main"`, `name = "attic"`, 1) }
	two.write("#text", slower(two.value("#text")))
	two.posts("preview", "!window.old && document.querySelector('button[value=apply]')")
	one.edits(gatewayPage, quicker)
	one.posts("apply", `document.querySelector("button[value=keep]")`)
	one.posts("keep", `!window.old && location.pathname == "/settings"`)
	two.posts("apply", `!window.old && document.readyState == "complete" && document.title`)
	two.reads("Another owner has changed the configuration meanwhile")
	two.shot("two-owners")
	two.audit("two owners")
	two.page.Forgive("status of 409")
	two.posts("preview", "!window.old && document.querySelector('button[value=apply]')")
	two.posts("apply", `document.querySelector("button[value=keep]")`)
	two.posts("keep", `!window.old && location.pathname == "/settings"`)
	if got := d.remote(t).running(gatewayPage).Text; got != slower(withPage()) {
		t.Errorf("there runs\n%s\nwant what the slower one chose", got)
	}
}

// TestPagePowerCutBeforeConfirm takes the power while a configuration waits: the one before is in use afterwards.
func TestPagePowerCutBeforeConfirm(t *testing.T) {
	h, b, d := owned(t)
	r := d.remote(t)
	c := r.running(gatewayPage)
	c.Text = moved(c.Text)
	r.apply(gatewayPage, c, 90*time.Second)
	eventually(t, "the page is at the new address", func() bool { return pageAt(d, movedPage) })
	must(t, h.PowerOff("main"))
	must(t, h.PowerOn("main"))
	must(t, b.Restart(t.Context()))
	await(t, b, "both lines are up", on("fibre"))
	eventually(t, "the page is at the old address", func() bool { return pageAt(d, gatewayPage) })
	if got := r.running(gatewayPage); got.Text != withPage() { // the session outlives the power cut as well
		t.Errorf("there runs\n%s", got.Text)
	}
}

// TestPageKeepsTheText restarts the daemon under a form: what was typed waits, and goes on when somebody takes it.
func TestPageKeepsTheText(t *testing.T) {
	_, b, d := owned(t)
	v := visit(t, browser(t, d))
	v.logsIn(gatewayPage)
	v.open(gatewayPage + "/settings/config")
	change := func(text string) string { return strings.Replace(text, "cost      = 50", "cost      = 60", 1) }
	v.write("#text", change(v.value("#text")))
	must(t, b.Kill())
	v.eval("window.old = true", nil)
	v.click("button[value=preview]")
	v.reads("Your text stays here")
	v.shot("config-kept-text")
	v.audit("a text that waits")
	must(t, b.Restart(t.Context()))
	v.awaits(20*time.Second, "!window.old && document.querySelector('button[value=apply]')")
	if got := v.value("#text"); got != change(withPage()) {
		t.Errorf("the text is\n%s\nwant what was typed", got)
	}
	v.page.Forgive("ERR_", "status of 503")
}
