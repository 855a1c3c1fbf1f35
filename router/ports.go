package router

import (
	"context"
	"net/netip"
	"time"

	"github.com/twinpath/twinpath/check"
	"github.com/twinpath/twinpath/firewall"
	"github.com/twinpath/twinpath/health"
	"github.com/twinpath/twinpath/script"
	"github.com/twinpath/twinpath/vrrp"
	"github.com/twinpath/twinpath/wan"
)

// Kernel is where plans come true. internal/kernel has the real one.
type Kernel interface {
	Apply(Plan) (Applied, error)
	Links() ([]Link, error)
	// Earlier reads what an earlier run left.
	Earlier() (Earlier, error)
	Vacate(Vacate) (Vacated, error)
	// Flows counts the connections that belong to a WAN.
	Flows(firewall.Mark) (int, error)
}

// Earlier is what an earlier run left in the kernel, so that a restart is not felt.
type Earlier struct {
	Carrying []string       // devices that our default route in the main table leads to
	Numbers  map[string]int // device → the number that its WAN had: flows carry its mark
}

// Monitor watches a WAN's checks. health.Monitor is the real one.
type Monitor interface {
	Run(context.Context) error
}

// Watched is what a Monitor is made from.
type Watched struct {
	WAN     string
	Device  string
	Mark    firewall.Mark
	Health  health.Config
	Suspect bool // the line was lost: its checks have to pass `rise` times first
	DNS     func() []netip.AddrPort
	Tally   *health.Tally // counts the line's probes
	Report  func(health.Verdict)
}

// Attached is what a WAN's client is made from.
type Attached struct {
	Config WANConfig
	Device string
	Mark   firewall.Mark
	Report func(wan.Update)
	// Report6 is for the client of the line's IPv6.
	Report6 func(wan.Update6)
}

// VRRP is the engine of the virtual routers: the sentinel, or what speaks to it. It tells back VRRPSeen and VRRPTold.
type VRRP interface {
	// Want never blocks; the latest wins. The engine goes on with it when the router is gone.
	Want(vrrp.Wanted)
}

// Checks runs what virtual routers depend on, and tells back CheckSeen. check.Runner is the real one.
type Checks interface {
	// Want never blocks; the latest wins, and a check that stays in goes on undisturbed.
	Want([]check.Watched)
}

// Ports are the router's ways to the world. All are set, but those for virtual routers where there are none.
type Ports struct {
	Kernel  Kernel
	Client  func(Attached) wan.Client
	Client6 func(Attached) wan.Client // of a line's IPv6, by the device that packets leave by; nil: there is none
	Monitor func(Watched) Monitor
	Scout   Scout
	Record  func(Event) // must not block
	VRRP    VRRP
	USB     USB // nil: nothing is done about devices
	Checks  Checks
	Script  func(script.Change) // must not block
	Now     func() time.Time
	// Offer hears how this router's own lines are when that has changed, for the other router of the pair. It must not block; nil: nobody is told.
	Offer func([]PartnerLine)
	// Counters is read every few seconds, from the loop; nil: nobody counts.
	Counters func() Counters
}

// Scout looks along a WAN once. Both calls take a second or so.
type Scout interface {
	// Learn is called while the line works: does its first hop answer at all?
	Learn(context.Context, Suspected)
	// Diagnose is called when it does not: what is the first broken thing?
	Diagnose(context.Context, Suspected) DiagnosisSeen
}

// Suspected is a WAN to be looked along: everything is attached.
type Suspected struct {
	WAN     string
	Device  string
	Mark    firewall.Mark
	Gateway netip.Addr
	DNS     []netip.Addr
	Checks  []health.CheckVerdict
}
