package site

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"mime"
	"net/http"
	"path"

	"github.com/twinpath/twinpath/report"
)

//go:embed templates
var templates embed.FS

//go:embed static
var statics embed.FS

// asset is a file that pages load, under an address that changes with its content.
type asset struct {
	hash, kind string
	text, gzip []byte
}

// assets are the files of static/ by name.
type assets map[string]asset

func loadAssets() assets {
	entries, err := statics.ReadDir("static")
	if err != nil {
		panic(err) // they are part of the program
	}
	all := assets{}
	for _, e := range entries {
		text, err := statics.ReadFile("static/" + e.Name())
		if err != nil {
			panic(err)
		}
		all.add(e.Name(), text)
	}
	all.add("report.css", []byte(report.Style)) // the one of the reports that stand by themselves
	return all
}

func (a assets) add(name string, text []byte) {
	sum := sha256.Sum256(text)
	a[name] = asset{hash: hex.EncodeToString(sum[:6]), kind: kindOf(name), text: text, gzip: compress(text)}
}

// kindOf does not ask the machine's own table, which differs from box to box.
func kindOf(name string) string {
	switch path.Ext(name) {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	return mime.TypeByExtension(path.Ext(name))
}

// url is where a file of static/ is served. A name that is not there is a mistake of ours, which every test would see.
func (a assets) url(name string) string {
	found, ok := a[name]
	if !ok {
		panic("there is no static/" + name)
	}
	return "/static/" + found.hash + "/" + name
}

// static serves a file for ever: another content has another address.
func (s *Site) static(w http.ResponseWriter, r *http.Request) {
	found, ok := s.assets[r.PathValue("name")]
	if !ok || found.hash != r.PathValue("hash") {
		s.nowhere(w, r)
		return
	}
	h := w.Header()
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Content-Type", found.kind)
	h.Set("Vary", "Accept-Encoding")
	text := found.text
	if len(text) > least && takesGzip(r) {
		h.Set("Content-Encoding", "gzip")
		text = found.gzip
	}
	if r.Method != http.MethodHead {
		_, _ = w.Write(text)
	}
}

// functions are what templates may call beside Go's own.
func functions(a assets) template.FuncMap {
	return template.FuncMap{
		"asset": a.url,
		"icon":  icon,
		"when":  when,
		"clock": clock,
		"span":  span,
		"bytes": octets,
		"ms":    milliseconds,
		"share": share,
	}
}
