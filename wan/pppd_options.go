package wan

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// memory is what is kept of a session for the next daemon of this boot, and of the server for the next session.
type memory struct {
	PID     int       `json:"pid,omitempty"` // of pppd; 0: none runs
	Device  string    `json:"device"`
	Server  string    `json:"server"`
	Size    int       `json:"size"`
	Salt    string    `json:"salt"`
	Account string    `json:"account"` // the digest of what it was dialled with
	Narrow  string    `json:"narrow,omitempty"`
	Until   time.Time `json:"until,omitzero"` // until then Narrow's packets of 1508 bytes are not tried again
}

// vanishes reports whether packets of 1508 bytes were found to vanish at a server.
func (m memory) vanishes(server string, now time.Time) bool {
	return now.Before(m.Until) && m.Narrow == server
}

func newSalt() string { return fmt.Sprintf("%016x", rand.Uint64()) }

// digest tells apart what sessions are dialled with. Who can read it can read the configuration, too.
func (p *PPPoE) digest(salt string) string {
	a := p.Account
	sum := sha256.Sum256([]byte(strings.Join([]string{salt, a.User, a.Password, a.Service, fmt.Sprint(p.NoIPv6)}, "\x00")))
	return hex.EncodeToString(sum[:])
}

// options is the text of an options file (pppd(8)). /etc/ppp/options is read by every pppd, and before: everything that it could
// say against a session of ours is said again here, Debian's own "auth" among it.
func (p *PPPoE) options(size int) string {
	var all strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&all, format+"\n", args...) }
	say("plugin pppoe.so")
	say("nic-%s", p.Device)
	if p.Account.Service != "" {
		say("pppoe-service %s", quoted(p.Account.Service))
	}
	say("ifname %s", SessionDevice(p.Name))
	say("user %s\npassword %s", quoted(p.Account.User), quoted(p.Account.Password))
	say("noauth\nnoipdefault\nipcp-accept-local\nipcp-accept-remote\nusepeerdns")
	say("nodefaultroute\nnoproxyarp\nnomultilink")
	say("nopersist\nmaxfail 1\nholdoff 0\nidle 0\nmaxconnect 0\nnodetach\nlogfd 1")
	// RFC 2516 §7 forbids the first two; the others are of modems.
	say("noaccomp\nnopcomp\nnovj\nnobsdcomp\nnodeflate\nnopredictor1\nnoccp\ndefault-asyncmap")
	// Chosen by us: a dead session is noticed in 20 s; the checks of the line find it earlier.
	say("lcp-echo-interval 5\nlcp-echo-failure 3\nlcp-restart 2\nlcp-max-configure 6")
	say("mtu %d\nmru %d", size, size)
	// Debian's would write /etc/resolv.conf. What does not exist is not run.
	say("ip-up-script /nonexistent\nip-down-script /nonexistent")
	if p.NoIPv6 {
		say("noipv6")
	} else {
		say("+ipv6")
	}
	return all.String()
}

// quoted is a word of an options file (pppd(8), "OPTIONS FILES").
func quoted(word string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(word) + `"`
}
