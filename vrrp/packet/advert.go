package packet

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// Advert is what we send.
type Advert struct {
	Version, ID, Priority uint8
	Interval              time.Duration // version 3: 10 ms to 40.95 s; version 2: whole seconds, 1 to 255
	Addresses             []netip.Addr  // at most 255; of IPv6 the link-local one first (RFC 9568 §5.2.9)
	Source, Destination   netip.Addr    // of the addresses' family
	Form                  ChecksumForm  // of version 3 over IPv4: Message, else Pseudo
	IPID                  uint16        // of IPv4; 0 counts as 1, since AH covers it and the kernel replaces a zero
}

// Append appends the IP packet, header included. For unicast it is called once for each peer with its Destination and
// the same sequence, which comes from auth.Next.
func (a *Advert) Append(dst []byte, auth *Authenticator, s Sequence) []byte {
	ipv6 := a.Source.Is6()
	payload, next := a.length(ipv6, auth), uint8(protocol)
	start := len(dst)
	if ipv6 {
		dst = appendIPv6(dst, a.Source, a.Destination, trafficClass, payload, next)
	} else {
		if auth != nil && auth.ah != nil {
			payload, next = payload+ahHeader, protocolAH
		}
		dst = appendIPv4(dst, a, payload, next)
	}
	if next == protocolAH {
		dst = appendAH(dst, a.Source, s)
	}
	message := len(dst)
	dst = a.appendMessage(dst, ipv6, auth)
	end := len(dst)
	if auth != nil && auth.hmac != nil {
		dst = auth.hmac.appendTrailer(dst, a, message, s)
	}
	binary.BigEndian.PutUint16(dst[message+6:], a.checksum(dst[message:end], dst[message:]))
	if next == protocolAH {
		copy(dst[message-icv:message], auth.ah.sign(dst[start:], a.Destination.IsMulticast()))
	}
	return dst
}

// length is that of everything after the IP and AH headers.
func (a *Advert) length(ipv6 bool, auth *Authenticator) int {
	n := fixedPart + len(a.addresses())*addressLength(ipv6)
	if a.Version == 2 {
		n += authData
	}
	if auth != nil && auth.hmac != nil {
		n += hmacTrailer
	}
	return n
}

func (a *Advert) addresses() []netip.Addr { return a.Addresses[:min(len(a.Addresses), 255)] }

func (a *Advert) appendMessage(dst []byte, ipv6 bool, auth *Authenticator) []byte {
	addresses := a.addresses()
	dst = append(dst, a.Version<<4|1, a.ID, a.Priority, uint8(len(addresses)))
	if a.Version == 2 {
		dst = append(dst, auth.kind(), uint8(steps(a.Interval, time.Second, 255)))
	} else {
		dst = binary.BigEndian.AppendUint16(dst, uint16(steps(a.Interval, 10*time.Millisecond, 0xfff)))
	}
	dst = append(dst, 0, 0)
	for _, address := range addresses {
		dst = appendAddress(dst, address)
	}
	if a.Version == 2 {
		var data [authData]byte
		if auth != nil && auth.password != nil {
			data = *auth.password
		}
		dst = append(dst, data[:]...)
	}
	return dst
}

// steps rounds an interval to a number of units; zero would ask for a flood.
func steps(d, unit time.Duration, most int64) int64 {
	return min(max(int64((d+unit/2)/unit), 1), most)
}

// checksum is over the message or, over IPv6, everything there is, as kernels do it.
func (a *Advert) checksum(message, everything []byte) uint16 {
	switch {
	case a.Source.Is6():
		return ^sum(pseudoSum(a.Source, a.Destination, len(everything), protocol), everything)
	case a.Version == 2 || a.Form == Message:
		return ^sum(0, message)
	}
	return ^sum(pseudoSum(a.Source, a.Destination, len(message), protocol), message)
}
