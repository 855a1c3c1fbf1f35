package wan

// Fault names what was wrong with a message of a DHCP server, or with a part of it.
type Fault uint8

const (
	NoFault Fault = iota
	// The message is refused:
	NotDHCP      // cannot be decoded, or is not a reply to this client
	WrongTurn    // a good message that nobody waits for: other exchange, other server, other type
	NoServer     // server identifier missing or unusable
	BadAddress   // 0/8, loopback, multicast, reserved, the network's own or its broadcast address
	OtherAddress // not the address that was asked for
	NoGateway    // no way out of the network
	// A part of the message is left out or replaced:
	BadMask      // subnet mask missing, with holes, or shorter than /8
	BadGateway   // router outside the network, unusable, or our own address
	BadDNS       // name server unusable
	BadMTU       // interface MTU below 576 or of wrong length
	BadDomain    // domain name too long or with strange characters
	BadRoutes    // classless routes that cannot be decoded, or one of them unusable
	TooMany      // more routes or name servers than anybody needs
	NoDefault    // classless routes without a default route beside a router option (RFC 3442 forbids using it)
	BadLeaseTime // lease shorter than a minute, or T1 and T2 out of order
	faultCount
)

func (f Fault) String() string {
	return [...]string{
		"nothing wrong", "not a DHCP reply to us", "not awaited", "no server identifier", "unusable address",
		"another address than asked for", "no gateway", "unusable subnet mask", "unusable gateway",
		"unusable name server", "unusable MTU", "unusable domain name", "unusable routes",
		"too many routes or name servers", "no default among the routes", "unusable lease time",
	}[f]
}
