package web

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// refusal is a status and how its words begin.
func refusal(t *testing.T, what string, err error, status int, words string) {
	t.Helper()
	if StatusOf(err) != status || !strings.HasPrefix(err.Error(), words) {
		t.Errorf("%s: %d %v, want %d %q", what, StatusOf(err), err, status, words)
	}
}

func TestLoginAndItsLimits(t *testing.T) {
	h := newOwned(t)
	client, _, _, _ := private(t, h.api.Guarded())
	s, err := client.Login(t.Context(), Login{Password: "secret", Source: elsewhere})
	if err != nil || time.Until(s.Until) < 24*time.Hour {
		t.Fatalf("login: until %s, %v", s.Until, err)
	}
	in := client.As(s.Token)
	if until, err := in.SessionUntil(t.Context()); err != nil || !until.Equal(s.Until) {
		t.Errorf("the session is good until %s, %v; at login it was %s", until, err, s.Until)
	}
	for range 5 {
		_, err := client.Login(t.Context(), Login{Password: "guess", Source: elsewhere})
		refusal(t, "a guess", err, http.StatusUnauthorized, "that is not the password")
	}
	_, err = client.Login(t.Context(), Login{Password: "secret", Source: elsewhere})
	refusal(t, "the sixth try", err, http.StatusTooManyRequests, "too many wrong passwords: try again in 1s")
	if RetryAfter(err) != time.Second {
		t.Errorf("try again after %s, want 1s", RetryAfter(err))
	}
	again, err := client.Login(t.Context(), Login{Password: "secret", Source: elsewhere, Device: s.Device})
	if err != nil || again.Device != s.Device {
		t.Errorf("the known browser at the same address: %v", err)
	}
	if err := in.Logout(t.Context()); err != nil {
		t.Error(err)
	}
	_, err = in.SessionUntil(t.Context())
	refusal(t, "after the logout", err, http.StatusUnauthorized, "nobody is logged in")
	if _, err := client.As(again.Token).SessionUntil(t.Context()); err != nil {
		t.Errorf("the other session: %v", err)
	}
	h.hash = ""
	_, err = client.Login(t.Context(), Login{Password: "", Source: here})
	refusal(t, "with no password set", err, http.StatusForbidden, "no password is set")
}

func TestApplyAWish(t *testing.T) {
	h := newOwned(t)
	c := h.client(t)
	now, err := c.Config(t.Context())
	if err != nil || now.Text != "now" || now.Revision != "rev-now" || len(now.Kept) != 2 || now.Kept[0].Number != 2 {
		t.Fatalf("config: %+v, %v", now, err)
	}
	g, err := c.Apply(t.Context(), Wish{Text: "next", Revision: now.Revision, Confirm: "90s"}, elsewhere)
	if err != nil || !g.Moved || len(g.URLs) != 1 || time.Until(g.Until).Round(time.Second) != 90*time.Second {
		t.Errorf("granted: %+v, %v", g, err)
	}
	if got := strings.Join(h.configs.applied, ";"); got != "twinpath.toml next 1m30s" {
		t.Errorf("applied %q", got)
	}
	_, err = c.Apply(t.Context(), Wish{Text: "mine", Revision: now.Revision}, here)
	refusal(t, "over a change", err, http.StatusConflict, "another owner has changed it")
	s, err := c.Login(t.Context(), Login{Pass: g.Pass, Source: here})
	if err != nil || s.Token == "" {
		t.Errorf("with the pass: %v", err)
	}
	_, err = c.Login(t.Context(), Login{Pass: g.Pass, Source: here})
	refusal(t, "the pass again", err, http.StatusUnauthorized, "this link was used already")

	h.configs.refusal = errors.New("twinpath.toml:1: what")
	wish := Wish{Text: "bad", Revision: "rev-next"}
	_, err = c.Apply(t.Context(), wish, here)
	refusal(t, "with a problem", err, http.StatusUnprocessableEntity, "twinpath.toml:1: what")
	h.configs.refusal = Conflict{errors.New("another configuration waits")}
	_, err = c.Apply(t.Context(), wish, here)
	refusal(t, "while another waits", err, http.StatusConflict, "another configuration waits")
	_, err = c.Apply(t.Context(), Wish{Revision: "rev-next", Confirm: "1s"}, here)
	refusal(t, "a short wait", err, http.StatusBadRequest, "confirm: not a duration between 5s and 1h")
	err = c.Post(t.Context(), "apply", nil, []byte("raw"))
	refusal(t, "the bare text", err, http.StatusUnsupportedMediaType, "send a Wish")
}

// TestPasswordOfTheWish is set by the configuration that is tried: whoever tries it stays inside, and is again when it goes back.
func TestPasswordOfTheWish(t *testing.T) {
	h := newOwned(t)
	c := h.client(t)
	other, err := c.Login(t.Context(), Login{Password: "secret", Source: elsewhere})
	if err != nil {
		t.Fatal(err)
	}
	h.hash = "hash of next"
	if _, err := c.SessionUntil(t.Context()); StatusOf(err) != http.StatusUnauthorized {
		t.Errorf("a password that somebody else has set: %v", err)
	}
	h.hash = "hash of secret"
	h.configs.use = func(text string) { h.hash = "hash of " + text }
	if _, err := c.Apply(t.Context(), Wish{Text: "next", Revision: "rev-now"}, here); err != nil {
		t.Fatal(err)
	}
	for _, hash := range []string{"hash of next", "hash of secret"} {
		h.hash = hash
		if _, err := c.SessionUntil(t.Context()); err != nil {
			t.Errorf("with the %s: %v", hash, err)
		}
	}
	h.hash = "hash of next"
	_, err = c.As(other.Token).SessionUntil(t.Context())
	refusal(t, "the other session", err, http.StatusUnauthorized, "nobody is logged in")
}

