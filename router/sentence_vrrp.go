package router

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/twinpath/twinpath/vrrp"
)

// reportSentence words a piece of news of the engine: who, what, why.
func (s *State) reportSentence(r vrrp.Report) string {
	name := r.Router
	if name == "" {
		name = r.Interface
	}
	switch r.Kind {
	case vrrp.Conflict:
		return fmt.Sprintf("Conflict on %s: %s.", name, r.Reason)
	case vrrp.Transition:
		what := "(" + name + ")"
		if v := s.named[r.Router]; v != nil {
			what = addressed(v.served(r.Family)) + " " + what
		}
		return fmt.Sprintf("%s %s %s: %s.", s.config.Name, stateClause(r.To), what, r.Reason)
	}
	return fmt.Sprintf("%s: %s.", name, r.Reason)
}

// stateClause goes before the addresses: "main is Active for 192.168.1.1".
func stateClause(state vrrp.State) string {
	switch state {
	case vrrp.Active:
		return "is Active for"
	case vrrp.Backup:
		return "is Backup for"
	case vrrp.Fault:
		return "must not serve"
	case vrrp.Waiting:
		return "is waiting to serve"
	}
	return "does not know yet whether it serves"
}

func addressed(addresses []netip.Addr) string {
	words := make([]string, len(addresses))
	for i, a := range addresses {
		words[i] = a.String()
	}
	return summary(words)
}

// house are the elections for addresses on the LAN: who of the twins serves the house.
func (s *State) house() []vrrp.Election {
	lan := s.lanDevice()
	return slices.DeleteFunc(slices.Clone(s.status.Elections), func(e vrrp.Election) bool {
		v := s.named[e.Router]
		return v == nil || lan == "" || s.virtualDevice(v) != lan
	})
}

// servedBy is the Active of the house when it is another router, and whether any other is.
func (s *State) servedBy() (netip.Addr, bool) {
	elections := s.house()
	if len(elections) == 0 {
		return netip.Addr{}, false
	}
	var other netip.Addr
	for _, e := range elections {
		if e.State != vrrp.Backup {
			return netip.Addr{}, false
		}
		if !other.IsValid() {
			other = e.Active
		}
	}
	return other, true
}

// elsewhere begins the sentence of a box that is not the one the house uses; internet is what its own lines give.
func (s *State) elsewhere(internet string) string {
	other, yes := s.servedBy()
	switch {
	case !yes:
		return ""
	case !other.IsValid():
		return internet + " here, but the house is not served by this router."
	}
	return fmt.Sprintf("%s here, but the house is served by %s.", internet, other)
}

// vrrpComplaints name the elections that this router cannot take part in as it should.
func (s *State) vrrpComplaints() string {
	var all []string
	for _, e := range s.status.Elections {
		if s.named[e.Router] != nil && (e.State == vrrp.Fault || e.State == vrrp.Waiting) {
			all = append(all, fmt.Sprintf("%s is %s for %s: %s.", e.Router, stateWord(e.State), e.Family, e.Reason))
		}
	}
	if split := s.evidence.split(); split != "" {
		all = append(all, split)
	}
	return strings.Join(all, " ")
}

func stateWord(state vrrp.State) string {
	if state == vrrp.Fault {
		return "in fault"
	}
	return state.String()
}

// vrrpVerdict is how the virtual routers alone are: for boxes without WANs.
func (s *State) vrrpVerdict() Verdict {
	if len(s.virtuals) == 0 {
		return VerdictUnknown
	}
	verdict := VerdictOK
	for _, v := range s.virtuals {
		if state, _ := s.overall(v.config.Name); state == vrrp.Unknown {
			verdict = VerdictUnknown
		}
	}
	if s.vrrpComplaints() != "" {
		return VerdictDegraded
	}
	return verdict
}

// vrrpSentence is the sentence of a box without WANs.
func (s *State) vrrpSentence() string {
	const few = 3
	var parts []string
	for _, v := range s.virtuals {
		state, e := s.overall(v.config.Name)
		part := fmt.Sprintf("%s %s %s (%s)", s.config.Name, stateClause(state), addressed(v.all()), v.config.Name)
		if state == vrrp.Backup && e.Active.IsValid() {
			part += fmt.Sprintf(", %s is Active", e.Active)
		}
		parts = append(parts, part)
	}
	if len(parts) <= few {
		return strings.TrimSpace(strings.Join(parts, "; ") + ". " + s.vrrpComplaints())
	}
	return strings.TrimSpace(s.vrrpCount() + " " + s.vrrpComplaints())
}

// vrrpCount sums up many virtual routers.
func (s *State) vrrpCount() string {
	n := map[vrrp.State]int{}
	for _, v := range s.virtuals {
		state, _ := s.overall(v.config.Name)
		n[state]++
	}
	var parts []string
	for _, state := range [...]vrrp.State{vrrp.Active, vrrp.Backup, vrrp.Fault, vrrp.Waiting, vrrp.Unknown} {
		if n[state] > 0 {
			parts = append(parts, fmt.Sprintf("%s for %d", stateTitle(state), n[state]))
		}
	}
	return fmt.Sprintf("%s is %s of %d virtual routers.", s.config.Name, list(parts), len(s.virtuals))
}

// stateTitle writes the states of RFC 9568 as it does.
func stateTitle(state vrrp.State) string {
	switch state {
	case vrrp.Active:
		return "Active"
	case vrrp.Backup:
		return "Backup"
	}
	return stateWord(state)
}

// all are the addresses of both families.
func (v *virtual) all() []netip.Addr {
	return append(v.served(vrrp.IPv4), v.served(vrrp.IPv6)...)
}
