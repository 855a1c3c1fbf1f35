package router

import (
	"reflect"
	"slices"
	"time"

	"github.com/twinpath/twinpath/check"
	"github.com/twinpath/twinpath/firewall"
	"github.com/twinpath/twinpath/health"
	"github.com/twinpath/twinpath/vrrp"
)

// introduction is how long the engine has to say what it is doing already, before it is told what is wanted.
const introduction = time.Second

// Wanted is what a decision wants of the VRRP engine once the kernel has taken its plan.
func (s *State) Wanted(now time.Time, d Decision) vrrp.Wanted {
	var w vrrp.Wanted
	for _, v := range s.virtuals {
		st := s.standing(now, d, v)
		wish := vrrp.Wish{Router: v.config.Router, Priority: st.Priority, Fault: st.Fault}
		wish.Interface = s.virtualDevice(v)
		s.alongside(&wish, v)
		w.Routers = append(w.Routers, wish)
	}
	return w
}

// Cautious is the part of w that is true whatever the kernel says: the bad news. Of routers that the engine does not
// know yet it says nothing before the plan is applied; when that was refused, they begin at the bottom.
func (s *State) Cautious(w vrrp.Wanted, refused bool) vrrp.Wanted {
	out := w
	out.Routers = nil
	for _, wish := range w.Routers {
		held := s.named[wish.Name].held
		switch {
		case held.Priority != 0:
			wish.Priority = min(wish.Priority, held.Priority)
		case refused:
			wish.Priority = leastPriority
		default:
			continue
		}
		if wish.Fault == "" {
			wish.Fault = held.Fault
		}
		out.Routers = append(out.Routers, wish)
	}
	return out
}

// Wished remembers what the engine was told.
func (s *State) Wished(w vrrp.Wanted) {
	for _, wish := range w.Routers {
		s.named[wish.Name].held = standing{wish.Priority, wish.Fault}
	}
}

// virtualDevice is the kernel name of a virtual router's interface; while there is none, the name it is configured by.
func (s *State) virtualDevice(v *virtual) string {
	if v.config.Interface == "" {
		if device := s.lanDevice(); device != "" {
			return device
		}
		return s.config.LAN.Device()
	}
	if link, ok := find(s.links, v.config.Interface); ok {
		return link.Name
	}
	return v.config.Interface
}

// Checks is what is to be checked for the virtual routers.
func (s *State) Checks() []check.Watched {
	var all []check.Watched
	for _, v := range s.virtuals {
		for _, t := range v.tests {
			all = append(all, check.Watched{Router: v.config.Name, Check: t.check})
		}
	}
	return all
}

// vrrpWake is when a standing changes without any news, because something has been unknown for too long; next when that
// comes sooner.
func (s *State) vrrpWake(now, next time.Time) time.Time {
	if len(s.virtuals) == 0 {
		return next
	}
	for _, l := range s.lines {
		if l.told.State == health.Unknown {
			next = earliest(next, l.since.Add(hold), now)
		}
	}
	for _, v := range s.virtuals {
		for _, t := range v.tests {
			if !t.known {
				next = earliest(next, t.since.Add(hold), now)
			}
		}
	}
	return next
}

// want tells the engine, when it is news and the engine has introduced itself.
func (r *Router) want(now time.Time, w vrrp.Wanted) {
	if r.ports.VRRP == nil || !r.introduced(now) || reflect.DeepEqual(w.Routers, r.wanted.Routers) {
		return
	}
	r.wanted = w
	r.state.Wished(w)
	r.ports.VRRP.Want(w)
}

// elect tells the engine bad news before the plan is applied, and good news only when the kernel has taken it.
func (r *Router) elect(now time.Time, d Decision, apply func() error) error {
	all := r.state.Wanted(now, d)
	r.want(now, r.state.Cautious(all, false))
	err := apply()
	if err != nil {
		all = r.state.Cautious(all, true)
	}
	r.want(now, all)
	return err
}

// introduced reports whether the engine has said what it was doing before this daemon came, and every check what it has
// found, or all have had their time.
func (r *Router) introduced(now time.Time) bool {
	return r.state.engine && r.state.tested() || now.Sub(r.started) >= introduction
}

// tested reports whether every check has a verdict.
func (s *State) tested() bool {
	for _, v := range s.virtuals {
		if slices.ContainsFunc(v.tests, func(t test) bool { return !t.known }) {
			return false
		}
	}
	return true
}

// checkVirtual has the checks of the configuration run.
func (r *Router) checkVirtual() {
	if checks := r.state.Checks(); r.ports.Checks != nil && !reflect.DeepEqual(checks, r.checks) {
		r.checks = checks
		r.ports.Checks.Want(checks)
	}
}

func (r *Router) runScripts() {
	for _, c := range r.state.DueScripts() {
		if r.ports.Script != nil {
			r.ports.Script(c)
		}
	}
}

// admit lets packets for virtual addresses in. An interface that only [[vrrp]] names counts as the box's own side; one
// that has a virtual MAC address belongs to the interface below it.
func (s *State) admit(p *firewall.Policy, lan string) {
	for _, v := range s.virtuals {
		device := s.virtualDevice(v)
		devices := &p.Own
		if device == lan && lan != "" {
			devices = &p.LAN
		}
		link, there := find(s.links, device)
		if there && devices == &p.Own && !slices.Contains(p.Own, link.Name) {
			p.Own = append(p.Own, link.Name)
		}
		for _, f := range [...]vrrp.Family{vrrp.IPv4, vrrp.IPv6} {
			served := v.served(f)
			if there && v.config.VirtualMAC && len(served) > 0 {
				*devices = append(*devices, vrrp.DeviceName(link.Index, v.config.ID, f))
			}
			if !v.config.Accept && v.config.Base != vrrp.Owner {
				p.Refused = append(p.Refused, served...)
			}
		}
	}
}
