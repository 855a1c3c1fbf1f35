package inet6

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"time"
)

// ICMPv6 types of router discovery (RFC 4861 §4.1, §4.2).
const (
	typeSolicitation  = 133
	typeAdvertisement = 134
)

// forever is a lifetime without end, in seconds, in adverts and in DHCPv6.
const forever = 0xffffffff

// advert is a router advertisement, as far as a router's WAN needs it.
type advert struct {
	lifetime   time.Duration // as a default router; 0: it is none
	preference int           // 1, 0 or −1 (RFC 4191 §2.1)
	managed    bool          // addresses are to be had by DHCPv6
	mtu        int           // 0: not said
	networks   []announced
	resolvers  []resolver
}

// announced is a prefix information option (RFC 4861 §4.6.2).
type announced struct {
	prefix           netip.Prefix
	onLink           bool
	autonomous       bool
	valid, preferred uint32 // seconds
}

// resolver is a name server of an advert (RFC 8106 §5.1).
type resolver struct {
	address  netip.Addr
	lifetime uint32 // seconds
}

var errAdvert = errors.New("no sound router advertisement")

// readAdvert reads the ICMPv6 message. An option that is not sound is passed over: a provider's odd search list is no reason to
// be without a router. Options without a length make the whole message void (RFC 4861 §6.1.2).
func readAdvert(b []byte) (advert, error) {
	const fixed = 16
	if len(b) < fixed || b[0] != typeAdvertisement || b[1] != 0 {
		return advert{}, errAdvert
	}
	a := advert{
		lifetime:   time.Duration(binary.BigEndian.Uint16(b[6:])) * time.Second,
		preference: preference(b[5]),
		managed:    b[5]&0x80 != 0,
	}
	for b = b[fixed:]; len(b) > 0; {
		if len(b) < 2 || b[1] == 0 || int(b[1])*8 > len(b) {
			return advert{}, errAdvert
		}
		size := int(b[1]) * 8
		a.option(b[0], b[:size])
		b = b[size:]
	}
	return a, nil
}

// preference reads the two bits of RFC 4191 §2.2; the reserved value counts as medium.
func preference(flags byte) int {
	switch flags >> 3 & 3 {
	case 1:
		return 1
	case 3:
		return -1
	}
	return 0
}

func (a *advert) option(kind byte, b []byte) {
	const (
		prefixInformation = 3
		mtu               = 5
		rdnss             = 25
		most              = 32 // of anything: more than any provider says
	)
	switch {
	case kind == prefixInformation && len(b) == 32 && b[2] <= 128 && len(a.networks) < most:
		address := netip.AddrFrom16([16]byte(b[16:32]))
		a.networks = append(a.networks, announced{
			prefix: netip.PrefixFrom(address, int(b[2])).Masked(),
			onLink: b[3]&0x80 != 0, autonomous: b[3]&0x40 != 0,
			valid: binary.BigEndian.Uint32(b[4:]), preferred: binary.BigEndian.Uint32(b[8:]),
		})
	case kind == mtu && len(b) == 8:
		if n := binary.BigEndian.Uint32(b[4:]); n >= 1280 && n <= 65535 { // RFC 8200 §5
			a.mtu = int(n)
		}
	case kind == rdnss:
		lifetime := uint32(0)
		if len(b) >= 24 {
			lifetime = binary.BigEndian.Uint32(b[4:])
		}
		for rest := b[8:]; len(rest) >= 16 && len(a.resolvers) < most; rest = rest[16:] {
			if server := netip.AddrFrom16([16]byte(rest)); host(server) {
				a.resolvers = append(a.resolvers, resolver{server, lifetime})
			}
		}
	}
}

// host tells whether an address may be one host's, on the line or beyond.
func host(a netip.Addr) bool {
	return a.Is6() && !a.Is4In6() && !a.IsUnspecified() && !a.IsMulticast() && !a.IsLoopback()
}

// widest is the largest network that anybody's may be, in bits: what registries give to a whole provider. All packets with a source in a
// delegated prefix belong to its line: one that were the whole Internet would take the others' away.
const widest = 32

// public tells whether a network may be the house's or the line's: global, or of a router above us that numbers its own house.
func public(p netip.Prefix) bool {
	a := p.Addr()
	return p.IsValid() && a.Is6() && p.Bits() >= widest && host(a) && !a.IsLinkLocalUnicast() && p == p.Masked()
}

// solicitation asks every router to speak now (RFC 4861 §4.1), naming our Ethernet address if we have one. The kernel fills in
// the checksum.
func solicitation(mac net.HardwareAddr) []byte {
	b := []byte{typeSolicitation, 0, 0, 0, 0, 0, 0, 0}
	if len(mac) == 6 {
		b = append(append(b, 1, 1), mac...)
	}
	return b
}
