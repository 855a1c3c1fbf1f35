package kernel

import (
	"encoding/binary"
	"slices"

	"github.com/mdlayher/netlink"
	"github.com/ti-mo/conntrack"
	"github.com/ti-mo/netfilter"
	"golang.org/x/sys/unix"
)

// Attributes and the message of ctnetlink (nfnetlink_conntrack.h) that removing a flow needs.
const (
	ctDelete      = 2
	ctaTuple      = 1
	ctaZone       = 18
	ctaID         = 12
	ctaTupleIP    = 1
	ctaTupleProto = 2
)

// removeFlows removes flows by name, many in one message to the kernel: asking for each alone and waiting takes 15 µs,
// seconds for a full table. One that ended meanwhile is no error; its identity keeps a successor on the same ports alive.
func removeFlows(flows []conntrack.Flow) error {
	c, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return err
	}
	defer c.Close()
	for batch := range slices.Chunk(flows, 500) { // 40 KB, well inside a socket's usual buffer of 208 KB
		messages := make([]netlink.Message, 0, len(batch))
		for _, f := range batch {
			m, err := removeMessage(f)
			if err != nil {
				return err
			}
			messages = append(messages, m)
		}
		if _, err := c.SendMessages(messages); err != nil {
			return err
		}
	}
	return nil
}

func removeMessage(f conntrack.Flow) (netlink.Message, error) {
	family := netfilter.ProtoIPv4
	if f.TupleOrig.IP.IsIPv6() {
		family = netfilter.ProtoIPv6
	}
	attributes := []netfilter.Attribute{
		{Type: ctaTuple, Nested: true, Children: []netfilter.Attribute{addressesOf(f.TupleOrig.IP), protocolOf(f.TupleOrig.Proto)}},
		{Type: ctaID, Data: binary.BigEndian.AppendUint32(nil, f.ID)},
	}
	if f.Zone != 0 {
		attributes = append(attributes, netfilter.Attribute{Type: ctaZone, Data: netfilter.Uint16Bytes(f.Zone)})
	}
	return netfilter.MarshalNetlink(netfilter.Header{
		SubsystemID: netfilter.NFSubsysCTNetlink,
		MessageType: ctDelete,
		Family:      family,
		Flags:       netlink.Request,
	}, attributes)
}

// addressesOf is CTA_TUPLE_IP: source and destination are 1 and 2 for IPv4, 3 and 4 for IPv6.
func addressesOf(t conntrack.IPTuple) netfilter.Attribute {
	kind := uint16(1)
	if t.IsIPv6() {
		kind = 3
	}
	return netfilter.Attribute{Type: ctaTupleIP, Nested: true, Children: []netfilter.Attribute{
		{Type: kind, Data: t.SourceAddress.AsSlice()},
		{Type: kind + 1, Data: t.DestinationAddress.AsSlice()},
	}}
}

// protocolOf is CTA_TUPLE_PROTO: the protocol is 1; ports are 2 and 3; identifier, type and code are 4 to 6 for ICMP and
// 7 to 9 for ICMPv6.
func protocolOf(t conntrack.ProtoTuple) netfilter.Attribute {
	children := []netfilter.Attribute{{Type: 1, Data: []byte{t.Protocol}}}
	echo := func(kind uint16) {
		children = append(children,
			netfilter.Attribute{Type: kind, Data: netfilter.Uint16Bytes(t.ICMPID)},
			netfilter.Attribute{Type: kind + 1, Data: []byte{t.ICMPType}},
			netfilter.Attribute{Type: kind + 2, Data: []byte{t.ICMPCode}})
	}
	switch t.Protocol {
	case unix.IPPROTO_ICMP:
		echo(4)
	case unix.IPPROTO_ICMPV6:
		echo(7)
	default:
		children = append(children,
			netfilter.Attribute{Type: 2, Data: netfilter.Uint16Bytes(t.SourcePort)},
			netfilter.Attribute{Type: 3, Data: netfilter.Uint16Bytes(t.DestinationPort)})
	}
	return netfilter.Attribute{Type: ctaTupleProto, Nested: true, Children: children}
}
