package inet6

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
)

// kind is a DHCPv6 message type (RFC 9915 §7.3).
type kind byte

const (
	solicit   kind = 1
	advertise kind = 2
	request   kind = 3
	renew     kind = 5
	rebind    kind = 6
	reply     kind = 7
	release   kind = 8
)

func (k kind) String() string {
	return map[kind]string{solicit: "solicit", advertise: "advertise", request: "request", renew: "renew", rebind: "rebind",
		reply: "reply", release: "release"}[k]
}

// DHCPv6 options (RFC 9915 §21).
const (
	optClientID     = 1
	optServerID     = 2
	optIANA         = 3
	optIAAddress    = 5
	optRequested    = 6
	optPreference   = 7
	optElapsed      = 8
	optStatus       = 13
	optRapidCommit  = 14
	optDNS          = 23 // RFC 3646
	optIAPD         = 25
	optIAPrefix     = 26
	optSolicitPause = 82 // SOL_MAX_RT
)

// status is a DHCPv6 status code (RFC 9915 §21.13).
type status uint16

const (
	success       status = 0
	unspecFail    status = 1
	noAddrsAvail  status = 2
	noBinding     status = 3
	notOnLink     status = 4
	useMulticast  status = 5
	noPrefixAvail status = 6
)

func (s status) String() string {
	names := [...]string{"success", "unspecified failure", "no address is available", "no binding", "not on this link", "use multicast", "no prefix is available"}
	if int(s) < len(names) {
		return names[s]
	}
	return "an unknown failure"
}

// message is what a server says.
type message struct {
	kind         kind
	exchange     [3]byte
	client       []byte // DUID
	server       []byte // DUID
	preference   byte
	status       status
	rapid        bool
	dns          []netip.Addr
	solicitPause uint32 // seconds; 0: not said
	addresses    *association
	prefixes     *association
}

// association is one of our IA_NA or IA_PD (RFC 9915 §21.4, §21.21).
type association struct {
	t1, t2 uint32
	status status
	leases []granted
}

// granted is an address, as a prefix of 128 bits, or a prefix.
type granted struct {
	prefix           netip.Prefix
	preferred, valid uint32
}

var errMessage = errors.New("no sound DHCPv6 message")

// readMessage reads a server's message. Of identity associations only the one with our number counts.
func readMessage(b []byte, iaid [4]byte) (*message, error) {
	if len(b) < 4 || kind(b[0]) != advertise && kind(b[0]) != reply {
		return nil, errMessage
	}
	m := &message{kind: kind(b[0]), exchange: [3]byte(b[1:4])}
	if err := options(b[4:], func(code uint16, body []byte) { m.option(code, body, iaid) }); err != nil {
		return nil, err
	}
	if len(m.client) == 0 || len(m.server) == 0 || len(m.server) > 130 { // RFC 9915 §11.1: 128 bytes and the type
		return nil, errMessage
	}
	return m, nil
}

// options calls f for each option of a list.
func options(b []byte, f func(code uint16, body []byte)) error {
	for len(b) > 0 {
		if len(b) < 4 {
			return errMessage
		}
		code, size := binary.BigEndian.Uint16(b), int(binary.BigEndian.Uint16(b[2:]))
		if len(b) < 4+size {
			return errMessage
		}
		f(code, b[4:4+size])
		b = b[4+size:]
	}
	return nil
}

func (m *message) option(code uint16, b []byte, iaid [4]byte) {
	switch code {
	case optClientID:
		m.client = bytes.Clone(b)
	case optServerID:
		m.server = bytes.Clone(b)
	case optPreference:
		if len(b) == 1 {
			m.preference = b[0]
		}
	case optStatus:
		m.status = readStatus(b)
	case optRapidCommit:
		m.rapid = true
	case optDNS:
		for ; len(b) >= 16 && len(m.dns) < most; b = b[16:] {
			if server := netip.AddrFrom16([16]byte(b)); host(server) {
				m.dns = append(m.dns, server)
			}
		}
	case optSolicitPause:
		if len(b) == 4 {
			m.solicitPause = binary.BigEndian.Uint32(b)
		}
	case optIANA, optIAPD:
		if ia := readAssociation(code, b, iaid); ia != nil && code == optIANA {
			m.addresses = ia
		} else if ia != nil {
			m.prefixes = ia
		}
	}
}

// readStatus takes a status without a code for a failure.
func readStatus(b []byte) status {
	if len(b) < 2 {
		return unspecFail
	}
	return status(binary.BigEndian.Uint16(b))
}

// readAssociation returns nil for one that is not ours or not sound: "the client discards" one whose T1 is later than its T2
// (RFC 9915 §21.4).
func readAssociation(code uint16, b []byte, iaid [4]byte) *association {
	if len(b) < 12 || [4]byte(b) != iaid {
		return nil
	}
	ia := &association{t1: binary.BigEndian.Uint32(b[4:]), t2: binary.BigEndian.Uint32(b[8:])}
	if ia.t2 > 0 && ia.t1 > ia.t2 {
		return nil
	}
	err := options(b[12:], func(inner uint16, b []byte) {
		switch {
		case inner == optStatus:
			ia.status = readStatus(b)
		case inner == optIAAddress && code == optIANA && len(b) >= 24:
			ia.add(netip.PrefixFrom(netip.AddrFrom16([16]byte(b)), 128), b[16:24], b[24:])
		case inner == optIAPrefix && code == optIAPD && len(b) >= 25 && b[8] > 0 && b[8] <= 64:
			ia.add(netip.PrefixFrom(netip.AddrFrom16([16]byte(b[9:25])), int(b[8])).Masked(), b[0:8], b[25:])
		}
	})
	if err != nil {
		return nil
	}
	return ia
}

// add takes a lease if it is one: "a client discards any … for which the preferred lifetime is greater than the valid lifetime"
// (RFC 9915 §21.6, §21.22). Both have their own status, too.
func (ia *association) add(p netip.Prefix, times, rest []byte) {
	g := granted{p, binary.BigEndian.Uint32(times), binary.BigEndian.Uint32(times[4:])}
	failed := options(rest, func(code uint16, b []byte) {
		if code == optStatus && readStatus(b) != success {
			g.valid, g.preferred = 0, 0
		}
	})
	if failed == nil && public(p) && g.preferred <= g.valid && len(ia.leases) < most {
		ia.leases = append(ia.leases, g)
	}
}

// builder writes a message to servers.
type builder []byte

func newMessage(k kind, exchange [3]byte) builder {
	return builder{byte(k), exchange[0], exchange[1], exchange[2]}
}

func (b *builder) option(code uint16, body []byte) {
	*b = binary.BigEndian.AppendUint16(*b, code)
	*b = binary.BigEndian.AppendUint16(*b, uint16(len(body)))
	*b = append(*b, body...)
}

// association asks for what is in leases, or for anything when there is none. Lifetimes of zero leave them to the server.
func (b *builder) association(code uint16, iaid [4]byte, leases []netip.Prefix) {
	body := append(builder{}, iaid[:]...)
	body = append(body, make([]byte, 8)...) // T1, T2: the server's choice
	for _, p := range leases {
		address := p.Addr().As16()
		if code == optIANA {
			body.option(optIAAddress, append(address[:], make([]byte, 8)...))
		} else {
			body.option(optIAPrefix, append(append(make([]byte, 8), byte(p.Bits())), address[:]...))
		}
	}
	b.option(code, body)
}
