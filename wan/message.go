package wan

import (
	"net"
	"net/netip"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/iana"
)

// send asks for a message to be sent.
type send struct {
	message *dhcpv4.DHCPv4
	from    netip.Addr // 0.0.0.0 while we have no address
	to      netip.Addr // invalid: broadcast
}

// packet completes the message with what only the line knows, its Ethernet address. The client
// identifier is made of it as well: providers that tie a line to an address expect no other.
func (s send) packet(mac net.HardwareAddr) []byte {
	s.message.ClientHWAddr = mac
	s.message.UpdateOption(dhcpv4.OptClientIdentifier(append([]byte{byte(iana.HWTypeEthernet)}, mac...)))
	return s.message.ToBytes()
}

// largest is the biggest message we say we take: what fits an Ethernet frame.
const largest = 1500 - 28

func (m *Machine) message(kind dhcpv4.MessageType) *dhcpv4.DHCPv4 {
	p := &dhcpv4.DHCPv4{
		OpCode:        dhcpv4.OpcodeBootRequest,
		HWType:        iana.HWTypeEthernet,
		TransactionID: m.xid,
		NumSeconds:    m.secs,
		ClientIPAddr:  net.IPv4zero,
		YourIPAddr:    net.IPv4zero,
		ServerIPAddr:  net.IPv4zero,
		GatewayIPAddr: net.IPv4zero,
		Options:       dhcpv4.OptionsFromList(dhcpv4.OptMessageType(kind)),
	}
	return p
}

// asking adds what a DISCOVER and every REQUEST have in common.
func (m *Machine) asking(p *dhcpv4.DHCPv4) *dhcpv4.DHCPv4 {
	p.UpdateOption(dhcpv4.OptMaxMessageSize(largest))
	// The classless routes stand before the router: RFC 3442 asks for that order.
	p.UpdateOption(dhcpv4.OptParameterRequestList(
		dhcpv4.OptionSubnetMask, dhcpv4.OptionClasslessStaticRoute, dhcpv4.OptionRouter,
		dhcpv4.OptionDomainNameServer, dhcpv4.OptionDomainName, dhcpv4.OptionInterfaceMTU,
		dhcpv4.OptionBroadcastAddress, dhcpv4.OptionIPAddressLeaseTime, dhcpv4.OptionServerIdentifier,
		dhcpv4.OptionRenewTimeValue, dhcpv4.OptionRebindingTimeValue, dhcpv4.OptionDNSDomainSearchList,
	))
	if m.hostname != "" {
		p.UpdateOption(dhcpv4.OptHostName(m.hostname))
	}
	return p
}

func (m *Machine) broadcast(p *dhcpv4.DHCPv4) {
	m.act(send{message: p, from: netip.IPv4Unspecified()})
}

// sendDiscover asks every server, naming the address we had (RFC 2131 §4.4.1).
func (m *Machine) sendDiscover() {
	p := m.asking(m.message(dhcpv4.MessageTypeDiscover))
	if m.wanted.IsValid() {
		p.UpdateOption(dhcpv4.OptRequestedIPAddress(m.wanted.AsSlice()))
	}
	m.broadcast(p)
}

// sendRequest accepts an offer (RFC 2131 §4.3.2, SELECTING).
func (m *Machine) sendRequest() {
	p := m.asking(m.message(dhcpv4.MessageTypeRequest))
	p.UpdateOption(dhcpv4.OptServerIdentifier(m.chosen.Server.AsSlice()))
	p.UpdateOption(dhcpv4.OptRequestedIPAddress(m.chosen.Address.Addr().AsSlice()))
	m.broadcast(p)
}

// sendConfirm asks whether the address we had is still good here (RFC 2131 §4.3.2, INIT-REBOOT):
// "'server identifier' MUST NOT be filled in".
func (m *Machine) sendConfirm() {
	p := m.asking(m.message(dhcpv4.MessageTypeRequest))
	p.UpdateOption(dhcpv4.OptRequestedIPAddress(m.wanted.AsSlice()))
	m.broadcast(p)
}

// sendRenew asks for more time: our server first, from T2 on any (RFC 2131 §4.3.2, RENEWING and REBINDING).
func (m *Machine) sendRenew() {
	p := m.asking(m.message(dhcpv4.MessageTypeRequest))
	own := m.held.Address.Addr()
	p.ClientIPAddr = own.AsSlice()
	s := send{message: p, from: own}
	if m.state == Renewing {
		s.to = m.held.Server
	}
	m.act(s)
}

// sendDecline tells the server that the address is someone else's (RFC 2131 §4.4.1, table 5).
func (m *Machine) sendDecline() {
	p := m.message(dhcpv4.MessageTypeDecline)
	p.NumSeconds = 0
	p.UpdateOption(dhcpv4.OptServerIdentifier(m.candidate.Server.AsSlice()))
	p.UpdateOption(dhcpv4.OptRequestedIPAddress(m.candidate.Address.Addr().AsSlice()))
	m.broadcast(p)
}

// sendRelease gives the lease back (RFC 2131 §4.4.4, table 5).
func (m *Machine) sendRelease() {
	p := m.message(dhcpv4.MessageTypeRelease)
	p.NumSeconds = 0
	own := m.held.Address.Addr()
	p.ClientIPAddr = own.AsSlice()
	p.UpdateOption(dhcpv4.OptServerIdentifier(m.held.Server.AsSlice()))
	m.act(send{message: p, from: own, to: m.held.Server})
}
