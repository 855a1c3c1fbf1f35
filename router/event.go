package router

import "time"

// EventKind says what an Event is about.
type EventKind string

const (
	EventRouter EventKind = "router" // the daemon itself: start, configuration, what others did to the kernel
	EventWAN    EventKind = "wan"    // one line's state
	EventSwitch EventKind = "switch" // which line carries the house
	EventVRRP   EventKind = "vrrp"   // who serves a virtual address
	EventPair   EventKind = "pair"   // the other router of the house
	EventBudget EventKind = "budget" // a metered line's data
	EventDrill  EventKind = "drill"  // a rehearsal
)

// Blame is whose fault a broken line is, as far as it can be told from here.
type Blame string

const (
	BlameNobody Blame = ""
	BlameCable  Blame = "cable"  // ours: the plug, the cable, or the modem's power
	BlameISP    Blame = "isp"    // the line or the provider
	BlameTarget Blame = "target" // one far host
	BlameDNS    Blame = "dns"    // name resolution only
	BlamePortal Blame = "portal" // somebody wants a login
	BlameOwner  Blame = "owner"  // asked for: a drain, a switched-off interface, a configuration
	BlameOther  Blame = "other"  // another program on this box
)

// Event is something a person should know, said once (design §2).
type Event struct {
	Time     time.Time `json:"time"`
	Kind     EventKind `json:"kind"`
	WAN      string    `json:"wan,omitempty"`
	From     string    `json:"from,omitempty"`
	To       string    `json:"to,omitempty"`
	Blame    Blame     `json:"blame,omitempty"`
	Sentence string    `json:"sentence"`
	// Cause says which incident it begins or ends, where kind and state alone do not: To is then "begins", "ends" or "moment".
	Cause Cause `json:"cause,omitempty"`

	// Of virtual routers: which election, and the IP packet that caused it, in hexadecimal.
	VRRP      string `json:"vrrp,omitempty"`
	VRID      uint8  `json:"id,omitempty"`
	Family    string `json:"family,omitempty"`
	Interface string `json:"interface,omitempty"`
	Priority  int    `json:"priority,omitempty"`
	Packet    string `json:"packet,omitempty"`
}
