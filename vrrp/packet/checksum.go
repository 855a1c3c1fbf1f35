package packet

import (
	"encoding/binary"
	"fmt"
	"net/netip"
)

// ChecksumForm says what a version 3 checksum over IPv4 covers. Elsewhere there is one form only.
type ChecksumForm uint8

const (
	NoForm  ChecksumForm = iota // version 2 or IPv6
	Message                     // the message (RFC 9568 §5.2.8)
	Pseudo                      // a pseudo-header as well: keepalived's and FRR's reading of RFC 5798 §5.2.8
	Both                        // the packet is right either way, by chance
)

func (f ChecksumForm) String() string {
	names := [...]string{"none", "message", "pseudo-header", "both"}
	if int(f) >= len(names) {
		return fmt.Sprintf("form %d", uint8(f))
	}
	return names[f]
}

// parseChecksum verifies the checksum; b is everything after the IP and AH headers. Over IPv6 it covers the HMAC's
// trailer, since the kernel of the sender computes it; over IPv4 it does not.
func (p *Packet) parseChecksum(b []byte) Reject {
	if p.ipv6() {
		return rejectUnless(sum(pseudoSum(p.Source, p.Destination, len(b), protocol), b) == 0xffff)
	}
	message := sum(0, p.message) == 0xffff
	if p.Version == 2 {
		return rejectUnless(message)
	}
	pseudo := sum(pseudoSum(p.Source, p.Destination, len(p.message), protocol), p.message) == 0xffff
	switch {
	case message && pseudo:
		p.Form = Both
	case message:
		p.Form = Message
	case pseudo:
		p.Form = Pseudo
	}
	return rejectUnless(message || pseudo)
}

func rejectUnless(right bool) Reject {
	if right {
		return Accepted
	}
	return BadChecksum
}

// sum adds b to a one's complement sum (RFC 1071) and folds it to 16 bits.
func sum(initial uint32, b []byte) uint16 {
	s := uint64(initial)
	for ; len(b) >= 4; b = b[4:] {
		s += uint64(binary.BigEndian.Uint32(b))
	}
	if len(b) >= 2 {
		s += uint64(binary.BigEndian.Uint16(b))
		b = b[2:]
	}
	if len(b) == 1 {
		s += uint64(b[0]) << 8
	}
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}

// pseudoSum is the sum of a pseudo-header (RFC 8200 §8.1; over IPv4 RFC 793 §3.1).
func pseudoSum(source, destination netip.Addr, length int, next uint8) uint32 {
	return addressSum(source) + addressSum(destination) + uint32(length) + uint32(next)
}

func addressSum(a netip.Addr) uint32 {
	if a.Is4() {
		b := a.As4()
		return uint32(sum(0, b[:]))
	}
	b := a.As16()
	return uint32(sum(0, b[:]))
}
