package lab

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/config"
	"github.com/twinpath/twinpath/lab/chromium"
)

// walk is somebody's way through the wizard, and what it took.
type walk struct {
	*visitor
	pages, asked, typed int
	aside               time.Duration // what nobody does who sets up a router: looking at each page twice, and at its audit
}

// asks counts the questions that the page shows.
func (w *walk) asks() (n int) {
	w.t.Helper()
	w.eval(`[...document.querySelectorAll("main form .field")].filter(e => e.getBoundingClientRect().height > 0).length`, &n)
	return n
}

// answers goes through the pages and takes every proposal. Only the password has none. It ends before Apply.
func (w *walk) answers() {
	w.t.Helper()
	const enough = 12 // pages
	for range enough {
		w.awaits(patience, "document.readyState == 'complete' && document.querySelector('main h1')")
		if title := w.text("main h1"); title == "Look and apply" {
			return
		}
		w.pages++
		w.asked += w.asks()
		var secrets []string
		w.eval(`[...document.querySelectorAll("main form input[type=password]")].map(e => "#" + CSS.escape(e.id))`, &secrets)
		for _, field := range secrets {
			w.write(field, PagePassword)
			w.typed++
		}
		w.look(fmt.Sprintf("wizard-%d", w.pages))
		w.posts("next", "!window.old && document.querySelector('main h1')")
	}
	w.t.Fatalf("the wizard does not end:\n%s", w.text("main"))
}

// claims follows the page of a box that nobody owns, and types the code of its console.
func (w *walk) claims(page string) {
	w.t.Helper()
	w.open(page + "/")
	w.look("wizard-0-status")
	w.click(`main a[href^="/wizard"]`)
	w.awaits(patience, "document.querySelector('#password')")
	w.look("wizard-0-claim")
	w.write("#password", strings.ToLower(claimCode))
	w.typed++
	w.post("/login")
}

// unplugs finds out which port a cable is in, as the page proposes.
func (w *walk) unplugs(h *House) {
	w.t.Helper()
	began := time.Now()
	defer func() { w.aside += time.Since(began) }()
	w.awaits(patience, `performance.getEntriesByType("resource").some(e => e.name.endsWith("/wizard/ports/now") && e.responseEnd)`)
	for _, c := range []struct {
		says string
		does func(router, isp string) error
	}{{"You unplugged wan1.", h.Cut}, {"You plugged something into wan1.", h.Plug}} {
		must(w.t, c.does("main", "lte"))
		at := time.Now()
		w.reads(c.says)
		w.t.Logf("%q after %s", c.says, round(time.Since(at)))
	}
}

// look looks at a page on a small phone in the dark and on a desk.
func (w *walk) look(name string) {
	w.t.Helper()
	began := time.Now()
	defer func() { w.aside += time.Since(began) }()
	w.see(chromium.View{Width: 320, Height: 800, Dark: true, Phone: true})
	w.fits()
	w.shot(name + "-320-dark")
	w.audit(name + " 320 dark")
	w.see(chromium.View{Width: 1280, Height: 800})
	w.shot(name + "-1280-light")
	w.audit(name + " 1280 light")
}

// TestPageFromBlankToRouting sets a box up that nobody has configured, as an owner does who takes every proposal: from the
// laptop's cable to a house that stays online when the box is started again.
func TestPageFromBlankToRouting(t *testing.T) {
	h, err := Build(t.Context(), Default())
	must(t, err)
	t.Cleanup(h.Close)
	b, d := h.Boxes[0], h.Devices[0]
	built(t) // not what is measured
	v := visit(t, browser(t, d))
	began := time.Now()
	u := unbox(t, h, "[wl]an*")
	lease := leased(t, d)
	const page = "http://192.168.77.1"
	u.awaits("the page is there", func() bool {
		out, err := d.Run("curl -s -m 1 -o /dev/null -w %{http_code} " + page + "/")
		return err == nil && out == "200"
	})
	reached := time.Since(began)
	t.Logf("the laptop has %s after %s", lastLines(strings.TrimSpace(lease), 1), round(reached))

	w := &walk{visitor: v}
	w.claims(page)
	u.awaits("every port was looked along", func() bool {
		text := u.text()
		return strings.Contains(text, `interface = "wan0"`) && strings.Contains(text, `interface = "wan1"`)
	})
	w.open(page + "/wizard/ports")
	w.unplugs(h)
	w.answers()
	w.look("wizard-preview")
	text := w.value("#text")
	if _, problems := config.Parse("twinpath.toml", []byte(text)); len(problems) > 0 {
		t.Errorf("the wizard's configuration: %v\n%s", problems, text)
	}
	w.posts("apply", `document.querySelector("button[value=keep]")`)
	w.shot("wizard-confirm")
	w.posts("keep", `!window.old && !document.querySelector("button[value=keep]")`)
	v.page.Forgive("ERR_") // it may have looked for the router while that moved
	await(t, b, "the house is served", on("fibre"))
	online(t, d)
	t.Logf("FIGURE from power to routing: %d questions on %d pages, %d of them typed (the code included), %s, of which %s until the page was there",
		w.asked, w.pages, w.typed, round(time.Since(began)-w.aside), round(reached))
	if from, err := d.Seen(t.Context()); err != nil || h.LineOf(from) != "fibre" {
		t.Errorf("the Internet sees %s (%v), want it to come by fibre", from, err)
	}
	t.Run("a restart keeps it", func(t *testing.T) { u.keeps(h, d, text) })
}

// keeps starts the box again: setup mode has ended, the file of the wizard is in use and the house is online.
func (u *unboxed) keeps(h *House, d *Device, text string) {
	t, b := u.t, u.box
	t.Helper()
	select {
	case <-u.setup.done:
	case <-time.After(patience):
		t.Fatal("setup mode goes on though there is a configuration")
	}
	if got, err := os.ReadFile(b.Config()); err != nil || string(got) != strings.ReplaceAll(text, "\r\n", "\n") {
		t.Errorf("the boot file (%v) is\n%s\nwant what the preview showed", err, got)
	}
	must(t, b.KillAll())
	b.binary = built(t)
	must(t, b.Restart(t.Context()))
	await(t, b, "the house is served after a restart", on("fibre"))
	awaitLine(t, h, d, "fibre")
	t.Logf("after a restart the laptop has %s", lastLines(strings.TrimSpace(leased(t, d)), 1))
}
