package router

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/twinpath/twinpath/vrrp"
)

// VRRPSnapshot is one election of a virtual router: those of its two families are two.
type VRRPSnapshot struct {
	Name         string            `json:"name"`
	ID           uint8             `json:"id"`
	Family       string            `json:"family"`
	Interface    string            `json:"interface"`
	Version      uint8             `json:"version"`
	State        string            `json:"state"` // active, backup, waiting, fault, unknown
	Priority     int               `json:"priority"`
	Base         int               `json:"base"`
	ActiveRouter string            `json:"active_router"` // empty: nobody is known to be
	Addresses    []string          `json:"addresses"`
	Since        time.Time         `json:"since"`
	Reason       string            `json:"reason"`
	Holding      bool              `json:"holding"` // the addresses are on this router
	Changes      int               `json:"changes"`
	Sent         uint64            `json:"sent"`
	Received     uint64            `json:"received"`
	Restored     uint64            `json:"restored"`
	Rejected     map[string]uint64 `json:"rejected,omitempty"`
	Checks       []CheckSnapshot   `json:"checks,omitempty"`
}

// SpeakerSnapshot is one source of adverts heard on an interface, wanted or not.
type SpeakerSnapshot struct {
	Interface string       `json:"interface"`
	Source    string       `json:"source"`
	MAC       string       `json:"mac"`
	Version   uint8        `json:"version"`
	ID        uint8        `json:"id"`
	Family    string       `json:"family"`
	Priority  int          `json:"priority"`
	Interval  Milliseconds `json:"interval_ms"`
	Addresses []string     `json:"addresses"`
	Checksum  string       `json:"checksum,omitempty"`
	Verdict   string       `json:"verdict"`
	Foreign   bool         `json:"foreign,omitempty"`
	Ours      string       `json:"ours,omitempty"`
	CARP      bool         `json:"carp,omitempty"`
	First     time.Time    `json:"first"`
	Last      time.Time    `json:"last"`
	Adverts   uint64       `json:"adverts"`
	Missed    uint64       `json:"missed"`
	Jitter    Milliseconds `json:"jitter_ms"`
}

// showVirtual adds the virtual routers, in the file's order, and everybody who speaks VRRP.
func (s *State) showVirtual(snap *Snapshot) {
	for _, v := range s.virtuals {
		for _, e := range s.heard[v.config.Name] {
			snap.VRRP = append(snap.VRRP, v.election(e))
		}
		if len(s.heard[v.config.Name]) == 0 {
			snap.VRRP = append(snap.VRRP, s.silent(v)...)
		}
	}
	if at := s.status.Time.UTC(); !at.IsZero() {
		snap.VRRPTime = &at
	}
	for _, sp := range s.status.Speakers {
		snap.Speakers = append(snap.Speakers, speaker(sp))
	}
}

func (v *virtual) election(e vrrp.Election) VRRPSnapshot {
	out := VRRPSnapshot{
		Name: e.Router, ID: e.ID, Family: e.Family.String(), Interface: e.Interface, Version: v.config.Version,
		State: e.State.String(), Priority: e.Priority, Base: e.Base, ActiveRouter: word(e.Active), Addresses: []string{},
		Since: e.Since.UTC(), Reason: e.Reason, Holding: e.Holding, Changes: e.Changes,
		Sent: e.Sent, Received: e.Received, Restored: e.Restored, Checks: v.checks(),
	}
	for _, p := range e.Addresses {
		out.Addresses = append(out.Addresses, p.String())
	}
	for why, n := range e.Rejected {
		if out.Rejected == nil {
			out.Rejected = map[string]uint64{}
		}
		out.Rejected[fmt.Sprint(why)] += n
	}
	return out
}

// silent shows a virtual router of which the engine has said nothing yet.
func (s *State) silent(v *virtual) []VRRPSnapshot {
	var all []VRRPSnapshot
	for _, f := range [...]vrrp.Family{vrrp.IPv4, vrrp.IPv6} {
		if len(v.served(f)) == 0 {
			continue
		}
		e := vrrp.Election{Router: v.config.Name, ID: v.config.ID, Family: f, Interface: s.virtualDevice(v), Base: v.config.Base,
			Since: s.born, Reason: s.silence(v)}
		for _, p := range v.config.Addresses {
			if vrrp.FamilyOf(p.Addr()) == f {
				e.Addresses = append(e.Addresses, p)
			}
		}
		all = append(all, v.election(e))
	}
	return all
}

// silence is why the engine says nothing of a virtual router. Names and patterns may turn out to be one interface, where
// the first of the file has the id.
func (s *State) silence(v *virtual) string {
	for _, o := range s.virtuals {
		if o == v {
			break
		}
		if o.config.ID == v.config.ID && s.virtualDevice(o) == s.virtualDevice(v) {
			return fmt.Sprintf("%s has id %d on %s already", o.config.Name, o.config.ID, s.virtualDevice(o))
		}
	}
	return "the VRRP engine has not spoken yet"
}

func (v *virtual) checks() []CheckSnapshot {
	var all []CheckSnapshot
	for _, t := range v.tests {
		c := CheckSnapshot{Target: t.check.String(), OK: t.ok, Weight: t.check.Weight, Reason: t.reason}
		if !t.known {
			c.Reason = "has not passed yet"
		}
		all = append(all, c)
	}
	return all
}

func speaker(s vrrp.Speaker) SpeakerSnapshot {
	out := SpeakerSnapshot{
		Interface: s.Interface, Source: word(s.Source), MAC: s.MAC, Version: s.Version, ID: s.ID, Family: s.Family.String(),
		Priority: s.Priority, Interval: Milliseconds(s.Interval), Addresses: []string{}, Checksum: s.Checksum, Verdict: s.Verdict,
		Foreign: s.Foreign, Ours: s.Ours, CARP: s.CARP, First: s.First.UTC(), Last: s.Last.UTC(),
		Adverts: s.Adverts, Missed: s.Missed, Jitter: Milliseconds(s.Jitter),
	}
	for _, a := range s.Addresses {
		out.Addresses = append(out.Addresses, a.String())
	}
	return out
}

// word is an address, or nothing where there is none.
func word(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}
