package router

import (
	"encoding/json"
	"math"
	"time"

	"github.com/twinpath/twinpath/firewall"
	"github.com/twinpath/twinpath/health"
	"github.com/twinpath/twinpath/wan"
)

// Verdict is what the house should know in one word.
type Verdict string

const (
	VerdictUnknown  Verdict = "unknown"
	VerdictOK       Verdict = "ok"
	VerdictBackup   Verdict = "backup"   // works, on a line that is not the best one
	VerdictDegraded Verdict = "degraded" // works, with checks failing on the line in use
	VerdictOffline  Verdict = "offline"
)

// Snapshot is what the page, the API and the command line show (design §5). It is immutable.
type Snapshot struct {
	Router   string            `json:"router"`
	Version  string            `json:"version"`
	Sentence string            `json:"sentence"`
	Verdict  Verdict           `json:"verdict"`
	Since    time.Time         `json:"since"` // of the verdict
	WANs     []WANSnapshot     `json:"wans"`
	VRRP     []VRRPSnapshot    `json:"vrrp,omitempty"`
	Speakers []SpeakerSnapshot `json:"speakers,omitempty"`
	// VRRPTime is when the engine said what the two above show: it repeats itself every five seconds.
	VRRPTime *time.Time `json:"vrrp_time,omitempty"`
	Drained  bool       `json:"drained,omitempty"` // the router as a whole
	// DrainedSince is since when, and Vacant whether nothing uses this router any more, as far as the pair can tell.
	DrainedSince *time.Time `json:"drained_since,omitempty"`
	Vacant       bool       `json:"vacant,omitempty"`
	// AsideUntil is until when another router is to serve the house because of a change of this one's configuration.
	AsideUntil *time.Time `json:"aside_until,omitempty"`
	Flows      int        `json:"flows,omitempty"` // connections that the kernel tracks
	Pair       *PairView  `json:"pair,omitempty"`
	// Accounts stands for those of this router's PPPoE lines: the other router of the pair sees whether it has one of them, too.
	Accounts string      `json:"accounts,omitempty"`
	Alerts   *AlertsView `json:"alerts,omitempty"`
	House    *HouseView  `json:"house,omitempty"`
	DDNS     []NameView  `json:"ddns,omitempty"`
	// Disk says why nothing can be kept; empty: it can.
	Disk       string       `json:"disk,omitempty"`
	ClockUnset bool         `json:"clock_unset,omitempty"` // times may be wrong
	Kernel     KernelView   `json:"kernel"`
	Pending    *PendingView `json:"pending,omitempty"` // a configuration that waits to be confirmed
	Time       time.Time    `json:"time"`

	// Side is of a pair, in this process only.
	Side Side `json:"-"`
}

// WANSnapshot is one WAN's part of a Snapshot.
type WANSnapshot struct {
	Name           string          `json:"name"`
	Kind           string          `json:"kind"`
	Interface      string          `json:"interface"`
	State          string          `json:"state"`
	Active         bool            `json:"active"`
	Cost           int             `json:"cost"`
	Lost           int             `json:"lost"`
	Weight         int             `json:"weight"`
	Metered        bool            `json:"metered"`
	Drained        bool            `json:"drained,omitempty"`
	Left           *int            `json:"left,omitempty"` // connections that use it still, of a drained one; nil: not counted
	HeldUntil      *time.Time      `json:"held_until,omitempty"`
	RehearsedUntil *time.Time      `json:"rehearsed_until,omitempty"` // a rehearsal has it count as failed
	Address        string          `json:"address"`
	Gateway        string          `json:"gateway"`
	DNS            []string        `json:"dns"`
	MTU            int             `json:"mtu"`
	RTT            Milliseconds    `json:"rtt_ms"`
	Loss           float64         `json:"loss"`
	RxBytes        uint64          `json:"rx_bytes,omitempty"` // by the interface, since it appeared
	TxBytes        uint64          `json:"tx_bytes,omitempty"`
	Since          time.Time       `json:"since"` // of the state
	Reason         string          `json:"reason"`
	Checks         []CheckSnapshot `json:"checks"`
	Path           *PathView       `json:"path,omitempty"`
	IPv6           *IPv6View       `json:"ipv6,omitempty"`
	Device         string          `json:"device,omitempty"` // that packets leave by, where it is not Interface: "ppp0"
	Budget         *BudgetView     `json:"budget,omitempty"`
	Drill          *DrillView      `json:"drill,omitempty"` // the newest rehearsal of its failure

	// Blame is whose fault its state is, and Silent when it went silent: the first probe that was missed after the newest answer;
	// zero while something answers. Both are for the book of incidents.
	Blame  Blame     `json:"-"`
	Silent time.Time `json:"-"`
	// Tally is what counts its probes, in this process only: it goes on counting.
	Tally *health.Tally `json:"-"`
	// Heirs are the lines that would carry the house if this one, which does, failed now; in this process only.
	Heirs []string `json:"-"`
	// Mark is that of its connections, Way the interface that its packets leave by, and MTU6 the largest of IPv6 that fits through; all
	// in this process only.
	Mark firewall.Mark `json:"-"`
	Way  Link          `json:"-"`
	MTU6 int           `json:"-"`
	// Lease6 is its IPv6 (none of a peer), Use6 whether the house is to use that for new connections, and Ending6 whether its devices are being told that
	// theirs of before are over: that takes a second or two, and a device without a router could not hear of it. In this process only.
	Lease6  *wan.Lease6 `json:"-"`
	Use6    bool        `json:"-"`
	Ending6 bool        `json:"-"`
}

