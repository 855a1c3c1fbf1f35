package flow

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
)

// form is the version of what Append writes: 1. A router that writes another form speaks another protocol on the link, so the form only
// tells a mistake from a list.
const form = 1

// Bits of the second byte.
const (
	flagAnew = 1 << iota
	flagMore
)

// Sizes in bytes: of what comes before the flows, and of a flow of each family: two addresses, two ports and the protocol.
const (
	headSize = 2 + 4*4
	size4    = 4 + 4 + 2 + 2 + 1
	size6    = 16 + 16 + 2 + 2 + 1
)

// Append adds a change to b as it goes over the link: a byte of version, a byte of flags, how many flows begun and ended there are of IPv4 and of
// IPv6 (four bytes each), then these flows. All numbers are big-endian. A flow between two families is none and is left out.
func Append(b []byte, c Change) []byte {
	var flags byte
	if c.Anew {
		flags |= flagAnew
	}
	if c.More {
		flags |= flagMore
	}
	head := len(b)
	b = append(b, form, flags)
	b = append(b, make([]byte, headSize-2)...)
	at := head + 2
	for _, flows := range [][]Flow{c.Begun, c.Ended} {
		for _, four := range []bool{true, false} {
			n := uint32(0)
			for i := range flows {
				if f := &flows[i]; f.Is4() == four && f.whole() {
					b = f.append(b)
					n++
				}
			}
			binary.BigEndian.PutUint32(b[at:], n)
			at += 4
		}
	}
	return b
}

func (f *Flow) append(b []byte) []byte {
	if f.Is4() {
		b = append(b, f.Source[12:]...)
		b = append(b, f.Destination[12:]...)
	} else {
		b = append(b, f.Source[:]...)
		b = append(b, f.Destination[:]...)
	}
	b = binary.BigEndian.AppendUint16(b, f.From)
	b = binary.BigEndian.AppendUint16(b, f.To)
	return append(b, f.Protocol)
}

// Parse reads what Append wrote, all of b, and takes no more memory than four times its length.
func Parse(b []byte) (Change, error) {
	if len(b) < headSize {
		return Change{}, fmt.Errorf("parse list of flows: %d bytes, at least %d are needed", len(b), headSize)
	}
	if b[0] != form || b[1]&^(flagAnew|flagMore) != 0 {
		return Change{}, fmt.Errorf("parse list of flows: form %d with flags %#x is not known", b[0], b[1])
	}
	var count [4]uint64
	want := uint64(headSize)
	for i := range count {
		count[i] = uint64(binary.BigEndian.Uint32(b[2+4*i:]))
		want += count[i] * [2]uint64{size4, size6}[i%2]
	}
	if uint64(len(b)) != want {
		return Change{}, fmt.Errorf("parse list of flows: %d bytes, it says %d", len(b), want)
	}
	c := Change{Anew: b[1]&flagAnew != 0, More: b[1]&flagMore != 0}
	var err error
	rest := b[headSize:]
	c.Begun, rest, err = parseBoth(rest, count[0], count[1])
	if err == nil {
		c.Ended, _, err = parseBoth(rest, count[2], count[3])
	}
	if err != nil {
		return Change{}, fmt.Errorf("parse list of flows: %w", err)
	}
	return c, nil
}

// parseBoth reads the flows of IPv4 and then those of IPv6, which are there.
func parseBoth(b []byte, four, six uint64) (flows []Flow, rest []byte, err error) {
	if four+six == 0 {
		return nil, b, nil
	}
	flows = make([]Flow, 0, four+six)
	for ; four > 0; four-- {
		flows = append(flows, parse4(b))
		b = b[size4:]
	}
	for ; six > 0; six-- {
		f := parse6(b)
		if f.Is4() || !f.whole() {
			return nil, nil, errMapped
		}
		flows = append(flows, f)
		b = b[size6:]
	}
	return flows, b, nil
}

var errMapped = errors.New("an IPv4 address among those of IPv6")

func parse4(b []byte) Flow {
	f := Flow{
		Source: netip.AddrFrom4([4]byte(b)).As16(), Destination: netip.AddrFrom4([4]byte(b[4:])).As16(),
		From: binary.BigEndian.Uint16(b[8:]), To: binary.BigEndian.Uint16(b[10:]), Protocol: b[12],
	}
	return f
}

func parse6(b []byte) Flow {
	return Flow{
		Source: [16]byte(b), Destination: [16]byte(b[16:]),
		From: binary.BigEndian.Uint16(b[32:]), To: binary.BigEndian.Uint16(b[34:]), Protocol: b[36],
	}
}
