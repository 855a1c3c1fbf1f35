package lab

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinpath/twinpath/lab/chromium"
)

// withPage is quick with the page on, and the lab's password.
func withPage() string { return quick() + PageConfig }

// gatewayPage is where the house's devices see it.
const gatewayPage = "http://192.168.1.1"

// visitor is somebody in the house at a browser. What the page says to nobody counts: a request to another host, an error in
// the console or a violation of the page's policy fails the test.
type visitor struct {
	t    *testing.T
	page *chromium.Page
}

// browser is one on the device, until the test ends.
func browser(t *testing.T, d *Device) *chromium.Browser {
	t.Helper()
	b, err := d.Browse(t.Context())
	must(t, err)
	t.Cleanup(b.Close)
	return b
}

// visit opens a page of a new visitor at a desk.
func visit(t *testing.T, b *chromium.Browser) *visitor {
	t.Helper()
	page, err := b.Page(t.Context())
	must(t, err)
	v := &visitor{t: t, page: page}
	v.see(chromium.View{Width: 1280, Height: 800})
	t.Cleanup(func() {
		for _, c := range page.Complaints() {
			t.Errorf("the browser complains: %s", c)
		}
		if t.Failed() {
			v.last()
		}
	})
	return v
}

// last says what the visitor saw when the test failed.
func (v *visitor) last() {
	text, _ := v.page.Text(context.Background(), "main") // the test's own context has ended
	v.t.Logf("the page: %s", text)
}

func (v *visitor) see(view chromium.View) {
	v.t.Helper()
	must(v.t, v.page.See(v.t.Context(), view))
}

func (v *visitor) open(address string) {
	v.t.Helper()
	must(v.t, v.page.Open(v.t.Context(), address))
}

func (v *visitor) click(selector string) {
	v.t.Helper()
	if err := v.page.Click(v.t.Context(), selector); err != nil {
		v.t.Fatalf("%v\nthe page: %s", err, v.text("body"))
	}
}

func (v *visitor) write(selector, text string) {
	v.t.Helper()
	if err := v.page.Type(v.t.Context(), selector, text); err != nil {
		v.t.Fatalf("%v\nthe page: %s", err, v.text("body"))
	}
}

// awaits waits until an expression of JavaScript is true.
func (v *visitor) awaits(bound time.Duration, expression string) {
	v.t.Helper()
	if err := v.page.Await(v.t.Context(), bound, expression); err != nil {
		v.t.Fatalf("%v\nthe page: %s", err, v.text("body"))
	}
}

// reads waits until a phrase is on the page, as a person reads it: over the ends of lines.
func (v *visitor) reads(phrase string) {
	v.t.Helper()
	v.awaits(patience, fmt.Sprintf("document.body && document.body.innerText.replace(/\\s+/g, ' ').includes(%s)", quoted(phrase)))
}

func (v *visitor) text(selector string) string {
	v.t.Helper()
	text, err := v.page.Text(v.t.Context(), selector)
	must(v.t, err)
	return text
}

func (v *visitor) eval(expression string, into any) {
	v.t.Helper()
	must(v.t, v.page.Eval(v.t.Context(), expression, into))
}

// post submits the form of the page that leads to a path, by its own button, and waits for the next page.
func (v *visitor) post(path string) {
	v.t.Helper()
	v.eval("window.old = true", nil)
	v.click(fmt.Sprintf(`form[action=%q] [type=submit], form[action=%[1]q] button:not([type])`, path))
	v.awaits(patience, "!window.old && document.readyState == 'complete'")
}

func quoted(text string) string {
	q, _ := json.Marshal(text) // a string cannot fail
	return string(q)
}

// artefacts is where pictures go: kept by CI where it says where to, else by the machine until somebody clears /tmp.
var artefacts = sync.OnceValues(func() (string, error) {
	if dir := os.Getenv("TWINPATH_ARTEFACTS"); dir != "" {
		return dir, os.MkdirAll(dir, 0o755)
	}
	return os.MkdirTemp("", "twinpath-pages-")
})

// shot keeps a picture of the whole page.
func (v *visitor) shot(name string) {
	v.t.Helper()
	v.rests()
	dir, err := artefacts()
	must(v.t, err)
	picture, err := v.page.Screenshot(v.t.Context())
	must(v.t, err)
	path := filepath.Join(dir, name+".png")
	must(v.t, os.WriteFile(path, picture, 0o644))
	v.t.Logf("picture: %s", path)
}

