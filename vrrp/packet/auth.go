package packet

import (
	"crypto/subtle"
	"net/netip"
	"time"
)

// Authenticator signs and verifies the adverts of one election. It holds what replays are recognised by: AH's
// counter, or the newest stamp of each sender. Nil is an election without authentication.
type Authenticator struct {
	password *[authData]byte // exactly one of the three is set
	ah       *counted
	hmac     *stamped
}

// AuthType of version 2 (RFC 2338 §5.3.6).
const (
	authNone     = 0
	authPassword = 1
	authAH       = 2
)

// NewPassword authenticates with a password in clear text, of which the first 8 bytes count (RFC 2338 §5.3.6.1).
func NewPassword(key []byte) *Authenticator {
	a := &Authenticator{password: new([authData]byte)}
	copy(a.password[:], key)
	return a
}

// NewAH authenticates version 2 over IPv4 with RFC 2402's header as keepalived does; the first 8 bytes of the key count.
func NewAH(key []byte) *Authenticator { return &Authenticator{ah: newCounted(key)} }

// NewHMAC authenticates by draft-cassen-vrrp-auth-hmac-00, replays being recognised by stamps that must grow
// (monotonic mode). The key with the id active signs, all of them are accepted. The stamps must grow over
// restarts of this machine too, or else its peers take what it says for a replay.
func NewHMAC(keys map[uint8][]byte, active uint8, stamp func() Stamp) *Authenticator {
	return &Authenticator{hmac: newStamped(keys, active, stamp)}
}

// Rekey replaces the keys and keeps what replays are recognised by. A password's or AH's key has the id 0.
func (a *Authenticator) Rekey(keys map[uint8][]byte, active uint8) {
	switch {
	case a.ah != nil:
		a.ah.rekey(keys[0])
	case a.hmac != nil:
		a.hmac.rekey(keys, active)
	default:
		clear(a.password[:])
		copy(a.password[:], keys[0])
	}
}

// Sequence makes one advert recognisable among all that this router sends.
type Sequence struct {
	counter uint32
	stamp   Stamp
}

// Next returns the sequence of the next advert. Its copies to several peers share it.
func (a *Authenticator) Next() Sequence {
	switch {
	case a != nil && a.ah != nil:
		a.ah.counter++
		return Sequence{counter: a.ah.counter}
	case a != nil && a.hmac != nil:
		return Sequence{stamp: a.hmac.next()}
	}
	return Sequence{}
}

// Overtake moves AH's counter past the last advert accepted and the one that may be on its way already. An Active
// calls it when it hears a lower priority, as keepalived does, so that the other one hears its answer.
func (a *Authenticator) Overtake() {
	if a != nil && a.ah != nil {
		a.ah.counter = max(a.ah.counter, a.ah.heard+1)
	}
}

// kind is the AuthType that adverts have.
func (a *Authenticator) kind() uint8 {
	switch {
	case a != nil && a.password != nil:
		return authPassword
	case a != nil && a.ah != nil:
		return authAH
	}
	return authNone
}

// verify judges a packet's authentication and remembers an accepted one.
func (a *Authenticator) verify(now time.Time, p *Packet) Reject {
	want := a.kind()
	if p.AuthType != want || (p.ah != nil) != (want == authAH) || (p.trailer != nil) != (a != nil && a.hmac != nil) {
		return AuthType
	}
	switch {
	case a == nil:
		return Accepted
	case a.ah != nil:
		return a.ah.verify(p)
	case a.hmac != nil:
		return a.hmac.verify(now, p)
	}
	if subtle.ConstantTimeCompare(a.password[:], p.message[len(p.message)-authData:]) != 1 {
		return AuthBad
	}
	return Accepted
}

// State is what another process needs to go on where this one ends, without accepting a replay or sending one.
type State struct {
	Counter uint32  `json:"counter,omitempty"` // AH's
	Sent    Stamp   `json:"sent"`              // the newest of ours
	Heard   []Heard `json:"heard,omitempty"`
}

// Heard is the newest stamp that one sender has signed with one key.
type Heard struct {
	Source netip.Addr `json:"source"`
	Key    uint8      `json:"key"`
	Stamp  Stamp      `json:"stamp"`
	At     time.Time  `json:"at"`
}

// State returns what Restore needs.
func (a *Authenticator) State() State {
	switch {
	case a != nil && a.ah != nil:
		return State{Counter: a.ah.counter}
	case a != nil && a.hmac != nil:
		return a.hmac.state()
	}
	return State{}
}

// Restore takes over another Authenticator's state. What is newer here stays, so doing it twice changes nothing.
func (a *Authenticator) Restore(s State) {
	switch {
	case a != nil && a.ah != nil:
		a.ah.counter = max(a.ah.counter, s.Counter)
		a.ah.heard = max(a.ah.heard, s.Counter) // it may have been another's
	case a != nil && a.hmac != nil:
		a.hmac.restore(s)
	}
}
