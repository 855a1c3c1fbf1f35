package router

import (
	"net/netip"
	"slices"
	"time"

	"github.com/twinpath/twinpath/check"
	"github.com/twinpath/twinpath/firewall"
	"github.com/twinpath/twinpath/health"
	"github.com/twinpath/twinpath/vrrp"
)

// Config is the router's wanted behaviour, checked and free of text (design §3).
type Config struct {
	Name     string
	LAN      LAN
	WANs     []WANConfig // in the file's order; at start the n-th has firewall.MarkOf(n) and Table(n)
	Policies []Policy
	Forwards []firewall.Forward
	VRRP     []VirtualRouter
	Web      Web
	Pair     Pair
	Alert    Alert
	Drill    Drill
	DDNS     []DDNS
	Offload  bool // established flows may pass by the ruleset, where that is safe
}

// LAN is the house's side. The zero value means that there is none.
type LAN struct {
	Interface string   // kernel name, MAC address or pattern; empty with Ports
	Ports     []string // bridged into BridgeName
	Address   netip.Prefix
	IPv6      bool
	Prefix    netip.Prefix // of the house's own, a unique local /64 (RFC 4193); invalid: none
	Translate bool         // the house has only Prefix, which each WAN's takes the place of (NPTv6, RFC 6296)
	DHCP      DHCPServer
	DNS       DNSServer
	Hosts     []Host
}

// DHCPServer is what the house's DHCP server hands out. A zero First means that it is off.
type DHCPServer struct {
	First, Last netip.Addr
	Lease       time.Duration
}

// DNSServer is the house's resolver. No Upstream means the active WAN's servers.
type DNSServer struct {
	On       bool // asked for; with a DHCP server there is a resolver anyway
	Domain   string
	Upstream []netip.Addr
}

// Host is a fixed address and name in the house.
type Host struct {
	MAC     string
	Address netip.Addr
	Name    string
}

// Kind is how a WAN gets its lease.
type Kind uint8

const (
	NoKind Kind = iota
	DHCP
	Static
	PPPoE
	Peer
)

func (k Kind) String() string { return [...]string{"none", "dhcp", "static", "pppoe", "peer"}[k] }

// Failback says what becomes of running flows when a better WAN is back.
type Failback uint8

const (
	Drain Failback = iota // they stay until they end
	Move                  // they are cut and told at once: for metered lines
)

// WANConfig is one way to the Internet.
type WANConfig struct {
	Name      string
	Interface string // kernel name, MAC address or pattern; for a peer: empty means the LAN's
	Kind      Kind
	Cost      int
	Weight    int // share among WANs of equal cost
	MTU       int // 0: found out
	Metered   bool
	Priced    bool   // Metered is what the owner said; else what comes by a phone or a modem on USB is
	VLAN      int    // its tag on the interface, 1 to 4094; 0: none (IEEE 802.1Q)
	MAC       string // to be used instead of the interface's own; empty: that
	NoIPv6    bool
	Shape     Shape
	Failback  Failback
	Static    StaticLine
	Peer      netip.Addr // the other router's address on the LAN
	PPPoE     Credentials
	Health    health.Config
	Budget    Budget
	Heartbeat string // URL that is asked for over this line while it is up; empty: none
}

// StaticLine is a fixed address on a WAN.
type StaticLine struct {
	Address netip.Prefix
	Gateway netip.Addr
	DNS     []netip.Addr
}

// Credentials log in to a PPPoE line.
type Credentials struct {
	User, Password string
	Service        string // its name, where the ISP asks for one; empty: any
	Dial           Dial
}

// Dial says when a router of a pair dials a PPPoE line.
type Dial uint8

const (
	DialUseful Dial = iota // always, unless the other router has the same account and serves the house
	DialAlways
	DialActive // only while this router serves the house, or nobody does
)

// Shape is the rate that a line is kept below, so that its queue is ours (CAKE, tc-cake(8)), in bits per second; 0: it is not shaped.
type Shape struct{ Down, Up uint64 }

