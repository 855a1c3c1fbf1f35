package wan

import (
	"bytes"
	"net"
	"net/netip"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// reply is a server's message after every field was checked.
type reply struct {
	kind   dhcpv4.MessageType
	xid    dhcpv4.TransactionID
	server netip.Addr
	// lease is meaningful in an OFFER and an ACK. Its times are set by stamp.
	lease  Lease
	terms  terms
	faults []Fault // parts that were left out
}

// Offsets of the fields that may carry options besides their own meaning (RFC 2131 §2).
const (
	nameAt = 44
	fileAt = 108
	fileTo = 236
)

// decode reads a message from a server to the client with this Ethernet address.
func decode(raw []byte, mac net.HardwareAddr) (*dhcpv4.DHCPv4, Fault) {
	p, err := dhcpv4.FromBytes(raw)
	if err != nil || p.OpCode != dhcpv4.OpcodeBootReply || !bytes.Equal(p.ClientHWAddr, mac) {
		return nil, NotDHCP
	}
	if !overload(p, raw) {
		return nil, NotDHCP
	}
	return p, NoFault
}

// overload reads the options that overflowed into the file and name fields, in that order (RFC 3396 §5).
func overload(p *dhcpv4.DHCPv4, raw []byte) bool {
	where := p.Options.Get(dhcpv4.OptionOptionOverload)
	if len(where) != 1 {
		return true
	}
	if where[0]&1 != 0 && p.Options.FromBytes(raw[fileAt:fileTo]) != nil {
		return false
	}
	return where[0]&2 == 0 || p.Options.FromBytes(raw[nameAt:fileAt]) == nil
}

// read checks a decoded message. What it omits is taken from previous, the lease in use, when it
// prolongs that one: some servers answer a renewal with the lease time alone.
func read(p *dhcpv4.DHCPv4, previous *Lease) (*reply, Fault) {
	r := &reply{kind: p.MessageType(), xid: p.TransactionID}
	server, ok := address(p.Options.Get(dhcpv4.OptionServerIdentifier))
	if !ok || !usable(server) {
		return nil, NoServer
	}
	r.server = server
	switch r.kind {
	case dhcpv4.MessageTypeNak:
		return r, NoFault
	case dhcpv4.MessageTypeOffer, dhcpv4.MessageTypeAck:
		return r, r.readLease(p, previous)
	}
	return nil, WrongTurn
}

func (r *reply) readLease(p *dhcpv4.DHCPv4, previous *Lease) Fault {
	own, ok := address(p.YourIPAddr.To4())
	if !ok || !usable(own) || own == r.server {
		return BadAddress
	}
	if previous == nil || previous.Address.Addr() != own {
		previous = &Lease{}
	}
	r.lease = Lease{Server: r.server, Address: r.network(p.Options, own, previous)}
	if edge(r.lease.Address) {
		return BadAddress
	}
	r.readRoutes(p.Options)
	if !r.lease.Gateway.IsValid() {
		r.lease.Gateway = previous.Gateway
	}
	if !r.lease.Gateway.IsValid() {
		return NoGateway
	}
	r.readDNS(p.Options, previous)
	r.readMTU(p.Options)
	r.readDomain(p.Options)
	r.terms = r.readTerms(p.Options)
	return NoFault
}

func (r *reply) fault(f Fault) { r.faults = append(r.faults, f) }

// network gives the address the length of its network.
func (r *reply) network(o dhcpv4.Options, own netip.Addr, previous *Lease) netip.Prefix {
	mask := o.Get(dhcpv4.OptionSubnetMask)
	if mask == nil && previous.Address.IsValid() {
		return previous.Address
	}
	if len(mask) == net.IPv4len {
		// Size is 0 for a mask with holes. No provider owns more than a /8.
		if ones, _ := net.IPMask(mask).Size(); ones >= 8 {
			return netip.PrefixFrom(own, ones)
		}
	}
	r.fault(BadMask)
	return netip.PrefixFrom(own, 24)
}

func (r *reply) readDNS(o dhcpv4.Options, previous *Lease) {
	const most = 8 // far more than a resolver tries before a person gives up
	raw := o.Get(dhcpv4.OptionDomainNameServer)
	if raw == nil {
		r.lease.DNS = previous.DNS
		return
	}
	servers, ok := addresses(raw)
	if !ok {
		r.fault(BadDNS)
		return
	}
	seen := map[netip.Addr]bool{}
	for _, s := range servers {
		switch {
		case seen[s]:
		case !usable(s):
			r.fault(BadDNS)
		case len(r.lease.DNS) == most:
			r.fault(TooMany)
			return
		default:
			r.lease.DNS = append(r.lease.DNS, s)
		}
		seen[s] = true
	}
}

// readMTU takes the interface MTU. Below 576 it would break hosts that may rely on RFC 791, and is used
// to attack; RFC 2132 §5.1 allows 68.
func (r *reply) readMTU(o dhcpv4.Options) {
	raw := o.Get(dhcpv4.OptionInterfaceMTU)
	if raw == nil {
		return
	}
	if len(raw) == 2 {
		if mtu := int(raw[0])<<8 | int(raw[1]); mtu >= 576 {
			r.lease.MTU = mtu
			return
		}
	}
	r.fault(BadMTU)
}

func (r *reply) readDomain(o dhcpv4.Options) {
	name := bytes.TrimRight(o.Get(dhcpv4.OptionDomainName), "\x00")
	name = bytes.TrimSuffix(name, []byte("."))
	switch {
	case len(name) == 0:
	case domain(name):
		r.lease.Domain = string(name)
	default:
		r.fault(BadDomain)
	}
}

// domain tells whether the bytes are a domain name of letters, digits and hyphens (RFC 1123 §2.1, and
// the underscore that exists in the wild), so that it is safe wherever it is printed.
func domain(name []byte) bool {
	if len(name) > 253 {
		return false
	}
	for label := range bytes.SplitSeq(name, []byte(".")) {
		if len(label) == 0 || len(label) > 63 || label[0] == '-' {
			return false
		}
		for _, c := range label {
			letter := c|0x20 >= 'a' && c|0x20 <= 'z'
			if !letter && (c < '0' || c > '9') && c != '-' && c != '_' {
				return false
			}
		}
	}
	return true
}

// stamp sets the times of a lease that was asked for at this moment.
func (r *reply) stamp(now time.Time) Lease {
	l := r.lease
	if r.terms.lease != forever {
		l.Renew, l.Rebind, l.Expire = now.Add(r.terms.renew), now.Add(r.terms.rebind), now.Add(r.terms.lease)
	}
	return l
}
