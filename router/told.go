package router

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/twinpath/twinpath/script"
	"github.com/twinpath/twinpath/vrrp"
)

// inherited is how old a state must be at our start to be the doing of a daemon before us, which has run its scripts: the
// sentinel goes on for two seconds without one.
const inherited = 5 * time.Second

// foldStatus takes in what the engine is doing, and has scripts run for what changed.
func (s *State) foldStatus(status vrrp.Status) {
	s.status, s.engine, s.heard = status, true, map[string][]vrrp.Election{}
	for _, e := range status.Elections {
		s.heard[e.Router] = append(s.heard[e.Router], e)
	}
	for _, v := range s.virtuals {
		state, election := s.overall(v.config.Name)
		if v.held.Priority == 0 && election.Priority != 0 {
			v.held = standing{Priority: election.Priority}
			if election.State == vrrp.Fault {
				v.held.Fault = election.Reason
			}
		}
		if state == vrrp.Unknown || state == v.shown {
			continue
		}
		was := v.shown
		if state == vrrp.Waiting && (was == vrrp.Unknown || was == vrrp.Fault) {
			continue // it served nobody, and still does not
		}
		v.shown = state
		if was == vrrp.Unknown && election.Since.Before(s.born.Add(-inherited)) {
			continue
		}
		if c := s.change(v, was, election); len(c.Programs) > 0 {
			s.scripts = append(s.scripts, c)
		}
	}
}

// overall is a virtual router's state as one word, and the election that has it: Active while any of its families is, else
// Backup, Fault or Waiting, in this order.
func (s *State) overall(name string) (vrrp.State, vrrp.Election) {
	for _, state := range [...]vrrp.State{vrrp.Active, vrrp.Backup, vrrp.Fault, vrrp.Waiting} {
		for _, e := range s.heard[name] {
			if e.State == state {
				return state, e
			}
		}
	}
	return vrrp.Unknown, vrrp.Election{}
}

// change is what is run for a virtual router's new state. The arguments are those of keepalived's notify scripts.
func (s *State) change(v *virtual, was vrrp.State, e vrrp.Election) script.Change {
	word := map[vrrp.State]string{vrrp.Active: "MASTER", vrrp.Backup: "BACKUP"}[e.State]
	if word == "" {
		word = "FAULT"
	}
	c := s.run(v, e.State.String(), word, e.Priority)
	own := map[vrrp.State]string{vrrp.Active: v.config.OnActive, vrrp.Backup: v.config.OnBackup, vrrp.Fault: v.config.OnFault}[e.State]
	c.Programs = programs(v.config.OnChange, own)
	c.Environment = append(c.Environment, "TWINPATH_PREVIOUS="+was.String(), "TWINPATH_REASON="+e.Reason)
	return c
}

// stopped is what is run for a virtual router that is taken out of the file.
func (s *State) stopped(v *virtual) script.Change {
	c := s.run(v, "stopped", "STOP", 0)
	c.Programs = programs(v.config.OnChange)
	c.Environment = append(c.Environment, "TWINPATH_PREVIOUS="+v.shown.String(), "TWINPATH_REASON=taken out of the configuration")
	return c
}

func (s *State) run(v *virtual, state, word string, priority int) script.Change {
	var addresses, kinds []string
	for _, p := range v.config.Addresses {
		addresses = append(addresses, p.String())
		if kind := vrrp.FamilyOf(p.Addr()).String(); !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	return script.Change{
		Instance: v.config.Name, State: state,
		Arguments: []string{"INSTANCE", v.config.Name, word, fmt.Sprint(priority)},
		Environment: []string{
			"TWINPATH_NAME=" + v.config.Name,
			"TWINPATH_STATE=" + state,
			fmt.Sprintf("TWINPATH_ID=%d", v.config.ID),
			"TWINPATH_INTERFACE=" + s.virtualDevice(v),
			"TWINPATH_FAMILIES=" + strings.Join(kinds, " "),
			fmt.Sprintf("TWINPATH_PRIORITY=%d", priority),
			"TWINPATH_ADDRESSES=" + strings.Join(addresses, " "),
		},
	}
}

func programs(lines ...string) []string {
	return slices.DeleteFunc(lines, func(line string) bool { return line == "" })
}

// foldReports turns the engine's news into events. None is told twice, however often the engine repeats it.
func (s *State) foldReports(now time.Time, reports []vrrp.Report) []Event {
	var events []Event
	for _, r := range reports {
		if r.Number <= s.reported.Number && !r.Time.After(s.reported.Time) {
			continue
		}
		s.reported = r
		e := Event{
			Time: r.Time, Kind: EventVRRP, VRRP: r.Router, VRID: r.ID, Family: r.Family.String(), Interface: r.Interface, Priority: r.Priority,
			Packet: hex.EncodeToString(r.Packet), Sentence: s.reportSentence(r),
		}
		switch r.Kind {
		case vrrp.Transition:
			e.From, e.To = r.From.String(), r.To.String()
		case vrrp.Conflict:
			if s.rivals.add(now, r) && !s.evidence.healing(now) {
				e.Cause, e.To = CauseTwo, "begins"
			}
		}
		events = append(events, e)
	}
	return events
}

// served are the addresses of a virtual router in one family.
func (v *virtual) served(f vrrp.Family) []netip.Addr {
	var all []netip.Addr
	for _, p := range v.config.Addresses {
		if vrrp.FamilyOf(p.Addr()) == f {
			all = append(all, p.Addr())
		}
	}
	return all
}
