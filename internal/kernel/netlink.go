package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// attributeType strips the "nested" and "network byte order" bits.
const attributeType = ^uint16(unix.NLA_F_NESTED | unix.NLA_F_NET_BYTEORDER)

// session is one conversation with rtnetlink. It lives as long as one Apply, so that a Kernel owns no socket.
type session struct {
	socket  *nl.NetlinkSocket
	sockets map[int]*nl.SocketHandle
}

func dial() (*session, error) {
	socket, err := nl.Subscribe(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open rtnetlink: %w", err)
	}
	s := &session{socket, map[int]*nl.SocketHandle{unix.NETLINK_ROUTE: {Socket: socket}}}
	if err := s.configure(); err != nil {
		socket.Close()
		return nil, fmt.Errorf("open rtnetlink: %w", err)
	}
	return s, nil
}

// configure asks for the kernel's reasons with its errors, and for dumps that are filtered inside the kernel:
// without the strict check it ignores the protocol and table asked for.
func (s *session) configure() error {
	wait := unix.Timeval{Sec: 5} // the kernel answers at once; this only bounds a kernel that does not
	return errors.Join(
		s.socket.SetExtAck(true),
		s.socket.SetReceiveTimeout(&wait),
		unix.SetsockoptInt(s.socket.GetFd(), unix.SOL_NETLINK, unix.NETLINK_GET_STRICT_CHK, 1),
	)
}

func (s *session) close() { s.socket.Close() }

func (s *session) request(kind, flags int, parts []nl.NetlinkRequestData) *nl.NetlinkRequest {
	r := nl.NewNetlinkRequest(kind, flags)
	r.Sockets = s.sockets
	r.Data = parts
	return r
}

// do sends one change and waits for the kernel's verdict.
func (s *session) do(kind, flags int, parts ...nl.NetlinkRequestData) error {
	_, err := s.request(kind, flags|unix.NLM_F_ACK, parts).Execute(unix.NETLINK_ROUTE, 0)
	return err
}

// dump returns the bodies of all objects. A list that changed while it was read is partial, so it is read again;
// five times is plenty: each read takes microseconds.
func (s *session) dump(kind int, parts ...nl.NetlinkRequestData) ([][]byte, error) {
	for try := 1; ; try++ {
		bodies, err := s.request(kind, unix.NLM_F_DUMP, parts).Execute(unix.NETLINK_ROUTE, 0)
		if !errors.Is(err, nl.ErrDumpInterrupted) || try == 5 {
			return bodies, err
		}
	}
}

// raw is a message body that is sent back as the kernel showed it.
type raw []byte

func (r raw) Len() int          { return len(r) }
func (r raw) Serialize() []byte { return r }

func number(kind int, value uint32) *nl.RtAttr { return nl.NewRtAttr(kind, nl.Uint32Attr(value)) }

// attributes walks through the attributes of a message body that begin at offset.
func attributes(body []byte, offset int) iter.Seq2[uint16, []byte] {
	return func(yield func(uint16, []byte) bool) {
		for rest := body[min(offset, len(body)):]; len(rest) >= unix.SizeofRtAttr; {
			size := int(binary.NativeEndian.Uint16(rest))
			if size < unix.SizeofRtAttr || size > len(rest) {
				return
			}
			if !yield(binary.NativeEndian.Uint16(rest[2:])&attributeType, rest[unix.SizeofRtAttr:size]) {
				return
			}
			rest = rest[min((size+3)&^3, len(rest)):]
		}
	}
}

// value reads a 32-bit attribute; 0 when it is cut off.
func value(b []byte) uint32 {
	if len(b) < 4 {
		return 0
	}
	return binary.NativeEndian.Uint32(b)
}
