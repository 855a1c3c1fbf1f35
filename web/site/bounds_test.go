package site

import (
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestFewLargeBodiesAreHeld(t *testing.T) {
	s := show(t, pictures()["ok"])
	post := func(body io.Reader, length int64) int {
		r := request(http.MethodPost, "/login", "")
		r.Body, r.ContentLength = io.NopCloser(body), length
		return do(s, r).Code
	}
	var all sync.WaitGroup
	var ends []*io.PipeWriter
	for n := range mostLarge {
		body, end := io.Pipe()
		ends = append(ends, end)
		all.Go(func() { post(body, []int64{-1, small + 1}[n%2]) })
	}
	for s.large.Load() < mostLarge {
		time.Sleep(time.Millisecond)
	}
	if got := post(strings.NewReader("x"), -1); got != http.StatusServiceUnavailable {
		t.Errorf("one large body more: %d, want 503", got)
	}
	if got := post(strings.NewReader("password=x"), 10); got == http.StatusServiceUnavailable {
		t.Error("large bodies keep a small one out")
	}
	for _, end := range ends {
		_ = end.Close()
	}
	all.Wait()
	if got := s.large.Load(); got != 0 {
		t.Errorf("%d large bodies are held when all have gone", got)
	}
}

func TestPassesTravelOverTLSWhereThereIsSome(t *testing.T) {
	query := url.Values{"of": {"1"}, "pass": {"p"}}
	plain := []string{"http://192.168.1.2/", "http://[fd00::2]/"}
	for _, l := range links(plain, "/confirm", query) {
		if !strings.HasSuffix(l.URL, "/confirm?of=1&pass=p") {
			t.Errorf("without TLS %s", l.URL)
		}
	}
	var got []string
	for _, l := range links([]string{"http://192.168.1.2/", "https://192.168.1.2/"}, "/confirm", query) {
		got = append(got, l.URL)
	}
	if want := []string{"http://192.168.1.2/confirm?of=1", "https://192.168.1.2/confirm?of=1&pass=p"}; !slices.Equal(got, want) {
		t.Errorf("with TLS %q, want %q", got, want)
	}
}

func TestCookiesAreForOneConnection(t *testing.T) {
	for _, secure := range []bool{false, true} {
		r, w := request(http.MethodPost, "/login", ""), httptest.NewRecorder()
		want := "twinpath"
		if secure {
			r.TLS, want = new(tls.ConnectionState), "__Host-twinpath"
		}
		setCookie(w, r, sessionCookie, "token", time.Hour)
		c := w.Result().Cookies()[0]
		if c.Name != want || c.Secure != secure || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" {
			t.Errorf("TLS %t: %s", secure, c)
		}
		r.AddCookie(&http.Cookie{Name: "twinpath", Value: "plain"})
		if got := token(r); (got == "") != secure {
			t.Errorf("TLS %t: of a cookie that anybody on the line could have set comes the session %q", secure, got)
		}
	}
}
