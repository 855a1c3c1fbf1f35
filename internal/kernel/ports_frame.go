package kernel

import (
	"encoding/binary"
	"net"
	"net/netip"
	"strings"

	"github.com/twinpath/twinpath/wan"
)

var zeroAddress = netip.IPv4Unspecified()

// PPPoE discovery (RFC 2516 §4, §5 and appendix A).
const (
	pppoeVersion  = 0x11
	codePADI      = 0x09
	codePADO      = 0x07
	codePADT      = 0xa7
	tagEnd        = 0x0000
	tagService    = 0x0101
	tagName       = 0x0102 // of the access concentrator
	tagHostUnique = 0x0103
	tagPayload    = 0x0120 // PPP-Max-Payload (RFC 4638 §4)
)

// frameOf is an Ethernet frame, padded to the least that the wire carries.
func frameOf(to, from net.HardwareAddr, protocol uint16, payload []byte) []byte {
	const least = 60
	frame := append(append(make([]byte, 0, 14+len(payload)), to...), from...)
	frame = append(binary.BigEndian.AppendUint16(frame, protocol), payload...)
	return append(frame, make([]byte, max(0, least-len(frame)))...)
}

// opened is what an Ethernet frame carries.
func opened(frame []byte) (protocol uint16, payload []byte, ok bool) {
	if len(frame) < 14 {
		return 0, nil, false
	}
	return binary.BigEndian.Uint16(frame[12:]), frame[14:], true
}

// padi asks for a service, empty for any. The exchange comes back in the answer; so does the largest packet that is wanted, where it
// is more than 0, from servers that can.
func padi(exchange uint32, service string, payload uint16) []byte {
	tags := binary.BigEndian.AppendUint16(nil, tagService)
	tags = binary.BigEndian.AppendUint16(tags, uint16(len(service)))
	tags = append(tags, service...)
	tags = binary.BigEndian.AppendUint16(tags, tagHostUnique)
	tags = binary.BigEndian.AppendUint16(tags, 4)
	tags = binary.BigEndian.AppendUint32(tags, exchange)
	if payload > 0 {
		tags = binary.BigEndian.AppendUint16(tags, tagPayload)
		tags = binary.BigEndian.AppendUint16(tags, 2)
		tags = binary.BigEndian.AppendUint16(tags, payload)
	}
	return discovery(codePADI, 0, tags)
}

// padt says that a session is over.
func padt(session uint16) []byte { return discovery(codePADT, session, nil) }

func discovery(code byte, session uint16, tags []byte) []byte {
	p := binary.BigEndian.AppendUint16([]byte{pppoeVersion, code}, session)
	p = binary.BigEndian.AppendUint16(p, uint16(len(tags)))
	return append(p, tags...)
}

// readPADO reports whether a packet offers a PPPoE session to who asked with this exchange, and who does.
func readPADO(p []byte, exchange uint32) (c wan.Concentrator, ok bool) {
	if len(p) < 6 || p[0] != pppoeVersion || p[1] != codePADO {
		return c, false
	}
	size := int(binary.BigEndian.Uint16(p[4:]))
	if size > len(p)-6 {
		return c, false
	}
	for tags := p[6 : 6+size]; len(tags) >= 4; {
		kind, length := binary.BigEndian.Uint16(tags), int(binary.BigEndian.Uint16(tags[2:]))
		if kind == tagEnd || length > len(tags)-4 {
			break
		}
		switch value := tags[4 : 4+length]; kind {
		case tagName:
			c.Name = printable(value)
		case tagPayload:
			if length == 2 {
				c.Payload = int(binary.BigEndian.Uint16(value))
			}
		case tagHostUnique:
			ok = length == 4 && binary.BigEndian.Uint32(value) == exchange
		}
		tags = tags[4+length:]
	}
	return c, ok
}

// printable makes a stranger's name safe wherever it is shown.
func printable(name []byte) string {
	const enough = 64
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, string(name[:min(len(name), enough)]))
}
