package pair

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"
)

// What the two routers of a pair tell each other is sealed with a key made of [pair] secret (HKDF with SHA-256, RFC 5869), one for each kind
// of message, by AES-256-GCM: a version, the receiver's challenge, a nonce, and the box. All but the box is authenticated with it.
//
// That a message is new is shown by the challenge, not by a time: after a power cut one of the two may not know what time it is, and that
// is when it has something to say. A challenge is good for one to two minutes, and no nonce is taken twice while it is.
const (
	letterVersion = 1
	challengeSize = 24
	letterHead    = 1 + challengeSize + nonceSize
	lifetime      = time.Minute
)

var errSeal = errors.New("it is not sealed with the secret of this pair\nhint: [pair] secret has to be the same on both routers")

// Challenge is the error of a message that answers none of ours, or an old one.
type Challenge []byte

func (c Challenge) Error() string { return "the message answers no challenge, or an old one" }

// Again returns what to answer instead, in hexadecimal.
func (c Challenge) Again() string { return hex.EncodeToString(c) }

// Seal closes a message for whoever knows the secret and has made the challenge.
func Seal(secret, kind string, challenge, body []byte) ([]byte, error) {
	if len(challenge) != challengeSize {
		return nil, fmt.Errorf("a challenge has %d bytes, and not %d", challengeSize, len(challenge))
	}
	box, err := boxOf(secret, kind)
	if err != nil {
		return nil, err
	}
	sealed := make([]byte, letterHead, letterHead+len(body)+16)
	sealed[0] = letterVersion
	copy(sealed[1:], challenge)
	_, _ = rand.Read(sealed[1+challengeSize:]) // never fails (crypto/rand)
	return box.Seal(sealed, sealed[1+challengeSize:letterHead], body, sealed[:1+challengeSize]), nil
}

// unseal opens a message, whatever challenge it answers.
func unseal(secret, kind string, sealed []byte) ([]byte, error) {
	if len(sealed) <= letterHead || sealed[0] != letterVersion {
		return nil, errors.New("it is no message of a router of this version\nhint: update both routers")
	}
	box, err := boxOf(secret, kind)
	if err != nil {
		return nil, err
	}
	body, err := box.Open(nil, sealed[1+challengeSize:letterHead], sealed[letterHead:], sealed[:1+challengeSize])
	if err != nil {
		return nil, errSeal
	}
	return body, nil
}

func boxOf(secret, kind string) (cipher.AEAD, error) {
	if secret == "" {
		return nil, errors.New("this router has no [pair] secret")
	}
	key, err := hkdf.Key(sha256.New, []byte(secret), nil, "twinpath pair "+kind, 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// Gate opens messages once each. It keeps no challenge that it gives out: a message that claims one shows that it is ours. It is safe for
// concurrent use.
type Gate struct {
	now  func() time.Time
	born time.Time
	key  [32]byte

	mu    sync.Mutex
	nonce map[[nonceSize]byte]uint64 // with the minute of its challenge
}

// NewGate returns a Gate whose challenges no earlier one has given out. Now is a clock that nobody sets, such as time.Now's monotonic one.
func NewGate(now func() time.Time) *Gate {
	g := &Gate{now: now, born: now(), nonce: map[[nonceSize]byte]uint64{}}
	_, _ = rand.Read(g.key[:]) // never fails (crypto/rand)
	return g
}

func (g *Gate) minute() uint64 { return uint64(max(0, g.now().Sub(g.born)/lifetime)) }

func (g *Gate) challenge(minute uint64) Challenge {
	c := binary.BigEndian.AppendUint64(nil, minute)
	sum := hmac.New(sha256.New, g.key[:])
	sum.Write(c)
	return append(c, sum.Sum(nil)[:challengeSize-8]...)
}

// made reports whether a challenge is of this Gate.
func (g *Gate) made(c Challenge) bool {
	return len(c) == challengeSize && hmac.Equal(c, g.challenge(binary.BigEndian.Uint64(c)))
}

// Open returns what a message says. A message that is sealed well but answers no challenge of ours is refused with one, as a Challenge.
func (g *Gate) Open(secret, kind string, sealed []byte) ([]byte, error) {
	body, err := unseal(secret, kind, sealed)
	if err != nil {
		return nil, err
	}
	now := g.minute()
	claimed := sealed[1 : 1+challengeSize]
	minute := binary.BigEndian.Uint64(claimed)
	if minute > now || now-minute > 1 || !g.made(claimed) {
		return nil, g.challenge(now)
	}
	const bound = 4096 // only who knows the secret gets in here
	nonce := [nonceSize]byte(sealed[1+challengeSize:])
	g.mu.Lock()
	defer g.mu.Unlock()
	for n, of := range g.nonce {
		if now-of > 1 {
			delete(g.nonce, n)
		}
	}
	if _, again := g.nonce[nonce]; again || len(g.nonce) >= bound {
		return nil, g.challenge(now)
	}
	g.nonce[nonce] = minute
	return body, nil
}
