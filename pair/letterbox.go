package pair

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"time"
)

// secondKind is what is sealed for the second path.
const secondKind = "second path"

// mostWord is how large a word of the second path may be, sealed, in bytes: it goes in one datagram.
const mostWord = 1200

// word is what a router says of itself over the second path.
type word struct {
	From      string `json:"from"` // which running program of which router: who hears itself has been sent its own words
	Router    string `json:"router"`
	Line      string `json:"line"`            // by which it sends this
	State     string `json:"state"`           // of its election for the house
	Hears     bool   `json:"hears"`           // it hears the other router over the LAN
	Tells     bool   `json:"tells,omitempty"` // it has somebody to tell of trouble
	Challenge []byte `json:"challenge"`       // to be answered by the other's next word
}

var errOwnWord = errors.New("it is this router's own word")

// letterbox writes and reads words. Each has a challenge for the next one of the other side; what answers none of ours may be an old one, and
// only its challenge is taken.
type letterbox struct {
	gate   *Gate
	self   string
	answer []byte // the other's newest challenge
}

func newLetterbox(now func() time.Time) *letterbox {
	return &letterbox{gate: NewGate(now), self: rand.Text(), answer: make([]byte, challengeSize)}
}

// write seals a word.
func (b *letterbox) write(secret string, w word) ([]byte, error) {
	w.From, w.Challenge = b.self, b.gate.challenge(b.gate.minute())
	w.Router, w.Line, w.State = label(w.Router), label(w.Line), label(w.State)
	text, err := json.Marshal(w)
	if err != nil {
		return nil, err
	}
	return Seal(secret, secondKind, b.answer, text)
}

// read opens a word. Fresh: it was written for a challenge of ours, within the last two minutes, and not read before.
func (b *letterbox) read(secret string, sealed []byte) (w word, fresh bool, err error) {
	text, err := unseal(secret, secondKind, sealed)
	if err != nil {
		return word{}, false, err
	}
	if err := json.Unmarshal(text, &w); err != nil {
		return word{}, false, err
	}
	if w.From == b.self {
		return word{}, false, errOwnWord
	}
	if len(w.Challenge) == challengeSize {
		b.answer = bytes.Clone(w.Challenge)
	}
	_, err = b.gate.Open(secret, secondKind, sealed)
	w.Router, w.Line, w.State = label(w.Router), label(w.Line), label(w.State)
	return w, err == nil, nil
}

// label is the beginning of a name: three of them have to fit into a word.
func label(text string) string {
	const most = 64
	runes := []rune(brief(text))
	return string(runes[:min(len(runes), most)])
}
