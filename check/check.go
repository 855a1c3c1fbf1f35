// Package check watches what a virtual router depends on: the service that its address fronts.
//
// Machine is one check's verdict: pure. Runner is the driver: one loop for each check, which reports to the router.
package check

import (
	"fmt"
	"strings"
	"time"
)

// Kind is what a check looks at.
type Kind uint8

const (
	NoKind  Kind = iota
	Ping         // an echo is answered; the target is an address or a name
	TCP          // a connection opens; the target is host:port
	HTTP         // a GET is answered with Check.Status; the target is a URL
	DNS          // a query is answered; the target is the server's address
	Process      // a process of this name runs; the target is its name
	Run          // a program ends with status 0; the target is its path with arguments
)

func (k Kind) String() string {
	return [...]string{"none", "ping", "tcp", "http", "dns", "process", "run"}[k]
}

// Check is one [[vrrp.check]]. It is comparable: two equal ones are the same check.
type Check struct {
	Name     string // what the owner calls it; may be empty
	Kind     Kind
	Target   string
	Status   int // HTTP only: the expected status
	Interval time.Duration
	Timeout  time.Duration
	Fall     int // misses in a row until it fails
	Rise     int // passes in a row until a failed one passes again
	Weight   int // priority lost while it fails; 0: the router must not be Active
}

// String is the check's name, or what it looks at: "tcp 127.0.0.1:80".
func (c Check) String() string {
	if c.Name != "" {
		return c.Name
	}
	return fmt.Sprintf("%s %s", c.Kind, strings.TrimSpace(c.Target))
}

// Verdict is what a check of a virtual router says.
type Verdict struct {
	Router string
	Check  Check
	OK     bool
	Reason string // why it fails: "connection refused", "no process haproxy"; empty while OK
}

// Machine is the verdict of one check. The zero value has seen nothing: that is no pass.
type Machine struct {
	known, ok bool
	run       int // results in a row against the verdict
	reason    string
}

// Observe takes one result in, an empty reason being a pass, and reports whether the verdict, or its reason, is news. The
// first pass counts at once: it is the failed check that has to prove itself.
func (m *Machine) Observe(c Check, reason string) bool {
	was := *m
	passed := reason == ""
	switch {
	case !m.known && passed:
		m.known, m.ok, m.run = true, true, 0
	case m.known && passed == m.ok:
		m.run = 0
	default:
		m.run++
	}
	if limit := c.limit(m.known && !m.ok); m.run >= limit {
		m.known, m.ok, m.run = true, passed, 0
	}
	if !passed {
		m.reason = reason
	}
	if m.ok {
		m.reason = ""
	}
	return m.known && (m.known != was.known || m.ok != was.ok || m.reason != was.reason)
}

func (c Check) limit(failed bool) int {
	if failed {
		return max(c.Rise, 1)
	}
	return max(c.Fall, 1)
}

// Verdict returns what the check says now; known is false before it has anything to say.
func (m *Machine) Verdict() (ok bool, reason string, known bool) { return m.ok, m.reason, m.known }

// Watched is a check and the virtual router that depends on it.
type Watched struct {
	Router string
	Check  Check
}
