package chromium

import (
	"bytes"
	"fmt"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/internal/sandbox"
)

// TestMain keeps the browser away from every network, as the lab does.
func TestMain(m *testing.M) { os.Exit(sandbox.Tests(m.Run)) }

const pages = `<!doctype html><html lang="en"><title>Try</title><link rel="icon" href="data:,">
<style>body { margin: 0; background: #fff } #wide { width: 90vw } @media (prefers-color-scheme: dark) { body { background: #000 } }</style>
<form method="post" action="/sent"><label for="name">Name</label> <input id="name" name="name" value="old">
<label><input type="checkbox" name="sure" style="width:0;height:0;appearance:none"> sure</label>
<button>Send</button></form>
<p id="wide">plain</p><noscript><p id="plain">no script</p></noscript><button id="gone" hidden>gone</button>
<script src="/live.js"></script>`

// site is a small one of our own, with something wrong on some of its pages.
func site(t *testing.T) string {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, pages) })
	mux.HandleFunc("GET /live.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		fmt.Fprint(w, "document.getElementById('wide').textContent = 'live'")
	})
	mux.HandleFunc("POST /sent", func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "name", Value: "known", SameSite: http.SameSiteStrictMode})
		fmt.Fprintf(w, "<!doctype html><title>Sent</title><link rel=icon href=data:,><p>%s %s", r.FormValue("name"), r.FormValue("sure"))
	})
	for path, wrong := range map[string]string{
		"foreign": `<img src="http://192.0.2.1/pixel">`,
		"console": `<script>console.error("oh", "no")</script>`,
		"throws":  `<script>throw new Error("thrown away")</script>`,
		"policy":  `<p style="color: red">red</p>`,
		"missing": `<script src="/not-there.js"></script>`,
	} {
		mux.HandleFunc("GET /"+path, func(w http.ResponseWriter, _ *http.Request) {
			if path == "policy" {
				w.Header().Set("Content-Security-Policy", "default-src 'self'; img-src data:")
			}
			fmt.Fprint(w, `<!doctype html><html lang="en"><title>Wrong</title><link rel="icon" href="data:,">`+wrong)
		})
	}
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

func open(t *testing.T) (*Browser, *Page) {
	t.Helper()
	b, err := Start(t.Context(), t.TempDir(), func(cmd *exec.Cmd) error { return cmd.Start() })
	must(t, err)
	t.Cleanup(b.Close)
	p, err := b.Page(t.Context())
	must(t, err)
	return b, p
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func text(t *testing.T, p *Page, selector, want string) {
	t.Helper()
	got, err := p.Text(t.Context(), selector)
	if err != nil || strings.TrimSpace(got) != want {
		t.Errorf("%s says %q (%v), want %q", selector, got, err, want)
	}
}

func TestBrowser(t *testing.T) {
	b, p := open(t)
	address := site(t)
	ctx := t.Context()
	must(t, p.Open(ctx, address+"/"))
	text(t, p, "#wide", "live")

	t.Run("types and clicks as a person", func(t *testing.T) {
		must(t, p.Type(ctx, "#name", `new "name" ü`))
		must(t, p.Click(ctx, "[name=sure]"))
		must(t, p.Click(ctx, "form button"))
		must(t, p.Await(ctx, patience, "document.title == 'Sent'"))
		text(t, p, "p", `new "name" ü on`)
	})
	t.Run("presses keys", func(t *testing.T) {
		must(t, p.Open(ctx, address+"/"))
		must(t, p.Type(ctx, "#name", "by key"))
		must(t, p.Press(ctx, "Tab"))
		must(t, p.Press(ctx, "Space"))
		must(t, p.Press(ctx, "Tab"))
		must(t, p.Press(ctx, "Enter"))
		must(t, p.Await(ctx, patience, "document.title == 'Sent'"))
		text(t, p, "p", "by key on")
	})
	t.Run("clicks nothing that a person could not", func(t *testing.T) {
		must(t, p.Open(ctx, address+"/"))
		for selector, want := range map[string]string{"#gone": "not visible", "#never": "there is none"} {
			if err := p.Click(ctx, selector); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", selector, err, want)
			}
		}
	})
	t.Run("two visitors", func(t *testing.T) {
		other, err := b.Page(ctx)
		must(t, err)
		again, err := p.Another(ctx)
		must(t, err)
		for _, c := range []struct {
			page *Page
			want bool
		}{{other, false}, {again, true}} {
			must(t, c.page.Open(ctx, address+"/"))
			var cookie string
			must(t, c.page.Eval(ctx, "document.cookie", &cookie))
			if (cookie != "") != c.want {
				t.Errorf("its cookies: %q, want some: %t", cookie, c.want)
			}
			must(t, c.page.Close(ctx))
		}
	})
	if c := p.Complaints(); len(c) > 0 {
		t.Errorf("complaints of good pages: %q", c)
	}
	t.Run("complains", func(t *testing.T) { complains(t, p, address) })
	t.Run("looks", func(t *testing.T) { looks(t, p, address) })
	if err := p.Open(ctx, "http://127.0.0.1:1/"); err == nil || !strings.Contains(err.Error(), "ERR_") {
		t.Errorf("opened where nobody is: %v", err)
	}
}

