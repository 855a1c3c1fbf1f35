package setup

import (
	"bytes"
	"context"
	_ "embed"
	"html/template"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/twinpath/twinpath/router"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// page shows what was found, and how to go on. It changes nothing.
type page struct {
	layout func() *Layout
	status func(context.Context) (*router.Snapshot, error)
	at     address
}

// view is what the page says.
type view struct {
	Verdict  router.Verdict
	Sentence string
	Places   []Place
	Address  string
	Member   bool // of a network with a router of its own
	Waiting  bool // a port is being looked along
}

// Word says the verdict for those who see no colours.
func (v view) Word() string {
	switch v.Verdict {
	case router.VerdictOK, router.VerdictBackup:
		return "✓ online"
	case router.VerdictDegraded:
		return "! unsteady"
	case router.VerdictOffline:
		return "✕ offline"
	}
	return "… not known yet"
}

// Sign is a role's icon.
func (p Place) Sign() string {
	return map[Role]string{Spare: "○", Looking: "…", House: "⌂", Line: "↗", Member: "⌂", Aside: "✕"}[p.Role]
}

// ServeHTTP implements http.Handler. A name that is not ours may be somebody's trick to read the page from outside (DNS
// rebinding).
func (p *page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	h.Set("Cache-Control", "no-store")
	layout := p.layout()
	switch {
	case !p.ours(r.Host):
		http.Error(w, "this is not the name of this box: open http://"+p.at.own.Addr().String()+"/", http.StatusForbidden)
	case r.Method != http.MethodGet:
		h.Set("Allow", http.MethodGet)
		http.Error(w, "this page is only to be read", http.StatusMethodNotAllowed)
	case r.URL.Path == "/":
		p.show(w, p.view(r.Context(), *layout))
	case r.URL.Path == "/twinpath.toml":
		h.Set("Content-Type", "text/plain; charset=utf-8")
		h.Set("Content-Disposition", `attachment; filename="twinpath.toml"`)
		_, _ = w.Write(layout.Example())
	default:
		http.Error(w, "there is only http://"+p.at.own.Addr().String()+"/", http.StatusNotFound)
	}
}

// ours reports whether a Host header names this box.
func (p *page) ours(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	known := []string{p.at.own.Addr().String(), hostName, hostName + "." + domain}
	if p.at.domain != "" {
		known = append(known, hostName+"."+strings.ToLower(p.at.domain))
	}
	return slices.Contains(known, strings.TrimSuffix(strings.ToLower(host), "."))
}

func (p *page) view(ctx context.Context, l Layout) view {
	_, member := l.Member()
	v := view{Places: l.Places, Address: p.at.own.Addr().String(), Member: member, Waiting: len(l.with(Looking)) > 0,
		Verdict: router.VerdictUnknown, Sentence: "The router is starting."}
	if s, err := p.status(ctx); err == nil {
		v.Verdict, v.Sentence = s.Verdict, s.Sentence
	}
	return v
}

func (p *page) show(w http.ResponseWriter, v view) {
	var text bytes.Buffer
	if err := pageTemplate.Execute(&text, v); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(text.Bytes()) // a reader that is gone
}
