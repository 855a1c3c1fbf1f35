package packet

import (
	"crypto/hmac"
	"crypto/md5"
	"encoding/binary"
	"hash"
	"net/netip"
)

const (
	ahHeader = 24
	icv      = 12 // HMAC-MD5-96 (RFC 2403)
)

// counted is AH as keepalived speaks it. Its one counter runs through all routers of an election: each accepts only
// what is above what it heard and not below what it said, goes on from there, and so the next Active continues where the
// last one ended.
type counted struct {
	counter uint32
	heard   uint32 // the last one accepted
	mac     hash.Hash
	scratch [ipv4Header + md5.Size]byte // what the hash gets must be on the heap; here it is so once
}

func newCounted(key []byte) *counted {
	c := &counted{}
	c.rekey(key)
	return c
}

func (c *counted) rekey(key []byte) {
	var padded [authData]byte
	copy(padded[:], key)
	c.mac = hmac.New(md5.New, padded[:])
}

func (c *counted) verify(p *Packet) Reject {
	if [4]byte(p.ah[4:]) != p.Source.As4() { // keepalived's SPI
		return AuthBad
	}
	signature := c.sign(p.Raw, p.Multicast())
	if !hmac.Equal(signature, p.ah[ahHeader-icv:]) {
		return AuthBad
	}
	sequence := binary.BigEndian.Uint32(p.ah[8:])
	// Adverts that cross have the same number: one that equals our own last one is no replay.
	if sequence < c.counter || sequence <= c.heard {
		return AuthReplay
	}
	c.counter, c.heard = sequence, sequence
	return Accepted
}

// sign returns the ICV of an IP packet. Unlike RFC 2402 §3.3.3.1.1.1 keepalived covers the TTL of multicast.
func (c *counted) sign(packet []byte, multicast bool) []byte {
	header := int(packet[0]&0xf) * 4
	fixed := c.scratch[:ipv4Header]
	copy(fixed, packet)
	fixed[1] = 0      // TOS
	clear(fixed[6:8]) // flags and fragment offset
	if !multicast {
		fixed[8] = 0 // TTL
	}
	clear(fixed[10:12]) // checksum
	c.mac.Reset()
	c.mac.Write(fixed)
	c.mac.Write(packet[ipv4Header:header])
	c.mac.Write(packet[header : header+ahHeader-icv])
	zero := c.scratch[ipv4Header : ipv4Header+icv]
	clear(zero)
	c.mac.Write(zero)
	c.mac.Write(packet[header+ahHeader:])
	return c.mac.Sum(c.scratch[ipv4Header:ipv4Header])[:icv]
}

// appendAH appends a header whose ICV is still zero.
func appendAH(dst []byte, source netip.Addr, s Sequence) []byte {
	dst = append(dst, protocol, ahHeader/4-2, 0, 0)
	dst = appendAddress(dst, source)
	dst = binary.BigEndian.AppendUint32(dst, s.counter)
	return append(dst, make([]byte, icv)...)
}
