package link

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// protocol is the newest version of the messages that this program speaks, and least the oldest.
const (
	protocol = 1
	least    = 1
)

// Greeting is what a router says first. It only ever gets more fields: a router of any version can read it.
type Greeting struct {
	Protocol  int           `json:"protocol"` // the newest that it speaks
	Least     int           `json:"least"`    // the oldest
	Instance  string        `json:"instance"` // another one: Twinpath was started anew
	Router    string        `json:"router"`   // its name
	Version   string        `json:"version"`  // of the program
	MAC       string        `json:"mac"`      // of its interface on the LAN
	LinkLocal netip.Addr    `json:"link_local,omitzero"`
	Beat      time.Duration `json:"beat"` // between two of its signs of life
}

// errSelf is said by a router that hears its own Greeting: somebody in the house sends it its own packets.
var errSelf = errors.New("this router has reached itself at the other one's address")

const otherVersion = "the other router works by another version"

// versionError is a partner with which no version of the messages is shared.
type versionError struct{ theirs Greeting }

func (e versionError) Error() string {
	return fmt.Sprintf("%s (%s): update it", otherVersion, e.theirs.Version)
}

func newInstance() string { return rand.Text() }

func (l *Link) greeting(s Settings) []byte {
	text, _ := json.Marshal(Greeting{ // of strings and numbers: it never fails
		Protocol: l.protocol, Least: l.least, Instance: l.instance, Router: s.Router, Version: s.Version,
		MAC: s.MAC, LinkLocal: s.LinkLocal, Beat: s.Beat,
	})
	return text
}

// agree reads the other router's greeting and returns the version that both speak.
func (l *Link) agree(body []byte) (Greeting, int, error) {
	var theirs Greeting
	if err := json.Unmarshal(body, &theirs); err != nil {
		return Greeting{}, 0, fmt.Errorf("the other router's greeting makes no sense: %w", err)
	}
	common := min(l.protocol, theirs.Protocol)
	switch {
	case theirs.Instance == l.instance:
		return theirs, 0, errSelf
	case common < l.least || common < theirs.Least:
		return theirs, 0, versionError{theirs}
	}
	return theirs, common, nil
}
