package packet

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"net/netip"
	"time"
)

const (
	signature = 16 // of HMAC-SHA256
	// senders bounds what is remembered. Only who has a key gets an entry; keepalived remembers fewer.
	senders = 64
)

// Stamp orders the adverts of one sender (draft-cassen-vrrp-auth-hmac-00).
type Stamp struct {
	Seconds  uint32 `json:"seconds"`  // UTC
	Fraction uint16 `json:"fraction"` // 1/65536 s
	Counter  uint16 `json:"counter"`
}

// StampOf returns the stamp of a time.
func StampOf(t time.Time) Stamp {
	return Stamp{Seconds: uint32(t.Unix()), Fraction: uint16(t.Nanosecond() << 16 / int(time.Second))}
}

func stampFrom(n uint64) Stamp {
	return Stamp{Seconds: uint32(n >> 32), Fraction: uint16(n >> 16), Counter: uint16(n)}
}

func (s Stamp) number() uint64 {
	return uint64(s.Seconds)<<32 | uint64(s.Fraction)<<16 | uint64(s.Counter)
}

// after compares serial numbers (RFC 1982), so that the seconds may wrap in 2106.
func (s Stamp) after(o Stamp) bool { return int64(s.number()-o.number()) > 0 }

// stamped authenticates with a trailer behind the message.
type stamped struct {
	keys    map[uint8]hash.Hash
	active  uint8
	clock   func() Stamp
	sent    Stamp
	heard   map[sender]mark
	scratch [20 + sha256.Size]byte // what the hash gets must be on the heap; here it is so once
}

type sender struct {
	source netip.Addr
	key    uint8
}

type mark struct {
	stamp Stamp
	at    time.Time
}

func newStamped(keys map[uint8][]byte, active uint8, clock func() Stamp) *stamped {
	s := &stamped{clock: clock, heard: map[sender]mark{}}
	s.rekey(keys, active)
	return s
}

// rekey forgets the marks of keys that are gone. Those of a key whose bytes have changed still hold, since a
// sender's stamps grow whatever it signs with.
func (s *stamped) rekey(keys map[uint8][]byte, active uint8) {
	s.active, s.keys = active, map[uint8]hash.Hash{}
	for id, key := range keys {
		s.keys[id] = hmac.New(sha256.New, key)
	}
	for who := range s.heard {
		if s.keys[who.key] == nil {
			delete(s.heard, who)
		}
	}
}

// next never returns a stamp twice, whatever the clock does.
func (s *stamped) next() Stamp {
	now := s.clock()
	if !now.after(s.sent) && s.sent != (Stamp{}) {
		now = stampFrom(s.sent.number() + 1)
	}
	s.sent = now
	return now
}

func (s *stamped) verify(now time.Time, p *Packet) Reject {
	id := p.trailer[1]
	if s.keys[id] == nil {
		return KeyUnknown
	}
	if !hmac.Equal(s.sign(id, p.Source, p.message, p.trailer), p.trailer[hmacTrailer-signature:]) {
		return AuthBad
	}
	stamp := stampFrom(binary.BigEndian.Uint64(p.trailer[4:]))
	who := sender{p.Source, id}
	if last, known := s.heard[who]; known && !stamp.after(last.stamp) {
		return AuthReplay
	}
	s.remember(who, mark{stamp, now})
	return Accepted
}

func (s *stamped) remember(who sender, m mark) {
	if _, known := s.heard[who]; !known && len(s.heard) >= senders {
		s.forgetOldest()
	}
	s.heard[who] = m
}

func (s *stamped) forgetOldest() {
	var oldest sender
	var at time.Time
	for who, m := range s.heard {
		if at.IsZero() || m.at.Before(at) {
			oldest, at = who, m.at
		}
	}
	delete(s.heard, oldest)
}

// sign returns the signature of a message and of the trailer's first 12 bytes; checksum and signature count as zero.
// The destination is not covered: every peer gets the same.
func (s *stamped) sign(id uint8, source netip.Addr, message, trailer []byte) []byte {
	mac := s.keys[id]
	mac.Reset()
	pseudo := append(s.scratch[:0], 4, message[0]>>4, message[1], 0)
	if source.Is6() {
		pseudo[0] = 6
	}
	pseudo = appendAddress(pseudo, source)
	clear(s.scratch[len(pseudo):])
	mac.Write(s.scratch[:20])
	zero := s.scratch[20 : 20+signature]
	mac.Write(message[:6])
	mac.Write(zero[:2])
	mac.Write(message[fixedPart:])
	mac.Write(trailer[:hmacTrailer-signature])
	mac.Write(zero)
	return mac.Sum(s.scratch[20:20])[:signature]
}

// appendTrailer appends the trailer of a message whose checksum is still zero. A key that is not there signs with
// zeros, which nobody accepts.
func (s *stamped) appendTrailer(dst []byte, a *Advert, message int, q Sequence) []byte {
	start := len(dst)
	dst = append(dst, 1, s.active, 0, 0)
	dst = binary.BigEndian.AppendUint64(dst, q.stamp.number())
	dst = append(dst, make([]byte, signature)...)
	if s.keys[s.active] != nil {
		copy(dst[start+hmacTrailer-signature:], s.sign(s.active, a.Source, dst[message:start], dst[start:]))
	}
	return dst
}

func (s *stamped) state() State {
	state := State{Sent: s.sent}
	for who, m := range s.heard {
		state.Heard = append(state.Heard, Heard{Source: who.source, Key: who.key, Stamp: m.stamp, At: m.at})
	}
	return state
}

func (s *stamped) restore(state State) {
	if state.Sent != (Stamp{}) && (s.sent == (Stamp{}) || state.Sent.after(s.sent)) {
		s.sent = state.Sent
	}
	for _, h := range state.Heard {
		who := sender{h.Source, h.Key}
		last, known := s.heard[who]
		if s.keys[h.Key] != nil && (!known || h.Stamp.after(last.stamp)) {
			s.remember(who, mark{h.Stamp, h.At})
		}
	}
}
