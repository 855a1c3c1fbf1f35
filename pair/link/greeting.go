package link

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"
	"unicode"
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
	err := json.Unmarshal(body, &theirs)
	if err == nil {
		err = theirs.check()
	}
	if err != nil {
		return Greeting{}, 0, fmt.Errorf("the other router's greeting makes no sense: %w", err)
	}
	theirs.Router, theirs.Version = plain(theirs.Router), plain(theirs.Version)
	common := min(l.protocol, theirs.Protocol)
	switch {
	case theirs.Instance == l.instance:
		return theirs, 0, errSelf
	case common < l.least || common < theirs.Least:
		return theirs, 0, versionError{theirs}
	}
	return theirs, common, nil
}

// check says what cannot be: the kernel gets the addresses, and timers the beat.
func (g Greeting) check() error {
	const slowest = time.Minute // more than any version is configured to
	mac, err := net.ParseMAC(g.MAC)
	switch {
	case g.MAC != "" && (err != nil || len(mac) != 6 || mac[0]&1 != 0):
		return fmt.Errorf("%.40q is no Ethernet address of a router", g.MAC)
	case g.LinkLocal.IsValid() && (!g.LinkLocal.Is6() || g.LinkLocal.Zone() != "" || !g.LinkLocal.IsLinkLocalUnicast()):
		return fmt.Errorf("%.60q is no link-local address", g.LinkLocal)
	case g.Beat < 0 || g.Beat > slowest:
		return fmt.Errorf("a sign of life each %s", g.Beat)
	}
	return nil
}

// plain is the beginning of a text of the other router, without what steers a terminal.
func plain(text string) string {
	const longest = 200
	runes := []rune(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, text))
	return string(runes[:min(len(runes), longest)])
}
