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
