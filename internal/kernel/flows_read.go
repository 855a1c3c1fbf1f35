package kernel

import (
	"encoding/binary"
	"iter"
	"net/netip"

	"github.com/twinpath/twinpath/firewall"
	"github.com/twinpath/twinpath/pair/flow"
	"golang.org/x/sys/unix"
)

// Messages of conntrack and their attributes (nfnetlink_conntrack.h).
const (
	trackNew = unix.NFNL_SUBSYS_CTNETLINK << 8 // of a new entry and, without NLM_F_CREATE, of one that changed
	trackGet = unix.NFNL_SUBSYS_CTNETLINK<<8 + 1

	trackOriginal  = 1 // CTA_TUPLE_…: of who began it
	trackReply     = 2
	trackProtoInfo = 4
	trackMark      = 8

	tupleIP, tupleProtocol      = 1, 2
	protoInfoTCP, tcpStateValue = 1, 1

	netlinkHeader  = unix.SizeofNlMsghdr
	netfilterStart = 4 // struct nfgenmsg, before the attributes
)

// tracked is what is read of a conntrack entry.
type tracked struct {
	original, reply flow.Flow // each as its first packet
	mark            firewall.Mark
	state           uint8 // of TCP
}

// closed reports whether nothing is to come of a TCP connection: it waits in conntrack for two more minutes.
func (t *tracked) closed() bool { return t.state == tcpTimeWait || t.state == tcpClose }

// netlinkMessages walks through what one read brought. A body that is cut off ends it.
func netlinkMessages(b []byte) iter.Seq2[unix.NlMsghdr, []byte] {
	return func(yield func(unix.NlMsghdr, []byte) bool) {
		for len(b) >= netlinkHeader {
			h := unix.NlMsghdr{
				Len: binary.NativeEndian.Uint32(b), Type: binary.NativeEndian.Uint16(b[4:]),
				Flags: binary.NativeEndian.Uint16(b[6:]), Seq: binary.NativeEndian.Uint32(b[8:]),
			}
			if h.Len < netlinkHeader || uint64(h.Len) > uint64(len(b)) {
				return
			}
			if !yield(h, b[netlinkHeader:h.Len]) {
				return
			}
			b = b[min((int(h.Len)+3)&^3, len(b)):]
		}
	}
}

// readTracked reads the body of a message about one entry.
func readTracked(body []byte) (t tracked) {
	for kind, v := range attributes(body, netfilterStart) {
		switch kind {
		case trackOriginal:
			t.original = readTuple(v)
		case trackReply:
			t.reply = readTuple(v)
		case trackMark:
			t.mark = firewall.Mark(bigValue(v))
		case trackProtoInfo:
			t.state = readTCPState(v)
		}
	}
	return t
}

func readTCPState(protoInfo []byte) (state uint8) {
	for kind, v := range attributes(protoInfo, 0) {
		if kind != protoInfoTCP {
			continue
		}
		for kind, v := range attributes(v, 0) {
			if kind == tcpStateValue && len(v) > 0 {
				state = v[0]
			}
		}
	}
	return state
}

func readTuple(tuple []byte) (f flow.Flow) {
	for kind, v := range attributes(tuple, 0) {
		switch kind {
		case tupleIP:
			readEnds(v, &f)
		case tupleProtocol:
			readProtocol(v, &f)
		}
	}
	return f
}

// readEnds takes CTA_IP_V4_SRC, V4_DST, V6_SRC and V6_DST.
func readEnds(ip []byte, f *flow.Flow) {
	for kind, v := range attributes(ip, 0) {
		switch {
		case (kind == 1 || kind == 2) && len(v) == 4:
			mapped := netip.AddrFrom4([4]byte(v)).As16()
			*[2]*[16]byte{&f.Source, &f.Destination}[kind-1] = mapped
		case (kind == 3 || kind == 4) && len(v) == 16:
			*[2]*[16]byte{&f.Source, &f.Destination}[kind-3] = [16]byte(v)
		}
	}
}

// readProtocol takes CTA_PROTO_NUM, its ports, and of ICMP the identifier, which an echo alone has in a flow's key. GRE has its keys where
// others have ports.
func readProtocol(protocol []byte, f *flow.Flow) {
	var from, to, echo uint16
	for kind, v := range attributes(protocol, 0) {
		switch {
		case kind == 1 && len(v) == 1:
			f.Protocol = v[0]
		case kind == 2 && len(v) == 2:
			from = binary.BigEndian.Uint16(v)
		case kind == 3 && len(v) == 2:
			to = binary.BigEndian.Uint16(v)
		case (kind == 4 || kind == 7) && len(v) == 2:
			echo = binary.BigEndian.Uint16(v)
		case (kind == 5 || kind == 8) && len(v) == 1 && !isEcho(v[0]):
			echo, protocol = 0, nil
		}
	}
	switch f.Protocol {
	case unix.IPPROTO_TCP, unix.IPPROTO_UDP, unix.IPPROTO_SCTP, unix.IPPROTO_DCCP, unix.IPPROTO_UDPLITE:
		f.From, f.To = from, to
	case unix.IPPROTO_ICMP, unix.IPPROTO_ICMPV6:
		if protocol != nil {
			f.From = echo
		}
	}
}

// isEcho knows the request and the answer of both families: their numbers mean nothing else in the other one.
func isEcho(kind uint8) bool { return kind == 8 || kind == 0 || kind == 128 || kind == 129 }

func bigValue(b []byte) uint32 {
	if len(b) < 4 {
		return 0
	}
	return binary.BigEndian.Uint32(b)
}