// rests waits until colours and the like have changed to what they are to be; what moves for ever is not waited for.
func (v *visitor) rests() {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.t.Context(), time.Second) // where no script runs it never ends
	defer cancel()
	// It is an error where the page goes away meanwhile; the next one has not begun to change anything.
	_ = v.page.Eval(ctx, `new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done))).then(() => Promise.allSettled(
		document.getAnimations().filter(a => a.effect.getComputedTiming().endTime < Infinity).map(a => a.finished))).then(() => 0)`, nil)
}

// fits fails when the page has to be pushed sideways to be read.
func (v *visitor) fits() {
	v.t.Helper()
	var size struct{ Wide, Window float64 }
	v.eval("({Wide: document.documentElement.scrollWidth, Window: document.documentElement.clientWidth})", &size)
	if size.Wide > size.Window {
		var culprits []string
		v.eval(`[...document.body.querySelectorAll("*")].filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
			.slice(0, 5).map(e => e.outerHTML.slice(0, 120))`, &culprits)
		v.t.Errorf("the page is %.0f pixels wide in a window of %.0f: %q", size.Wide, size.Window, culprits)
	}
}

// axe is the accessibility audit, a pinned file of "make web-tools".
var axe = sync.OnceValues(func() (string, error) {
	const (
		path = "_web/node_modules/axe-core/axe.min.js"
		sum  = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c" // of 4.14.1, seen 2026-11-21
	)
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("the accessibility audit: %w\nhint: make web-tools fetches it", err)
	}
	if got := sha256.Sum256(text); hex.EncodeToString(got[:]) != sum {
		return "", fmt.Errorf("%s is not the file that was chosen: its SHA-256 is %x", path, got)
	}
	return string(text), nil
})

// finding is a rule of the audit that the page violates.
type finding struct {
	ID, Impact, Help string
	Where            []string
}

// audit runs every rule of WCAG 2.2 A and AA and axe's best practices.
func (v *visitor) audit(name string) {
	v.t.Helper()
	source, err := axe()
	must(v.t, err)
	v.rests()
	var there bool
	if v.eval("typeof axe == 'object'", &there); !there {
		v.eval(source+"\n;0", nil)
	}
	var result struct {
		Passes   int
		Findings []finding
	}
	v.eval(`axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}).then(r => ({
		passes: r.passes.length,
		findings: r.violations.map(f => ({id: f.id, impact: f.impact, help: f.help, where: f.nodes.map(n => n.html.slice(0, 200) + " " + (n.any[0] || n.all[0] || n.none[0] || {message: ""}).message)}))}))`, &result)
	v.t.Logf("axe: %s: %d rules pass, %d are violated", name, result.Passes, len(result.Findings))
	if result.Passes == 0 {
		v.t.Errorf("axe: %s: nothing was looked at", name)
	}
	for _, f := range result.Findings {
		v.t.Errorf("axe: %s: %s (%s): %s\n\t%s", name, f.ID, f.Impact, f.Help, strings.Join(f.Where, "\n\t"))
	}
}

// views are the windows that a page has to look well in: a small phone's, a usual one's, a desk's and a large one's.
func views(most bool) map[string]chromium.View {
	all := map[string]chromium.View{}
	for width, dark := range map[int]bool{320: true, 390: false, 1280: false, 1600: true} {
		for shade, is := range map[string]bool{"light": false, "dark": true} {
			if most || is == dark {
				all[fmt.Sprintf("%d-%s", width, shade)] = chromium.View{Width: width, Height: 800, Dark: is, Phone: width < 1000}
			}
		}
	}
	return all
}

// looks looks at the page in four windows, or in each of them by day and by night: nothing sticks out, and the audit finds
// nothing on a dark phone and on a light desk.
func (v *visitor) looks(name string, most bool) {
	v.t.Helper()
	all := views(most)
	names := make([]string, 0, len(all))
	for view := range all {
		names = append(names, view)
	}
	slices.Sort(names)
	for _, view := range names {
		v.see(all[view])
		v.fits()
		v.shot(name + "-" + view)
		if view == "320-dark" || view == "1280-light" {
			v.audit(name + " " + view)
		}
	}
	v.see(chromium.View{Width: 1280, Height: 800})
}
