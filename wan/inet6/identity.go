package inet6

import (
	"crypto/sha256"
	"encoding/binary"
	"hash/fnv"
	"math/rand/v2"
	"net"
	"net/netip"
)

// Identity is what the line is known by. It is made once and kept: a server that meets another one delegates another prefix.
type Identity struct {
	DUID   []byte `json:"duid"`   // RFC 9915 §11
	Secret []byte `json:"secret"` // of our addresses (RFC 7217)
}

// sound tells whether an identity can be used: one that was read from a damaged file cannot.
func (i Identity) sound() bool { return len(i.DUID) >= 3 && len(i.DUID) <= 130 && len(i.Secret) == 16 }

// complete makes what is missing: of the line's Ethernet address, by which providers know their customers; without one, of chance. An
// address that the owner has chosen is to be met by servers, too.
func (i Identity) complete(mac net.HardwareAddr, cloned bool, random *rand.Rand) Identity {
	const linkLayer, uuid, ethernet = 3, 4, 1
	if !i.sound() {
		i = Identity{Secret: chance(random)}
	}
	switch {
	case len(mac) == 6 && (cloned || i.DUID == nil):
		i.DUID = append([]byte{0, linkLayer, 0, ethernet}, mac...)
	case i.DUID == nil:
		i.DUID = append([]byte{0, uuid}, chance(random)...)
	}
	return i
}

// chance are sixteen random bytes.
func chance(random *rand.Rand) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, random.Uint64()), random.Uint64())
}

// associationID is the number of a WAN's identity associations: two WANs may have one Ethernet address, on VLANs.
func associationID(wan string) (id [4]byte) {
	h := fnv.New32a()
	_, _ = h.Write([]byte(wan)) // never fails
	binary.BigEndian.PutUint32(id[:], h.Sum32())
	return id
}

// address is ours in a network of the line: the same whenever we are in it, and of no use to who wants to know us elsewhere (RFC 7217).
func (i Identity) address(network netip.Prefix, wan string) netip.Addr {
	a := network.Masked().Addr().As16()
	for counter := byte(0); ; counter++ {
		text := append(append([]byte{}, a[:8]...), wan...)
		sum := sha256.Sum256(append(append(text, counter), i.Secret...))
		copy(a[8:], sum[:8])
		if !reserved([8]byte(a[8:])) {
			return netip.AddrFrom16(a)
		}
	}
}

// reserved are the interface identifiers of RFC 5453.
func reserved(id [8]byte) bool {
	n := binary.BigEndian.Uint64(id[:])
	return n == 0 || n >= 0xfdff_ffff_ffff_ff80 && n <= 0xfdff_ffff_ffff_ffff || n>>24 == 0x0200_5eff_fe
}
