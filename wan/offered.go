package wan

import (
	"encoding/binary"
	"net"
	"net/netip"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// Offered returns which server offers which address in a datagram, if that answers a Discover of this Ethernet address and exchange.
func Offered(raw []byte, mac net.HardwareAddr, exchange uint32) (server, offered netip.Addr, ok bool) {
	p, fault := decode(raw, mac)
	if fault != NoFault || binary.BigEndian.Uint32(p.TransactionID[:]) != exchange || p.MessageType() != dhcpv4.MessageTypeOffer {
		return server, offered, false
	}
	server, ok = address(p.Options.Get(dhcpv4.OptionServerIdentifier))
	offered, _ = netip.AddrFromSlice(p.YourIPAddr.To4())
	return server, offered, ok
}
