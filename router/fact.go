package router

import (
	"time"

	"github.com/twinpath/twinpath/check"
	"github.com/twinpath/twinpath/health"
	"github.com/twinpath/twinpath/vrrp"
	"github.com/twinpath/twinpath/wan"
)

// Fact is one piece of news that Fold takes in.
type Fact interface{ fact() }

// LinksSeen is the full list of the machine's interfaces.
type LinksSeen []Link

// LeaseSeen is news of a WAN's client. Index is that of the interface it works on: news of one that is gone is dropped.
type LeaseSeen struct {
	wan.Update
	Index int
}

// Lease6Seen is news of a WAN's IPv6 client. Index is that of the interface it works on.
type Lease6Seen struct {
	wan.Update6
	Index int
}

// Health6Seen says whether a WAN's IPv6 leads anywhere, with the index of its interface.
type Health6Seen struct {
	WAN     string
	Index   int
	Verdict health.Verdict
}

// PathSeen is what fits through a WAN. Index is that of its interface.
type PathSeen struct {
	WAN      string
	Index    int
	Path     PathView
	Recalled bool // it was found, and said, before
}

// HouseSeen is how the house is served.
type HouseSeen struct{ View HouseView }

// HealthSeen is a WAN's new verdict, with the index of its interface.
type HealthSeen struct {
	WAN     string
	Index   int
	Verdict health.Verdict
}

// DiagnosisSeen names the first broken thing of a WAN that went down.
type DiagnosisSeen struct {
	WAN    string
	Clause string // "the ISP's first hop 198.51.100.1 does not answer"
	Blame  Blame
}

// DrainWished asks for a WAN to be left or, with Off, to be used again. Without a WAN it is this router that is left by
// the house, which needs another one (VRRP); with Off then the router and all WANs are used again.
type DrainWished struct {
	WAN string
	Off bool
}

// FlowsCounted is how many flows a drained WAN still carries.
type FlowsCounted struct {
	WAN   string
	Flows int
}

// PlanApplied is the kernel's answer to the last plan.
type PlanApplied struct {
	Applied Applied
	Err     error
}

// Reconfigured replaces the configuration.
type Reconfigured struct{ Config Config }

// PendingSet says until when the configuration in use waits to be confirmed; zero: it does not.
type PendingSet struct{ Until time.Time }

// VRRPSeen is what the VRRP engine is doing. The first one, which may be empty, introduces an engine.
type VRRPSeen struct{ Status vrrp.Status }

// VRRPTold is news of the VRRP engine.
type VRRPTold struct{ Reports []vrrp.Report }

// CheckSeen is the new verdict of a virtual router's check.
type CheckSeen check.Verdict

// BudgetSeen is how much of a metered line's data is used.
type BudgetSeen struct {
	WAN  string
	View BudgetView
}

// AlertsSeen is how telling people goes.
type AlertsSeen struct{ View AlertsView }

// DrillSeen is a rehearsal that goes on or is over.
type DrillSeen struct{ View DrillView }

// Rehearsed has a line count as failed for new connections, until then or until the next wish of the owner; zero ends it. What runs on
// it goes on, and so does the line itself as long as no other one works.
type Rehearsed struct {
	WAN   string
	Until time.Time
}

// PeerSeen is the other router of the pair, as it shows itself; nil: there is no pair.
type PeerSeen struct{ View *PairView }

// DiskSeen says why nothing can be kept; nil: it can.
type DiskSeen struct{ Err error }

// ClockSeen says whether somebody has set the clock.
type ClockSeen struct{ Set bool }

func (Lease6Seen) fact()    {}
func (Health6Seen) fact()   {}
func (PathSeen) fact()      {}
func (HouseSeen) fact()     {}
func (BudgetSeen) fact()    {}
func (AlertsSeen) fact()    {}
func (DrillSeen) fact()     {}
func (Rehearsed) fact()     {}
func (PeerSeen) fact()      {}
func (DiskSeen) fact()      {}
func (ClockSeen) fact()     {}
func (LinksSeen) fact()     {}
func (LeaseSeen) fact()     {}
func (HealthSeen) fact()    {}
func (DiagnosisSeen) fact() {}
func (DrainWished) fact()   {}
func (FlowsCounted) fact()  {}
func (PlanApplied) fact()   {}
func (Reconfigured) fact()  {}
func (PendingSet) fact()    {}
func (VRRPSeen) fact()      {}
func (VRRPTold) fact()      {}
func (CheckSeen) fact()     {}
