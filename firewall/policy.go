package firewall

import "net/netip"

// Mark is the WAN's share of packet and connection marks: bits 8 to 15. Other bits belong to others.
type Mark uint32

const (
	// MarkMask covers the bits in which a WAN's mark lives.
	MarkMask Mark = 0xff00
	// MarkPoke is carried by our own spoofed ACKs ("pokes"); they are not tracked (multi-WAN notes §5.1).
	MarkPoke Mark = 0x10000
	// MarkDiverted is carried by packets that go on to the other router of a pair, whose connections they belong to (kernel.Divert): they are neither
	// tracked, nor is a line chosen for them.
	MarkDiverted Mark = 0x100000
	// MarkOwn is carried, beside a WAN's mark, by the daemon's own sockets: probes and the like are no flows of the
	// house. They are neither counted nor ended with the WAN's.
	MarkOwn Mark = 0x40000
)

// MarkOf returns the mark of the n-th WAN of the configuration, counted from 0.
func MarkOf(n int) Mark { return Mark(n+1) << 8 }

// Policy is everything the ruleset depends on. Build turns it into a Ruleset.
type Policy struct {
	LAN      []string       // kernel names of the house's interfaces; empty without [lan]
	Subnets  []netip.Prefix // the house's networks, those too that its hosts should no longer use: never sent to a WAN, source of hairpin connections
	WANs     []WAN
	Fast     []string // the house's devices whose known flows may pass by the ruleset: they must exist; empty: none
	Shares   []Share  // who takes new flows; fewer than two: the main table's default route decides
	Uses     []Use
	Forwards []Forward
	// Six: the house's IPv6 is ours to direct. Each source leaves by the WAN whose it is, and nothing leaves by one with a source that is not.
	// The marks' rules need one before them that looks for specific routes of the main table. false: the owner's own routes decide.
	Six bool
	// Inner is the house's own IPv6 network, which a WAN's Translate takes the place of; invalid: none is translated.
	Inner netip.Prefix
	// Own are interfaces that only serve this machine, with virtual addresses: what comes in there may reach it, and goes
	// no further.
	Own []string
	// Partner is the Ethernet address of the other router in the house, which peers lead to; empty: not known. What comes from there never
	// goes back.
	Partner        string
	PartnerAddress netip.Addr // of IPv4, on the LAN: connections from there are the other router's own
	// Lent are the WANs with devices of their own that take what comes from Partner, where Shares or the main table's default route lead to it.
	// Empty: that has the way of everybody.
	Lent []Share
	// Refused are virtual addresses that lead to nothing on this machine but answered pings (RFC 9568 §6.1, Accept_Mode).
	Refused []netip.Addr
}

// WAN is one way out as the firewall sees it. A WAN without a Device is left out of the ruleset.
type WAN struct {
	Name      string
	Device    string
	Mark      Mark
	MTU       int          // path MTU the MSS is clamped to; 0: the route's
	MTU6      int          // that of IPv6; 0: the same
	Alive     bool         // false: flows that belong to it are no longer sent to it
	Alive6    bool         // the same of IPv6, where Policy.Six
	Open6     bool         // new IPv6 flows from its Sources6 may begin
	Addresses []netip.Addr // its own addresses, for hairpin port forwards
	// Sources6 are the IPv6 networks whose packets leave by this WAN alone: its own addresses and what its ISP delegated, also while it is
	// dead and for as long as hosts may still use them. For a peer, those of the other router.
	Sources6 []netip.Prefix
	// Translate takes the place of Policy.Inner, and is as long (NPTv6, RFC 6296, but stateful); invalid: Inner does not leave here.
	Translate netip.Prefix
	Peer      bool  // the other router over the LAN: no masquerade, no default deny, no clamp
	Metered   bool  // what it carries is counted, and classes hold on it; a peer's is the other router's business
	Class     Class // of everybody who has none by a Use
	Offload   bool  // its known flows may pass by the ruleset
}

// Share is a WAN's part of the new flows.
type Share struct {
	Mark   Mark
	Weight int
}

// Use is one [[policy]]: flows that match every non-empty field go out by Via.
type Use struct {
	Devices      []string // Ethernet addresses, "02:00:00:00:00:22"
	Sources      []netip.Prefix
	Destinations []netip.Prefix
	Ports        []PortRange // of TCP and UDP
	Via          []Share     // usable WANs of the policy, cheapest only; empty: none is usable
	Block        bool        // with an empty Via: refuse instead of using any WAN
	Class        Class       // on metered WANs
}

// PortRange is First to Last, both included.
type PortRange struct{ First, Last uint16 }

// Forward is one port forward. Proto is "tcp" or "udp".
type Forward struct {
	Proto string
	Ports PortRange
	// To is the host, with port 0 for the port that was asked for. An IPv6 address opens the port of the host itself; one whose first 64 bits
	// are zero means the host with this end in any network of the house.
	To   netip.AddrPort
	WANs []string // names; empty: every WAN
}