func complains(t *testing.T, p *Page, address string) {
	for path, want := range map[string]string{
		"foreign": "foreign host: http://192.0.2.1/pixel",
		"console": "console: error",
		"throws":  "thrown away",
		"policy":  "ContentSecurityPolicyIssue",
		"missing": "status of 404",
	} {
		must(t, p.Open(t.Context(), address+"/"+path))
		said := func() bool {
			return slices.ContainsFunc(p.Complaints(), func(c string) bool { return strings.Contains(c, want) })
		}
		for end := time.Now().Add(patience); !said() && time.Now().Before(end); {
			must(t, p.Eval(t.Context(), "new Promise(r => setTimeout(r, 10))", nil))
		}
		if !said() {
			t.Errorf("%s: %q, want %q", path, p.Complaints(), want)
		}
		p.Forgive("")
	}
}

func looks(t *testing.T, p *Page, address string) {
	ctx := t.Context()
	for _, c := range []struct {
		view  View
		shade uint32
	}{{View{Width: 320, Height: 600, Phone: true}, 0xffff}, {View{Width: 1600, Height: 900, Dark: true, Calm: true}, 0}} {
		must(t, p.See(ctx, c.view))
		must(t, p.Open(ctx, address+"/"))
		shot, err := p.Screenshot(ctx)
		must(t, err)
		picture, err := png.Decode(bytes.NewReader(shot))
		must(t, err)
		r, _, _, _ := picture.At(picture.Bounds().Dx()-1, picture.Bounds().Dy()-1).RGBA()
		if picture.Bounds().Dx() < c.view.Width || r != c.shade {
			t.Errorf("%+v: a picture of %v with shade %x, want %x", c.view, picture.Bounds(), r, c.shade)
		}
		var calm bool
		must(t, p.Eval(ctx, "matchMedia('(prefers-reduced-motion: reduce)').matches", &calm))
		if calm != c.view.Calm {
			t.Errorf("%+v: wants little motion: %t", c.view, calm)
		}
	}
	must(t, p.Script(ctx, false))
	must(t, p.Open(ctx, address+"/"))
	text(t, p, "#wide", "plain")
	text(t, p, "#plain", "no script")
	must(t, p.Script(ctx, true))
}

func TestCloseLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	b, err := Start(t.Context(), dir, func(cmd *exec.Cmd) error { return cmd.Start() })
	must(t, err)
	b.Close()
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("files left: %v", left)
	}
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	must(t, err)
	for _, name := range lines {
		if line, _ := os.ReadFile(name); bytes.Contains(line, []byte(dir)) {
			t.Errorf("a program is left: %s", bytes.ReplaceAll(line, []byte{0}, []byte(" ")))
		}
	}
	if err := b.pipe.call(t.Context(), "", "Browser.getVersion", struct{}{}, nil); err == nil {
		t.Error("a closed browser answers")
	}
}

func TestABrowserThatDoesNotStart(t *testing.T) {
	_, err := Start(t.Context(), t.TempDir(), func(cmd *exec.Cmd) error {
		cmd.Path, cmd.Args = "/bin/sh", []string{"sh", "-c", "echo no display >&2; exit 1"}
		return cmd.Start()
	})
	if err == nil || !strings.Contains(err.Error(), "the browser has ended: no display") && !strings.Contains(err.Error(), "pipe") {
		t.Errorf("%v, want what it said", err)
	}
}
