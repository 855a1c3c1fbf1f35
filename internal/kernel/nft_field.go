package kernel

import (
	"fmt"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"github.com/twinpath/twinpath/firewall"
)

// fieldPlace is where a field is found, and what a packet must be to have it.
type fieldPlace struct {
	family   byte // NFPROTO_IPV4, NFPROTO_IPV6; 0: any
	protocol byte // IPPROTO_…; 0: any
	ether    bool // Ethernet only
	load     expr.Any
}

// fieldOf says how a field comes into register 1.
func fieldOf(f firewall.Field) (fieldPlace, error) {
	switch f {
	case firewall.InDevice:
		return fieldPlace{load: &expr.Meta{Key: expr.MetaKeyIIFNAME, Register: 1}}, nil
	case firewall.OutDevice:
		return fieldPlace{load: &expr.Meta{Key: expr.MetaKeyOIFNAME, Register: 1}}, nil
	case firewall.Family:
		return fieldPlace{load: &expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1}}, nil
	case firewall.PacketMark:
		return fieldPlace{load: &expr.Meta{Key: expr.MetaKeyMARK, Register: 1}}, nil
	case firewall.ConnMark:
		return fieldPlace{load: &expr.Ct{Key: expr.CtKeyMARK, Register: 1}}, nil
	case firewall.ConnState:
		return fieldPlace{load: &expr.Ct{Key: expr.CtKeySTATE, Register: 1}}, nil
	case firewall.ConnStatus:
		return fieldPlace{load: &expr.Ct{Key: expr.CtKeySTATUS, Register: 1}}, nil
	case firewall.ConnSide:
		return fieldPlace{load: &expr.Ct{Key: expr.CtKeyDIRECTION, Register: 1}}, nil
	case firewall.Protocol:
		return fieldPlace{load: &expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}}, nil
	case firewall.DestKind:
		return fieldPlace{load: &expr.Fib{Register: 1, FlagDADDR: true, ResultADDRTYPE: true}}, nil
	case firewall.RouteThere:
		return fieldPlace{load: &expr.Fib{Register: 1, FlagDADDR: true, ResultOIF: true, FlagPRESENT: true}}, nil
	}
	return headerField(f)
}

// headerField finds the fields of packet headers: RFC 791, 8200, 792, 4443, 9293, 768.
func headerField(f firewall.Field) (fieldPlace, error) {
	switch f {
	case firewall.EtherSource:
		return fieldPlace{ether: true, load: packetBytes(expr.PayloadBaseLLHeader, 6, 6)}, nil
	case firewall.Source4:
		return fieldPlace{family: unix.NFPROTO_IPV4, load: packetBytes(expr.PayloadBaseNetworkHeader, 12, 4)}, nil
	case firewall.Destination4:
		return fieldPlace{family: unix.NFPROTO_IPV4, load: packetBytes(expr.PayloadBaseNetworkHeader, 16, 4)}, nil
	case firewall.Source6:
		return fieldPlace{family: unix.NFPROTO_IPV6, load: packetBytes(expr.PayloadBaseNetworkHeader, 8, 16)}, nil
	case firewall.Destination6:
		return fieldPlace{family: unix.NFPROTO_IPV6, load: packetBytes(expr.PayloadBaseNetworkHeader, 24, 16)}, nil
	case firewall.HopLimit6:
		return fieldPlace{family: unix.NFPROTO_IPV6, load: packetBytes(expr.PayloadBaseNetworkHeader, 7, 1)}, nil
	case firewall.ICMPType:
		return fieldPlace{family: unix.NFPROTO_IPV4, protocol: unix.IPPROTO_ICMP, load: packetBytes(expr.PayloadBaseTransportHeader, 0, 1)}, nil
	case firewall.ICMPv6Type:
		return fieldPlace{family: unix.NFPROTO_IPV6, protocol: unix.IPPROTO_ICMPV6, load: packetBytes(expr.PayloadBaseTransportHeader, 0, 1)}, nil
	case firewall.TCPPort:
		return fieldPlace{protocol: unix.IPPROTO_TCP, load: packetBytes(expr.PayloadBaseTransportHeader, 2, 2)}, nil
	case firewall.TCPFlags:
		return fieldPlace{protocol: unix.IPPROTO_TCP, load: packetBytes(expr.PayloadBaseTransportHeader, 13, 1)}, nil
	case firewall.UDPPort:
		return fieldPlace{protocol: unix.IPPROTO_UDP, load: packetBytes(expr.PayloadBaseTransportHeader, 2, 2)}, nil
	case firewall.UDPFrom:
		return fieldPlace{protocol: unix.IPPROTO_UDP, load: packetBytes(expr.PayloadBaseTransportHeader, 0, 2)}, nil
	}
	return fieldPlace{}, fmt.Errorf("no field %v", f)
}

func packetBytes(base expr.PayloadBase, offset, length uint32) *expr.Payload {
	return &expr.Payload{DestRegister: 1, Base: base, Offset: offset, Len: length}
}
