package link

import (
	"encoding/binary"
	"fmt"
	"io"
)

// Kind is what a message is about. Who gets one of a kind unknown to it skips it: it is of a newer version.
type Kind uint8

// The kinds of messages. Who sends and reads one owns what is in it. A number never gets another meaning.
const (
	_          Kind = iota
	greeting        // the first of either router, as JSON: Greeting
	bye             // the last: why, as text
	Flows           // flow.Change
	Lines           // the lines of a router
	Neighbours      // who is where on the LAN
	View            // how the sender's router is
	Prepare         // asks for Prepared: the sender wants to leave the house to the receiver
	Prepared        // the receiver can take it
	Digest          // what of the configuration has to be the same
	Incidents
	Release            // asks a router that does not serve the house to end its connections: they have no way to it any more
	Leaves             // says that the sender's kernel carries no connection any more as soon as the link ends
	breath  Kind = 255 // nothing was sent for a while
)

// Sizes. Chosen here: all flows of a big house are 5 MB, told at once when a session begins.
const (
	headSize     = 5       // a kind, and the length of the body, big endian
	biggest      = 1 << 20 // bytes of a body
	biggestFirst = 4 << 10 // of the first one
	queueSize    = 8 << 20 // bytes that wait to be sent
)

// appendMessage appends a message as it is on the wire.
func appendMessage(b []byte, kind Kind, body []byte) []byte {
	b = append(b, byte(kind))
	b = binary.BigEndian.AppendUint32(b, uint32(len(body)))
	return append(b, body...)
}

// readMessage reads one message whose body has at most most bytes.
func readMessage(r io.Reader, most uint32) (Kind, []byte, error) {
	var head [headSize]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	kind, size := Kind(head[0]), binary.BigEndian.Uint32(head[1:])
	if size > most {
		return 0, nil, fmt.Errorf("a message of %d bytes: at most %d", size, most)
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(r, body); err != nil {
		return 0, nil, fmt.Errorf("a message is cut off: %w", err)
	}
	return kind, body, nil
}