func TestConfirmWhereItIs(t *testing.T) {
	h := newOwned(t)
	h.applier.confirm = time.Minute
	c := h.client(t)
	refusal(t, "at the old address", c.Confirm(t.Context(), elsewhere), http.StatusConflict,
		"the new configuration does not have the page at 192.168.7.2, where you are\nhint: confirm on its new address: http://192.168.1.2/")
	refusal(t, "from nowhere", c.Post(t.Context(), "confirm", nil, nil), http.StatusConflict, "the new configuration")
	if err := c.Confirm(t.Context(), here); err != nil {
		t.Errorf("on the new address: %v", err)
	}
	refusal(t, "twice", c.Confirm(t.Context(), here), http.StatusConflict, "no configuration waits")
	if err := c.Revert(t.Context()); err != nil {
		t.Errorf("revert: %v", err)
	}
	h.configs.back = errors.New("no configuration waits for a confirmation")
	refusal(t, "back from nothing", c.Revert(t.Context()), http.StatusConflict, "no configuration waits")
}

func TestChangeThePassword(t *testing.T) {
	h := newOwned(t)
	c := h.client(t)
	refusal(t, "short", c.SetPassword(t.Context(), "secret", "1234567"), http.StatusUnprocessableEntity, "a password of 7 characters is too short")
	refusal(t, "long", c.SetPassword(t.Context(), "secret", strings.Repeat("é", 37)), http.StatusUnprocessableEntity, "a password of 74 bytes is too long")
	refusal(t, "without the old one", c.SetPassword(t.Context(), "guess", "12345678"), http.StatusForbidden, "the old password is another one")
	if h.hash != "hash of secret" {
		t.Fatalf("it is %q already", h.hash)
	}
	if err := c.SetPassword(t.Context(), "secret", "correct horse"); err != nil || h.hash != "hash of correct horse" {
		t.Errorf("%v, %q", err, h.hash)
	}
	if _, err := c.SessionUntil(t.Context()); err != nil {
		t.Errorf("who changed it is out: %v", err)
	}
}

func TestOtherVerbs(t *testing.T) {
	h := newOwned(t)
	c := h.client(t)
	if s, err := c.Settings(t.Context()); err != nil || s.Router != "main" || s.Key != "private" {
		t.Errorf("settings: %+v, %v", s, err)
	}
	if p, err := c.Ports(t.Context()); err != nil || len(p) != 1 || p[0].Name != "eth0" {
		t.Errorf("ports: %+v, %v", p, err)
	}
	if k, err := c.KeptConfig(t.Context(), 1); err != nil || k.Text != "old" || !k.Modified.Equal(noon.Add(-time.Hour)) {
		t.Errorf("kept: %+v, %v", k, err)
	}
	_, err := c.KeptConfig(t.Context(), 7)
	refusal(t, "one that is not kept", err, http.StatusNotFound, "file does not exist")
	if text, err := c.History(t.Context(), 3); err != nil || !strings.Contains(string(text), `"step_s":3`) {
		t.Errorf("history: %s, %v", text, err)
	}
	_, err = c.History(t.Context(), 9601)
	refusal(t, "9601 hours", err, http.StatusBadRequest, "hours: not a number from 1 to 9600")
	if err := errors.Join(c.Drain(t.Context(), "fibre"), c.Resume(t.Context(), "")); err != nil || fmt.Sprint(h.source.wishes) != "[drain fibre resume ]" {
		t.Errorf("the router got %q, %v", h.source.wishes, err)
	}
	if err := c.TestAlert(t.Context(), "ntfy://ntfy.sh/topic"); err != nil {
		t.Errorf("alert: %v", err)
	}
	refusal(t, "no channel", c.TestAlert(t.Context(), "x"), http.StatusUnprocessableEntity, "no such channel")
	code, err := c.OfferPair(t.Context())
	if err != nil || code.Code != "ABCD" || !code.Until.Equal(noon) {
		t.Errorf("offer: %+v, %v", code, err)
	}
	if sealed, err := c.As("").SealedOffer(t.Context()); err != nil || string(sealed) != "\x01\x02\x03" {
		t.Errorf("sealed: %q, %v", sealed, err)
	}
	h.pairing.closed = true
	_, err = c.SealedOffer(t.Context())
	refusal(t, "no offer", err, http.StatusNotFound, "no router is invited")
	if p, err := c.JoinPair(t.Context(), "ABCD"); err != nil || p.ID != 51 {
		t.Errorf("join: %+v, %v", p, err)
	}
	_, err = c.JoinPair(t.Context(), "ABCE")
	refusal(t, "a typo", err, http.StatusUnprocessableEntity, "there is a typo")
}

func TestBadBodies(t *testing.T) {
	h := newOwned(t)
	c := h.client(t)
	for path, body := range map[string]string{"login": "{", "password": `{"old":1}`, "alert/test": "{", "pair/join": "[]"} {
		refusal(t, path, c.Post(t.Context(), path, nil, []byte(body)), http.StatusBadRequest, "not the JSON of docs/api.md")
		big := []byte(`{"password":"` + strings.Repeat("x", 17<<10) + `"}`)
		refusal(t, path, c.Post(t.Context(), path, nil, big), http.StatusRequestEntityTooLarge, "the request is larger than 16 KiB")
	}
	if err := c.Post(t.Context(), "confirm", nil, nil); StatusOf(err) != http.StatusConflict || RetryAfter(err) != 0 || StatusOf(errors.New("x")) != 0 {
		t.Errorf("%v", err)
	}
}
