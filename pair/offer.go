package pair

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/twinpath/twinpath/wizard"
)

// How long an offer is open, and how often it is given out, chosen here: time to walk to the other router and to type a
// code twice, and no more.
const (
	openFor = 10 * time.Minute
	fetches = 20
)

// rounds make one guess cost a tenth of a second on a computer, so that the code's 43 bits are worth 62 to whoever has
// fetched an offer. (OWASP's figure for PBKDF2 with SHA-256, 2023.)
const rounds = 600_000

// A sealed offer is a version, a salt, a nonce and what AES-256-GCM makes of the Pairing's JSON.
const (
	version   = 1
	saltSize  = 16
	nonceSize = 12
	headSize  = 1 + saltSize + nonceSize
)

// errKey is open's error when the code is not the one of the offer.
var errKey = errors.New("it belongs to another code")

// seal takes a moment of computing.
func seal(c Code, p wizard.Pairing) ([]byte, error) {
	text, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	sealed := make([]byte, headSize, headSize+len(text)+16)
	sealed[0] = version
	_, _ = rand.Read(sealed[1:]) // never fails (crypto/rand)
	box, err := c.box(sealed)
	if err != nil {
		return nil, err
	}
	return box.Seal(sealed, sealed[1+saltSize:headSize], text, sealed[:1]), nil
}

// open takes a moment of computing.
func open(c Code, sealed []byte) (wizard.Pairing, error) {
	var p wizard.Pairing
	if len(sealed) <= headSize {
		return p, errors.New("it is cut short")
	}
	if sealed[0] != version {
		return p, fmt.Errorf("it is of version %d, and this router knows %d only\nhint: update both routers", sealed[0], version)
	}
	box, err := c.box(sealed)
	if err != nil {
		return p, err
	}
	text, err := box.Open(nil, sealed[1+saltSize:headSize], sealed[headSize:], sealed[:1])
	if err != nil {
		return p, errKey
	}
	if err := json.Unmarshal(text, &p); err != nil {
		return p, err
	}
	if !p.LAN.Addr().Is4() || !p.Virtual.Addr().Is4() || !p.Peer.Is4() || p.DHCP[0].Is6() || p.DHCP[1].Is6() {
		return wizard.Pairing{}, errors.New("it names no IPv4 network of the house")
	}
	if p.Link.IsValid() && !(p.Link.Addr().Is6() && p.Link.Addr().IsLinkLocalUnicast()) {
		return wizard.Pairing{}, errors.New("the address that both share is not link-local")
	}
	return p, nil
}

// box derives the key from the code's secret and the salt in front of the offer.
func (c Code) box(sealed []byte) (cipher.AEAD, error) {
	secret := binary.BigEndian.AppendUint64(nil, c.secret)
	key, err := pbkdf2.Key(sha256.New, string(secret), sealed[1:1+saltSize], rounds, 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// offer is what is open for a second router.
type offer struct {
	sealed []byte
	until  time.Time
	left   int // fetches
}

// take returns the bytes, once more.
func (o *offer) take(now time.Time) ([]byte, error) {
	if o.left <= 0 || !now.Before(o.until) {
		return nil, errors.New("no router is invited here now\nhint: make a code on this router's page; it is good for ten minutes")
	}
	o.left--
	return o.sealed, nil
}
