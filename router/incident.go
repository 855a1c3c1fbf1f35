package router

import (
	"encoding/json"
	"math"
	"net/netip"
	"time"
)

// Cause is what an Incident is about.
type Cause string

const (
	CauseWAN     Cause = "wan"         // a line that the house used is down or degraded
	CausePortal  Cause = "portal"      // a login page answers on it instead of the Internet
	CauseIdle    Cause = "idle"        // a line that carries nothing is down: there is no backup now
	CauseMetered Cause = "metered"     // a metered line carries the house
	CauseOffline Cause = "offline"     // no line works
	CauseUnsure  Cause = "unstable"    // a line is held down because it keeps failing
	CauseVRRP    Cause = "vrrp"        // somebody else serves a virtual address now: a moment; or nobody can: a fault
	CauseTwo     Cause = "two-actives" // two routers serve the same virtual address
	CausePeer    Cause = "peer"        // the other router of the pair does not answer
	CauseRestart Cause = "restart"     // this router was off, or its daemon was
	CauseUpdate  Cause = "update"      // it runs another version now, or went back to the one before
	CauseUndone  Cause = "undone"      // a configuration went back, or was refused
	CauseDisk    Cause = "disk"        // nothing can be kept
	CauseClock   Cause = "clock"       // nobody has set the clock
	CauseBudget  Cause = "budget"      // a part of a metered line's data is used up
	CauseDrill   Cause = "drill"       // a rehearsal failed
	CauseLogin   Cause = "login"       // somebody guesses passwords
)

// Incident is one stretch of trouble, from its first symptom to its end, or a moment worth knowing. It is told in full each time
// something of it changes.
type Incident struct {
	ID       string    `json:"id"` // unique in the house and for good: "main-20261121T193301Z-kqzt3"
	Router   string    `json:"router"`
	Cause    Cause     `json:"cause"`
	WAN      string    `json:"wan,omitempty"`
	VRRP     string    `json:"vrrp,omitempty"`
	State    string    `json:"state,omitempty"` // the worst it was: degraded, down; of a virtual router: active, backup, fault
	Start    time.Time `json:"start"`           // of the first symptom, by the clock as it is known now
	End      time.Time `json:"end,omitzero"`    // zero: it goes on
	Moment   bool      `json:"moment,omitempty"`
	Cut      bool      `json:"cut,omitempty"` // nobody looked when it ended: End is when somebody looked again
	Lasted   Seconds   `json:"lasted_s"`      // by the monotonic clock, without the gaps between drops and when nobody looked; so far, while it goes on
	Sentence string    `json:"sentence"`      // the last thing that was found out explains the whole
	Blame    Blame     `json:"blame,omitempty"`
	Clock    bool      `json:"clock_set"` // the clock was trustworthy from start to end

	Ladder  []Rung     `json:"ladder,omitempty"`  // from the house outwards, as found while it lasted
	LastHop netip.Addr `json:"last_hop,omitzero"` // the farthest router on the way out that answered
	Load    Load       `json:"load,omitzero"`     // of the line, just before
	Others  []Witness  `json:"others,omitempty"`  // what the other lines saw in the same second
	Carried []Carrier  `json:"carried,omitempty"` // what carried the house meanwhile, in order
	Data    uint64     `json:"data,omitempty"`    // bytes that metered lines carried meanwhile
	Steps   []Step     `json:"steps,omitempty"`   // what happened meanwhile; bounded, the first and the last are kept
	Drops   int        `json:"drops,omitempty"`   // how often it began in it, when more than once: gaps of less than three minutes are none

	Elsewhere bool `json:"elsewhere,omitempty"` // the other router of the pair has booked it, and told this one
}

// Open reports whether it goes on.
func (i Incident) Open() bool { return !i.Moment && i.End.IsZero() }

// Seconds is a duration that JSON shows as seconds with a tenth.
type Seconds time.Duration

// MarshalJSON implements json.Marshaler.
func (s Seconds) MarshalJSON() ([]byte, error) {
	return json.Marshal(math.Round(time.Duration(s).Seconds()*10) / 10)
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *Seconds) UnmarshalJSON(text []byte) error {
	var seconds float64
	if err := json.Unmarshal(text, &seconds); err != nil {
		return err
	}
	*s = Seconds(seconds * float64(time.Second))
	return nil
}

// Rung is one step of the way out, and whether it was sound.
type Rung struct {
	What    string     `json:"what"`  // cable, address, modem, first hop, outside, dns, web
	State   string     `json:"state"` // ok, broken, unknown
	Address netip.Addr `json:"address,omitzero"`
	Detail  string     `json:"detail,omitempty"` // one clause
}

// Load is what a line carried, in bytes per second, over the ten seconds before.
type Load struct {
	Rx uint64 `json:"rx"`
	Tx uint64 `json:"tx"`
}

// Witness is another line at the same second: it proves that it was not the target.
type Witness struct {
	WAN   string       `json:"wan"`
	State string       `json:"state"`
	RTT   Milliseconds `json:"rtt_ms"`
	Loss  float64      `json:"loss"`
}

// Carrier is a line that carried the house for a while.
type Carrier struct {
	WAN     string    `json:"wan"` // empty: nothing did
	Metered bool      `json:"metered,omitempty"`
	From    time.Time `json:"from"`
	To      time.Time `json:"to,omitzero"` // zero: it does now
	Data    uint64    `json:"data"`        // bytes
}

// Step is something that happened during an incident.
type Step struct {
	Time     time.Time `json:"time"`
	Sentence string    `json:"sentence"`
}
