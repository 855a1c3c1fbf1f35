package wan

import (
	"encoding/binary"
	"net"
	"net/netip"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// Upstream is what answers at the other end of a cable. The zero value is a port that nobody answers on.
type Upstream struct {
	Server       netip.Addr // a DHCP server, whether or not its offer is of use
	Offer        *Lease     // what it offered, without times; nil when it leads nowhere
	Trouble      Fault      // why there is no Offer
	PPPoE        bool       // a PPPoE access concentrator
	Concentrator string     // its name, printable ASCII; may be empty
	Loop         string     // the Ethernet address of this machine that was heard from outside; empty: none
}

// Silent reports whether nobody answers.
func (u Upstream) Silent() bool { return !u.Server.IsValid() && !u.PPPoE }

// Discover is a DHCPDISCOVER from the host with this Ethernet address, for who wants to know who answers: an offer that
// is not asked for lapses within seconds, and no lease is taken (RFC 2131 §3.1).
func Discover(mac net.HardwareAddr, hostname string, exchange uint32) []byte {
	m := &Machine{hostname: hostname}
	binary.BigEndian.PutUint32(m.xid[:], exchange)
	s := send{message: m.asking(m.message(dhcpv4.MessageTypeDiscover))}
	return s.packet(mac)
}

// Hear adds to what is known of the port what a datagram says, if it is an offer that answers that exchange, and
// reports whether it was one. The first usable offer counts.
func (u *Upstream) Hear(raw []byte, mac net.HardwareAddr, exchange uint32) bool {
	p, fault := decode(raw, mac)
	if fault != NoFault || binary.BigEndian.Uint32(p.TransactionID[:]) != exchange || p.MessageType() != dhcpv4.MessageTypeOffer {
		return false
	}
	server, ok := address(p.Options.Get(dhcpv4.OptionServerIdentifier))
	if !ok || u.Offer != nil {
		return ok
	}
	u.Server, u.Trouble = server, NoFault
	r, fault := read(p, nil)
	if fault != NoFault {
		u.Trouble = fault
		return true
	}
	u.Offer = &r.lease
	return true
}
