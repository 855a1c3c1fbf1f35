package lan

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
)

// message is a D-Bus message, as far as dnsmasq and its bus use them (D-Bus specification, "Message Protocol").
type message struct {
	kind   byte
	serial uint32
	reply  uint32 // the serial that it answers
	member string
	text   string // its first argument, of one that was read and has a text there
	body   *body  // of one to be written
}

// Kinds of messages.
const (
	methodCall   = 1
	methodReturn = 2
	methodError  = 3
	signal       = 4
)

// Header fields.
const (
	fieldPath        = 1
	fieldInterface   = 2
	fieldMember      = 3
	fieldReply       = 5
	fieldDestination = 6
	fieldSender      = 7
	fieldSignature   = 8
)

// body is a message's arguments as they are written, with their signature. Everything is aligned to its own size.
type body struct {
	bytes     []byte
	signature string
}

func (b *body) pad(to int) {
	for len(b.bytes)%to != 0 {
		b.bytes = append(b.bytes, 0)
	}
}

func (b *body) u32(n uint32) {
	b.pad(4)
	b.bytes = binary.LittleEndian.AppendUint32(b.bytes, n)
}

func (b *body) str(s string) {
	b.u32(uint32(len(s)))
	b.bytes = append(append(b.bytes, s...), 0)
}

func (b *body) text(s string) *body {
	b.str(s)
	b.signature += "s"
	return b
}

func (b *body) number(n uint32) *body {
	b.u32(n)
	b.signature += "u"
	return b
}

func (b *body) no() *body {
	b.u32(0)
	b.signature += "b"
	return b
}

func (b *body) octets(o []byte) *body {
	b.u32(uint32(len(o)))
	b.bytes = append(b.bytes, o...)
	b.signature += "ay"
	return b
}

func (b *body) texts(all []string) *body {
	b.u32(0)
	at := len(b.bytes)
	for _, s := range all {
		b.str(s)
	}
	binary.LittleEndian.PutUint32(b.bytes[at-4:], uint32(len(b.bytes)-at))
	b.signature += "as"
	return b
}

// bytes is the message on the wire: to dnsmasq, from whom it may think of as the bus.
func (m message) bytes() []byte {
	arguments := m.body
	if arguments == nil {
		arguments = &body{}
	}
	h := &body{bytes: []byte{'l', m.kind, 0, 1}}
	h.u32(uint32(len(arguments.bytes)))
	h.u32(m.serial)
	h.u32(0) // the length of the fields
	at := len(h.bytes)
	field := func(code byte, kind, value string) {
		h.pad(8)
		h.bytes = append(h.bytes, code, 1, kind[0], 0)
		if kind == "g" {
			h.bytes = append(append(append(h.bytes, byte(len(value))), value...), 0)
			return
		}
		h.str(value)
	}
	if m.kind == methodCall {
		field(fieldPath, "o", busPath)
		field(fieldInterface, "s", busName)
		field(fieldMember, "s", m.member)
	}
	if m.reply != 0 {
		h.pad(8)
		h.bytes = append(h.bytes, fieldReply, 1, 'u', 0)
		h.u32(m.reply)
	}
	field(fieldDestination, "s", ":1.1")
	field(fieldSender, "s", "org.freedesktop.DBus")
	if arguments.signature != "" {
		field(fieldSignature, "g", arguments.signature)
	}
	binary.LittleEndian.PutUint32(h.bytes[at-4:], uint32(len(h.bytes)-at))
	h.pad(8)
	return append(h.bytes, arguments.bytes...)
}

var errWire = errors.New("it is no D-Bus message")

// readMessage reads one message.
func readMessage(in *bufio.Reader) (m message, err error) {
	const most = 64 << 10 // dnsmasq's are some hundred bytes
	var head [16]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return m, err
	}
	var order binary.ByteOrder = binary.LittleEndian
	if head[0] == 'B' {
		order = binary.BigEndian
	}
	arguments, fields := order.Uint32(head[4:]), order.Uint32(head[12:])
	if head[3] != 1 || arguments > most || fields > most {
		return m, errWire
	}
	m.kind, m.serial = head[1], order.Uint32(head[8:])
	rest := make([]byte, (fields+7)/8*8+arguments)
	if _, err := io.ReadFull(in, rest); err != nil {
		return m, err
	}
	signature, err := m.read(order, rest[:fields])
	if err == nil && signature != "" && signature[0] == 's' {
		m.text, _, err = textAt(order, rest, len(rest)-int(arguments))
	}
	return m, err
}

// read takes the header's fields in, and returns the signature of the arguments.
func (m *message) read(order binary.ByteOrder, fields []byte) (signature string, err error) {
	for at := 0; at < len(fields); at = (at + 7) &^ 7 {
		if at+4 > len(fields) || fields[at+1] != 1 {
			return "", errWire
		}
		code, kind := fields[at], fields[at+2]
		at += 4
		var text string
		switch kind {
		case 's', 'o':
			text, at, err = textAt(order, fields, at)
		case 'g':
			if at >= len(fields) || at+int(fields[at])+2 > len(fields) {
				return "", errWire
			}
			text, at = string(fields[at+1:at+1+int(fields[at])]), at+int(fields[at])+2
		case 'u':
			if at+4 > len(fields) {
				return "", errWire
			}
			if code == fieldReply {
				m.reply = order.Uint32(fields[at:])
			}
			at += 4
		default:
			return "", errWire
		}
		if err != nil {
			return "", err
		}
		switch code {
		case fieldMember:
			m.member = text
		case fieldSignature:
			signature = text
		}
	}
	return signature, nil
}

// textAt is the text at a place, and the place after it.
func textAt(order binary.ByteOrder, b []byte, at int) (text string, next int, err error) {
	if at < 0 || at+4 > len(b) {
		return "", 0, errWire
	}
	size := int(order.Uint32(b[at:]))
	if size < 0 || size > len(b) || at+4+size+1 > len(b) {
		return "", 0, errWire
	}
	return string(b[at+4 : at+4+size]), at + 4 + size + 1, nil
}