// CheckSnapshot is one check's part of a WANSnapshot.
type CheckSnapshot struct {
	Target string       `json:"target"`
	OK     bool         `json:"ok"`
	Weight int          `json:"weight"`
	Flaky  bool         `json:"flaky,omitempty"`
	RTT    Milliseconds `json:"rtt_ms"`
	Loss   float64      `json:"loss"`
	Reason string       `json:"reason,omitempty"`
}

// KernelView says how the last plan was taken and what others did to it.
type KernelView struct {
	Applied  time.Time    `json:"applied"`
	Took     Milliseconds `json:"took_ms"`
	Restored int          `json:"restored"` // objects of ours that someone else removed, since start
	Error    string       `json:"error,omitempty"`
}

// PairView is the other router of the house, as it shows itself on its own page.
type PairView struct {
	Peer            string     `json:"peer"`              // its address
	Connected       bool       `json:"connected"`         // it answered within the last 15 s
	FlowsHandedOver int        `json:"flows_handed_over"` // connections that stay with it and pass here
	Router          string     `json:"router,omitempty"`  // its name
	Version         string     `json:"version,omitempty"`
	Sentence        string     `json:"sentence,omitempty"`
	Verdict         Verdict    `json:"verdict,omitempty"`
	HearsUs         bool       `json:"hears_us"` // our adverts reach it
	Heard           bool       `json:"heard"`    // its adverts reach us
	Seen            *time.Time `json:"seen,omitempty"`
	State           string     `json:"state,omitempty"` // of its election for the house's address: active, backup, ...
	Accounts        string     `json:"-"`               // of its PPPoE lines, as only the two of them can tell

	WANs        []PartnerWAN `json:"wans,omitempty"`        // its lines, in its file's order
	Drained     bool         `json:"drained,omitempty"`     // it leaves the house to this one
	Differences []string     `json:"differences,omitempty"` // what of the two configurations does not fit together
	Second      *SecondView  `json:"second,omitempty"`      // nil: the LAN between the two is enough
	Breaks      bool         `json:"breaks,omitempty"`      // connections break when the house moves: this router's owner wants it so

	Linked     bool          `json:"linked,omitempty"`      // the two routers work together
	LinkReason string        `json:"link_reason,omitempty"` // why they do not, or not as they should
	Deaf       string        `json:"deaf,omitempty"`        // which of the two does not hear the other, as a clause
	Gone       bool          `json:"gone,omitempty"`        // it neither beats nor answers
	Phase      string        `json:"phase,omitempty"`       // of its connections' hand-over to this router: ready, learns, keeps
	Left       int           `json:"left,omitempty"`        // connections that this router has by lines of its own
	Lines      []PartnerLine `json:"lines,omitempty"`       // of its own
	HandOvers  uint64        `json:"handovers,omitempty"`   // to this router, since its start
	BeatsLost  uint64        `json:"beats_lost,omitempty"`  // signs of life that did not come, since this router's start
}

// PendingView is a configuration that goes back unless confirmed.
type PendingView struct {
	Until time.Time `json:"until"`
}

// Milliseconds is a duration that JSON shows as milliseconds with a tenth.
type Milliseconds time.Duration

// MarshalJSON implements json.Marshaler.
func (m Milliseconds) MarshalJSON() ([]byte, error) {
	return json.Marshal(math.Round(time.Duration(m).Seconds()*1e4) / 10)
}

// UnmarshalJSON implements json.Unmarshaler.
func (m *Milliseconds) UnmarshalJSON(text []byte) error {
	var ms float64
	if err := json.Unmarshal(text, &ms); err != nil {
		return err
	}
	*m = Milliseconds(ms * float64(time.Millisecond))
	return nil
}
