package pulse

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"math"
	"net/netip"
	"time"
)

// beat is one sign of life.
type beat struct {
	number uint64        // from 1 on
	heard  uint64        // the newest number that its sender has heard; 0: none in this session
	age    time.Duration // since then
}

// A beat on the wire: what it is in the clear, authenticated, and what it says, sealed.
const (
	version   = 1
	atSession = 1
	atNumber  = atSession + 8
	atSealed  = atNumber + 8
	said      = 8 + 4 // heard, and age in microseconds
	beatSize  = atSealed + said + 16
	keySize   = 16
)

// reception is what became of a datagram.
type reception uint8

const (
	strange reception = iota // of another session or version, or no beat at all
	forged
	replayed
	accepted
)

// cipherer seals the beats of one session and opens those of the other router. A beat costs no memory.
type cipherer struct {
	session   uint64
	out, in   cipher.AEAD
	sent      uint64
	heard     uint64
	nonce     [12]byte
	plain     [said]byte
	datagram  [beatSize]byte
	unsealing [said]byte
}

// newCipherer derives a key for each direction, so that a router never takes its own beats for the other one's.
func newCipherer(s Session, own, partner netip.Addr) *cipherer {
	labels := [2]string{"pulse of the lower address", "pulse of the higher address"}
	if partner.Less(own) {
		labels[0], labels[1] = labels[1], labels[0]
	}
	return &cipherer{session: s.ID, out: sealer(s.Key(labels[0], keySize)), in: sealer(s.Key(labels[1], keySize))}
}

func sealer(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // only of a key of another size
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // only of a block of another size
	}
	return aead
}

// seal returns the next beat, valid until the next call. Numbers serve as nonces: one key never sees one twice.
func (c *cipherer) seal(age time.Duration) []byte {
	c.sent++
	d := c.datagram[:atSealed]
	d[0] = version
	binary.BigEndian.PutUint64(d[atSession:], c.session)
	binary.BigEndian.PutUint64(d[atNumber:], c.sent)
	binary.BigEndian.PutUint64(c.plain[:], c.heard)
	binary.BigEndian.PutUint32(c.plain[8:], uint32(min(max(age.Microseconds(), 0), math.MaxUint32)))
	binary.BigEndian.PutUint64(c.nonce[4:], c.sent)
	return c.out.Seal(d, c.nonce[:], c.plain[:], d)
}

// open takes a datagram. Each number is accepted once, and none below one that was.
func (c *cipherer) open(d []byte) (beat, reception) {
	if len(d) != beatSize || d[0] != version || binary.BigEndian.Uint64(d[atSession:]) != c.session {
		return beat{}, strange
	}
	number := binary.BigEndian.Uint64(d[atNumber:])
	binary.BigEndian.PutUint64(c.nonce[4:], number)
	text, err := c.in.Open(c.unsealing[:0], c.nonce[:], d[atSealed:], d[:atSealed])
	switch {
	case err != nil:
		return beat{}, forged
	case number <= c.heard:
		return beat{}, replayed
	}
	c.heard = number
	return beat{
		number: number, heard: binary.BigEndian.Uint64(text), age: time.Duration(binary.BigEndian.Uint32(text[8:])) * time.Microsecond,
	}, accepted
}
