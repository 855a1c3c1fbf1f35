package site

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// stable replaces what changes with every edit of a style sheet.
var stable = regexp.MustCompile(`/static/[0-9a-f]+/`)

// show is a site with the daemon's state of a picture.
func show(t testing.TB, p picture) *Site {
	t.Helper()
	d := p.daemon()
	s := siteOf(t, d)
	if p.silent {
		s.hub.quiet(noon)
		heard(t, s, func(n *seen) bool { return !n.silent.IsZero() })
	}
	return s
}

func TestPagesLookAsTheyShould(t *testing.T) {
	for name, p := range pictures() {
		t.Run(name, func(t *testing.T) {
			w := get(show(t, p), "/")
			if w.Code != http.StatusOK {
				t.Fatalf("/ answers %d, want 200", w.Code)
			}
			golden(t, name+".html", stable.ReplaceAll(w.Body.Bytes(), []byte("/static/HASH/")))
		})
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the page is not that of %s (run with -update and look at the difference)%s", path, difference(string(got), string(want)))
	}
}

// difference is the first line that is another.
func difference(got, want string) string {
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("\nline %d\n got %s\nwant %s", i+1, a[i], b[i])
		}
	}
	return fmt.Sprintf("\n got %d lines, want %d", len(a), len(b))
}

// The first paint needs the page, its two style sheets and the script: 50 KB compressed at most.
func TestTheFirstPaintIsSmall(t *testing.T) {
	s := show(t, pictures()["three"])
	r := request(http.MethodGet, "/", "")
	r.Header.Set("Accept-Encoding", "gzip, br")
	w := do(s, r)
	if w.Header().Get("Content-Encoding") != "gzip" {
		t.Fatal("the page is not compressed")
	}
	sum := w.Body.Len()
	t.Logf("page: %d bytes", sum)
	for name, a := range s.assets {
		if bytes.Contains(get(s, "/").Body.Bytes(), []byte(name)) {
			t.Logf("%s: %d bytes", name, len(a.gzip))
			sum += len(a.gzip)
		}
	}
	t.Logf("first paint: %d bytes", sum)
	if sum > 50_000 {
		t.Errorf("the first paint takes %d bytes, want 50,000 at most", sum)
	}
	if n := len(s.assets["live.js"].text); n > 8<<10 {
		t.Errorf("live.js has %d bytes, want 8 KiB at most", n)
	}
}

func TestPartIsSentOnceOnly(t *testing.T) {
	s := show(t, pictures()["backup"])
	first := get(s, "/part")
	tag := first.Header().Get("ETag")
	if first.Code != http.StatusOK || tag == "" {
		t.Fatalf("/part answers %d with tag %q", first.Code, tag)
	}
	r := request(http.MethodGet, "/part", "")
	r.Header.Set("If-None-Match", tag)
	if again := do(s, r); again.Code != http.StatusNotModified || again.Body.Len() > 0 {
		t.Errorf("the same part again: %d with %d bytes, want 304 with none", again.Code, again.Body.Len())
	}
}
