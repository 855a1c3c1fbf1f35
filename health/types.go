package health

import (
	"fmt"
	"strconv"
	"time"
)

// State is what a WAN's checks say of it as a whole (design §1).
type State uint8

const (
	Unknown  State = iota // no verdict yet: usable, but never a reason to move traffic
	Up                    // every check passes
	Degraded              // some checks fail, the passing ones still make the quorum
	Down                  // the passing checks weigh less than the quorum
	Captive               // a login page answers instead of the target
)

func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return "state " + strconv.Itoa(int(s))
}

var stateNames = [...]string{"unknown", "up", "degraded", "down", "captive"}

// Usable reports whether a WAN in this state may carry new traffic.
func (s State) Usable() bool { return s == Unknown || s == Up || s == Degraded }

// Kind is the protocol a check speaks to its target.
type Kind uint8

const (
	NoKind Kind = iota
	Ping        // ICMP or ICMPv6 echo; the target is an address or a name
	TCP         // a completed handshake; the target is host:port
	HTTP        // a GET; the target is a URL, the answer's status must be Check.Status
	DNS         // a query for the root's name servers; the target is the server's address
)

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "kind " + strconv.Itoa(int(k))
}

var kindNames = [...]string{"none", "ping", "tcp", "http", "dns"}

// Check is one probed target of a WAN.
type Check struct {
	Kind   Kind
	Target string
	Weight int // added to the WAN's cost while the check fails
	Status int // HTTP only: the expected status; 0 means 204
}

func (c Check) String() string { return fmt.Sprintf("%s %s", c.Kind, c.Target) }

// Config says how a WAN is checked. A zero field takes its default (see WithDefaults).
type Config struct {
	Interval time.Duration // between two probes of a check while all is well
	Timeout  time.Duration // the longest an answer may take
	Confirm  time.Duration // between two probes while the line is under suspicion
	Fall     int           // misses in a row until a check fails
	Rise     int           // answers in a row until a failed check passes again
	Quorum   int           // least weight of passing checks for the WAN to be up; 0 means half of the total
	Checks   []Check
}

// Verdict is everything the checks say of one WAN at one moment. It is immutable.
type Verdict struct {
	State  State
	Lost   int           // sum of the weights of failing checks; 100 when down or captive
	Reason string        // one clause for a person: "4 of 4 checks answer"
	RTT    time.Duration // median over the window of all answered probes; 0 when none was
	MinRTT time.Duration
	Loss   float64   // share of probes in the window without an answer, 0 to 1
	Silent time.Time // when the current run of misses began; zero while something answers
	Broken Broken    // what the failing checks have in common
	Checks []CheckVerdict
}

// CheckVerdict is one check's part of a Verdict.
type CheckVerdict struct {
	Check  Check
	Known  bool // false before the first verdict
	OK     bool
	Flaky  bool // it misses while the others answer: the target's fault, not the WAN's
	RTT    time.Duration
	Loss   float64
	Reason string // why it fails: "no answer for 3s", "connection refused"; empty while OK
}
