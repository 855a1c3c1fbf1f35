package router

import (
	"net/netip"
	"time"

	"github.com/twinpath/twinpath/vrrp"
)

// Together is how the two routers of a pair work together, as the link between them says. The zero value: they do not.
type Together struct {
	Linked bool
	Reason string    // why they are not linked, or not as they should be; empty: all is well
	Since  time.Time // of Linked
	// Vain: no link can come about until somebody changes something, an update or a secret: nothing waits for it.
	Vain bool

	Router  string // the other one's name; empty: not known
	Version string // of its program

	MAC      string     // of the other router's interface on the LAN: what comes from it is never sent back to it
	Gateway4 netip.Addr // its addresses on the LAN
	Gateway6 netip.Addr // link-local; invalid: none is known

	// Gone is the router that is known to be dead: it neither beats nor answers. Whoever follows its adverts need not wait out their silence.
	Gone vrrp.Gone
	// Ready: should this router serve the house from now on, the other one's connections would survive.
	Ready bool
	// Lines are the other router's own, those that lead back here left out; nil: it has not named them.
	Lines []PartnerLine
	// Deaf names who of the two does not hear the other while the other hears it; empty: neither. A sentence's clause.
	Deaf string

	Phase HandOver
	Kept  int // connections that stay with the other router and pass here
	Left  int // connections that this router has by lines of its own

	HandOvers uint64 // hand-overs to this router, since it started
	BeatsLost uint64 // signs of life of the other router that did not come, since this one started
}

// PartnerLine is a line of the other router.
type PartnerLine struct {
	Name     string         `json:"name"`
	State    string         `json:"state"` // as WANSnapshot.State
	Usable   bool           `json:"usable"`
	Usable6  bool           `json:"usable6,omitempty"`
	Cost     int            `json:"cost"`
	Lost     int            `json:"lost"`
	Metered  bool           `json:"metered,omitempty"`
	Reason   string         `json:"reason,omitempty"`
	Blame    Blame          `json:"blame,omitempty"`
	DNS      []netip.Addr   `json:"dns,omitempty"`      // servers of IPv4 that answer its customers
	Sources6 []netip.Prefix `json:"sources6,omitempty"` // IPv6 networks that leave by it alone
}

// HandOver is where the hand-over of the other router's connections stands.
type HandOver uint8

const (
	HandOverNone   HandOver = iota // there is nothing of the other router's here
	HandOverReady                  // the other router serves the house; should it stop, what comes here is sent to it
	HandOverLearns                 // this router serves; everything still goes to the other one while the kernel learns which flows there are
	HandOverKeeps                  // the flows that are the other router's go to it, until they end
)

func (h HandOver) String() string { return [...]string{"none", "ready", "learns", "keeps"}[h] }

// TogetherSeen is news of the link between the two routers.
type TogetherSeen struct{ View Together }

func (TogetherSeen) fact() {}
