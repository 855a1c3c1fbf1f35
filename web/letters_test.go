package web

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

// stale is an error that wants another try.
type stale struct{}

func (stale) Error() string { return "stale" }
func (stale) Again() string { return "c0ffee" }

func TestLettersNeedNoSession(t *testing.T) {
	h := newOwned(t)
	h.api.Letters = func(sealed []byte) ([]byte, error) {
		switch string(sealed) {
		case "old":
			return nil, stale{}
		case "forged":
			return nil, errors.New("it is not sealed with the secret of this pair")
		}
		return []byte("\x01sealed"), nil
	}
	c := h.client(t).As("")
	if answer, err := c.Letters(t.Context(), []byte("good")); err != nil || string(answer) != "\x01sealed" {
		t.Errorf("letters: %q, %v", answer, err)
	}
	_, err := c.Letters(t.Context(), []byte("old"))
	refusal(t, "an old challenge", err, http.StatusConflict, "c0ffee")
	_, err = c.Letters(t.Context(), []byte("forged"))
	refusal(t, "a foreign seal", err, http.StatusForbidden, "it is not sealed with the secret of this pair")
	_, err = c.Letters(t.Context(), []byte(strings.Repeat("x", mostLetters+1)))
	refusal(t, "a flood", err, http.StatusRequestEntityTooLarge, "letters are larger than 64 KiB")
}

func TestLettersComeOneAfterTheOther(t *testing.T) {
	var b Bucket
	now := time.Now()
	n := 0
	for b.Take(now) {
		n++
	}
	if n != 10 || !b.Take(now.Add(time.Second)) || b.Take(now.Add(time.Second)) {
		t.Errorf("%d at once, want 10, and one more a second later", n)
	}
}

func TestLeasesOfThePairNeedNoSession(t *testing.T) {
	h := newOwned(t)
	h.api.PairLeases = func(sealed []byte) ([]byte, error) {
		if len(sealed) < 100<<10 {
			return nil, errors.New("it is not sealed with the secret of this pair")
		}
		return []byte("\x01sealed"), nil
	}
	c := h.client(t).As("")
	large := []byte(strings.Repeat("x", 100<<10)) // of a thousand devices
	if answer, err := c.PairLeases(t.Context(), large); err != nil || string(answer) != "\x01sealed" {
		t.Errorf("leases: %q, %v", answer, err)
	}
	_, err := c.PairLeases(t.Context(), []byte("forged"))
	refusal(t, "a foreign seal", err, http.StatusForbidden, "it is not sealed with the secret of this pair")
	_, err = c.PairLeases(t.Context(), []byte(strings.Repeat("x", mostLeases+1)))
	refusal(t, "a flood", err, http.StatusRequestEntityTooLarge, "letters are larger than 256 KiB")
}

func TestOnlyTheOwnerSeesWhoIsAtHome(t *testing.T) {
	h := newOwned(t)
	h.api.HouseLeases = func() ([]HouseLease, error) {
		return []HouseLease{{Address: here, MAC: "02:00:00:00:00:10", Name: "nas", Until: noon, Fixed: true}}, nil
	}
	all, err := h.client(t).HouseLeases(t.Context())
	if err != nil || len(all) != 1 || all[0].Name != "nas" || !all[0].Until.Equal(noon) || !all[0].Fixed {
		t.Errorf("%+v, %v", all, err)
	}
	_, err = h.client(t).As("").HouseLeases(t.Context())
	refusal(t, "anybody", err, http.StatusUnauthorized, "nobody is logged in with this session any more\nhint: log in again")
	h.api.HouseLeases = func() ([]HouseLease, error) { return nil, nil }
	if text, err := h.client(t).Raw(t.Context(), "/api/v1/house/leases"); err != nil || strings.TrimSpace(string(text)) != "[]" {
		t.Errorf("nobody at home: %q, %v", text, err)
	}
}