// DDNS is a name in the DNS that follows the active WAN, or one WAN.
type DDNS struct {
	Provider string   // as inadyn.conf(5) names it, or "custom"
	Hosts    []string // names to be kept up to date
	User     string
	Password string
	WAN      string // empty: whichever carries the house
	IPv6     bool   // the router's own IPv6 address there is told, instead of that of IPv4
	// Server and Path are of a custom provider: its host, and what is asked for there (inadyn.conf(5), ddns-server and ddns-path).
	Server, Path string
}

// Policy says who uses which WANs (firewall.Use before WANs are resolved).
type Policy struct {
	Devices      []string
	Sources      []netip.Prefix
	Destinations []netip.Prefix
	Ports        []firewall.PortRange
	WANs         []string // none: as everybody
	Block        bool     // when none of them is usable: refuse, instead of any
	Metered      Class    // of metered lines
}

// Class says what of the house's traffic may use a metered line.
type Class = firewall.Class

const (
	Unclassed = firewall.Unclassed // nothing is said: as everybody
	Always    = firewall.Always    // all of it
	Essential = firewall.Essential // names, time, calls, mail, VPN; the rest slowly
	Never     = firewall.Never     // nothing
)

// Budget is how much data a metered line may carry, in bytes; 0: as much as it likes.
type Budget struct {
	Month    uint64
	ResetDay int // of the month, 1 to 31: the month's last day where it has none such; 0: the first
	Incident uint64
	Prepaid  uint64
	From     time.Time // when Prepaid was bought: what was used since counts. A date, local midnight
	Then     Class     // for everybody, once it is used up: Unclassed and Always mean that it is only said
}

// VirtualRouter is one [[vrrp]]: what the engine needs, and what makes its priority and follows its changes.
type VirtualRouter struct {
	vrrp.Router          // its Interface may be a MAC address or a pattern; empty means the LAN's
	Track       []string // WANs whose cost counts
	TrackAll    bool     // every WAN but those of kind peer, instead of Track
	Accept      bool     // packets to its addresses are taken, not only answered pings (RFC 9568 §6.1, Accept_Mode)
	// Programs with their arguments; empty: none.
	OnChange, OnActive, OnBackup, OnFault string
	Checks                                []check.Check
}

// Tracks reports whether the cost of a WAN counts for the virtual router.
func (v VirtualRouter) Tracks(w WANConfig) bool {
	if v.TrackAll {
		return w.Kind != Peer
	}
	return slices.Contains(v.Track, w.Name)
}

// Web is the status page. The zero value means that there is none.
type Web struct {
	On       bool
	Listen   []netip.AddrPort // none: port 80 of every address of the LAN's device
	TLS      []netip.AddrPort // with a self-made certificate; none: no TLS
	Password string           // bcrypt; empty: nobody can log in
	Names    []string         // that the page may be called by, beside its own
}

// Pair is the other router of the house. The zero value means that there is none.
type Pair struct {
	Peer       netip.Addr    // its address on the LAN
	Secret     string        // the same on both
	Port       uint16        // of the link between them, TCP and UDP
	Beat       time.Duration // between two signs of life; 0: none, and VRRP alone says who is dead
	Keep       time.Duration // how long connections may stay on the other router's metered line; 0: until they end
	NoHandOver bool          // connections break when the house moves to the other router
}

// Alert says whom to tell. No To means nobody.
type Alert struct {
	Wait time.Duration // how long a line has to be down before anybody is told
	To   []AlertTo

	Heartbeat string        // URL that is asked for over whichever line works; empty: none
	Every     time.Duration // between two of any heartbeat
	Remind    time.Duration // between two reminders of what goes on; 0: none
}

// AlertTo is one channel.
type AlertTo struct {
	URL    string
	Events []string // "wan", "vrrp", "router"; none: all
}

// Drill is the rehearsal of a failure.
type Drill struct {
	On    bool          // weekly, by itself
	Day   time.Weekday  // when, by the local clock
	At    time.Duration // after midnight
	Fetch string        // URL of about 1 MB, http or https
	Name  string        // to be looked up
}
