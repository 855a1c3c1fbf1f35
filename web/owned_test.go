package web

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/web/door"
	"github.com/twinpath/twinpath/wizard"
)

var (
	here      = netip.MustParseAddr("192.168.1.2")
	elsewhere = netip.MustParseAddr("192.168.7.2")
)

// fakeConfigs has a running text and two kept.
type fakeConfigs struct {
	text    string
	refusal error
	back    error
	applied []string
	use     func(text string) // called for what is applied
}

func (f *fakeConfigs) Current() (text []byte, revision string, setup bool) {
	return []byte(f.text), "rev-" + f.text, false
}

func (f *fakeConfigs) ApplyOver(_ context.Context, revision, name string, text []byte, confirm time.Duration) error {
	if revision != "rev-"+f.text {
		return Conflict{errors.New("another owner has changed it meanwhile")}
	}
	if f.refusal != nil {
		return f.refusal
	}
	f.applied = append(f.applied, name+" "+string(text)+" "+confirm.String())
	f.text = string(text)
	if f.use != nil {
		f.use(f.text)
	}
	return nil
}

func (f *fakeConfigs) Revert() error { return f.back }

func (f *fakeConfigs) Kept() ([]Kept, error) {
	return []Kept{{Number: 2, Modified: noon}, {Number: 1, Modified: noon.Add(-time.Hour)}}, nil
}

func (f *fakeConfigs) KeptText(number int) ([]byte, error) {
	if number != 1 {
		return nil, fs.ErrNotExist
	}
	return []byte("old"), nil
}

// fakePairing knows one code.
type fakePairing struct{ closed bool }

func (f *fakePairing) Offer(context.Context) (string, time.Time, error) {
	return "ABCD", noon, nil
}

func (f *fakePairing) Sealed() ([]byte, error) {
	if f.closed {
		return nil, errors.New("no router is invited here now")
	}
	return []byte{1, 2, 3}, nil
}

func (f *fakePairing) Join(_ context.Context, code string) (wizard.Pairing, error) {
	if code != "ABCD" {
		return wizard.Pairing{}, errors.New("there is a typo in the code")
	}
	return wizard.Pairing{Router: "main", ID: 51}, nil
}

// owned is an API with everything in it, and somebody who is logged in.
type owned struct {
	api     *API
	source  *fakeSource
	applier *fakeApplier
	configs *fakeConfigs
	pairing *fakePairing
	hash    string // the "hash" of a password is "hash of " and it
	token   string
}

func (h *owned) History(hours int) router.Measures { return router.Measures{Step: hours} }

func newOwned(t *testing.T) *owned {
	t.Helper()
	h := &owned{source: newFakeSource(), applier: new(fakeApplier), configs: &fakeConfigs{text: "now"}, pairing: new(fakePairing), hash: "hash of secret"}
	d := &door.Door{
		Hash:   func() string { return h.hash },
		Verify: func(_ context.Context, hash, password string) (bool, error) { return hash == "hash of "+password, nil },
	}
	h.api = &API{
		Source: h.source, History: fakeHistory{}, Applier: h.applier, Measures: h, Configs: h.configs, Pairing: h.pairing, Door: d,
		Settings: func() Settings {
			return Settings{Router: "main", URLs: []string{"http://192.168.1.2/", "http://192.168.1.1/"}, Own: []string{"http://192.168.1.2/"}, Key: "private"}
		},
		Serves:      func(at netip.Addr) bool { return at == here },
		Ports:       func(context.Context) ([]wizard.Port, error) { return []wizard.Port{{Name: "eth0"}}, nil },
		SetPassword: func(_ context.Context, password string) error { h.hash = "hash of " + password; return nil },
		TestAlert: func(_ context.Context, url string) error {
			if url != "ntfy://ntfy.sh/topic" {
				return errors.New("no such channel")
			}
			return nil
		},
	}
	s, err := d.Enter(t.Context(), time.Now(), door.Knock{Password: "secret", Source: here})
	if err != nil {
		t.Fatal(err)
	}
	h.token = s.Token
	return h
}

// client returns the page's process's client, for the session that is open.
func (h *owned) client(t *testing.T) *Client {
	t.Helper()
	client, _, _, _ := private(t, h.api.Guarded())
	return client.As(h.token)
}

func TestEveryChangeNeedsASession(t *testing.T) {
	h := newOwned(t)
	for _, r := range h.api.routes() {
		method, path, _ := strings.Cut(r.pattern, " ")
		path = strings.Replace(path, "{number}", "1", 1)
		changes := method != http.MethodGet
		if open := r.who == anybody || r.who == page; changes && open && path != "/api/v1/login" && path != "/api/v1/pair/letters" && path != "/api/v1/pair/leases" { // which the secret of the pair opens
			t.Errorf("%s changes something, and anybody may", r.pattern)
		}
		if r.who == anybody || r.who == page {
			continue
		}
		w := ask(h.api.Guarded(), method, path, "")
		if w.Code != http.StatusUnauthorized || !strings.Contains(w.Body.String(), "log in again") {
			t.Errorf("%s without a session: %d %s", r.pattern, w.Code, w.Body)
		}
	}
	if h.configs.text != "now" || len(h.source.wishes) > 0 {
		t.Errorf("something was done: %q, %q", h.configs.text, h.source.wishes)
	}
}

// TestSocketIsNotThePage has the key of the page's certificate, and passwords, on the private connection only.
func TestSocketIsNotThePage(t *testing.T) {
	h := newOwned(t)
	for _, r := range h.api.routes() {
		method, path, _ := strings.Cut(r.pattern, " ")
		if r.who == anybody || r.who == owner {
			continue
		}
		if w := ask(h.api.Handler(), method, path, ""); w.Code != http.StatusNotFound {
			t.Errorf("%s on the unix socket: %d %s", r.pattern, w.Code, w.Body)
		}
	}
}

func TestWhatIsNotThere(t *testing.T) {
	h := newOwned(t)
	bare := &API{Source: h.source, History: fakeHistory{}, Applier: h.applier, Door: h.api.Door}
	for _, path := range []string{"config", "config/1", "ports", "history", "settings", "pair/offer", "house/leases"} {
		request := asOwner(h, "GET", path)
		w := serve(bare.Guarded(), request)
		if w.Code != http.StatusNotFound {
			t.Errorf("%s of a daemon that has none: %d", path, w.Code)
		}
	}
}

func asOwner(h *owned, method, path string) *http.Request {
	r := httptest.NewRequest(method, "/api/v1/"+path, nil)
	r.Header.Set(tokenHeader, bearer+h.token)
	return r
}

func serve(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}
