package inet6

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"time"

	"github.com/twinpath/twinpath/durable"
	"github.com/twinpath/twinpath/wan"
)

// Saved is what a WAN's client keeps between two runs of the daemon: who we are, and what we had.
type Saved struct {
	Identity Identity       `json:"identity"`
	Gateway  netip.Addr     `json:"gateway,omitzero"`
	Networks []wan.Lifetime `json:"networks,omitempty"` // advertised ones that we have an address in; of 64 bits
	OnLink   bool           `json:"on_link,omitempty"`  // all of them
	Binding  *binding       `json:"binding,omitempty"`  // of the DHCPv6 server
	Peer     netip.Addr     `json:"peer,omitzero"`      // that server's address, on a line with one other end
	MTU      int            `json:"mtu,omitempty"`
	DNS      []netip.Addr   `json:"dns,omitempty"` // advertised
	Taken    time.Time      `json:"taken,omitzero"`
	Uptime   wan.Uptime     `json:"uptime,omitzero"`
}

// Store keeps it.
type Store interface {
	Load() (Saved, bool)
	Save(Saved) error
}

// borrowed is how long what routers had advertised is used after a restart while they are asked. Chosen by us: they answer within a second.
const borrowed = 10 * time.Second

// keep saves what has to survive: not each new lifetime of an advert, which says nothing that the next does not say again.
func (m *Machine) keep(now time.Time) {
	x, d := &m.exchange, &m.discovery
	if !x.identity.sound() {
		return
	}
	s := Saved{Identity: x.identity, MTU: d.mtu, Taken: now, OnLink: true}
	if r := d.best(); r != nil {
		s.Gateway = r.address
	}
	for _, n := range d.networks {
		s.Networks = append(s.Networks, wan.Lifetime{Prefix: n.prefix, Preferred: n.preferred, Valid: n.valid})
		s.OnLink = s.OnLink && n.onLink
	}
	for _, r := range d.resolvers {
		s.DNS = append(s.DNS, r.address)
	}
	if x.held != nil {
		b := *x.held
		b.Addresses, b.Prefixes = slices.Clone(b.Addresses), slices.Clone(b.Prefixes)
		s.Binding = &b
		if m.point {
			s.Peer = m.peer
		}
	}
	if !x.news && m.saved != nil && s.alike(*m.saved) {
		return
	}
	x.news, m.saved = false, &s
	m.out = append(m.out, save{s})
}

// alike tells whether two differ in times only.
func (s Saved) alike(o Saved) bool {
	bare := func(s Saved) Saved {
		s.Taken, s.Uptime = time.Time{}, wan.Uptime{}
		s.Networks = timeless(s.Networks)
		if s.Binding != nil {
			s.Binding = &binding{Server: s.Binding.Server, Addresses: timeless(s.Binding.Addresses), Prefixes: timeless(s.Binding.Prefixes)}
		}
		return s
	}
	return reflect.DeepEqual(bare(s), bare(o))
}

func timeless(l []wan.Lifetime) []wan.Lifetime {
	var all []wan.Lifetime
	for _, one := range l {
		all = append(all, wan.Lifetime{Prefix: one.Prefix})
	}
	return all
}

// resume takes up what the last run had. Its times count from now already.
func (m *Machine) resume(now time.Time, s *Saved, sound bool) {
	x := &m.exchange
	x.identity = s.Identity
	if s.Binding == nil && !s.Gateway.IsValid() && len(s.Networks) == 0 {
		return
	}
	x.met = s.Binding != nil
	if !sound {
		x.hope = s.Binding
		return
	}
	x.held, m.peer = s.Binding, s.Peer
	x.both = s.Binding != nil && len(s.Binding.Addresses) > 0
	m.point = s.Peer.IsValid()
	d := &m.discovery
	d.mtu = s.MTU
	if s.Gateway.IsValid() {
		d.routers = []router{{address: s.Gateway, until: now.Add(borrowed)}}
	}
	for _, n := range s.Networks {
		n.Valid = borrow(n.Valid, now)
		d.networks = append(d.networks, network{prefix: n.Prefix, onLink: s.OnLink, preferred: n.Preferred, valid: n.Valid, by: s.Gateway})
	}
	for _, a := range s.DNS {
		d.resolvers = append(d.resolvers, timed{a, now.Add(borrowed)})
	}
	x.lapse(now)
}

// borrow makes an end no sooner than routers need to be heard.
func borrow(end, now time.Time) time.Time {
	if left(end, now) < borrowed {
		return now.Add(borrowed)
	}
	return end
}

// restore counts the times from now on. Sound means that they can be trusted: it is false when the clock was set back.
func (s Saved) restore(now time.Time, up wan.Uptime) (restored Saved, sound bool) {
	age := now.Sub(s.Taken)
	if up.Boot != "" && up.Boot == s.Uptime.Boot {
		age = up.Since - s.Uptime.Since
	}
	shift := func(t *time.Time) {
		if !t.IsZero() {
			*t = now.Add(t.Sub(s.Taken) - age)
		}
	}
	each := func(l []wan.Lifetime) []wan.Lifetime {
		l = slices.Clone(l)
		for i := range l {
			shift(&l[i].Preferred)
			shift(&l[i].Valid)
		}
		return l
	}
	s.Networks = each(s.Networks)
	if s.Binding != nil {
		b := *s.Binding
		b.Addresses, b.Prefixes = each(b.Addresses), each(b.Prefixes)
		shift(&b.Renew)
		shift(&b.Rebind)
		if b.lapse(now); b.empty() {
			s.Binding = nil
		} else {
			s.Binding = &b
		}
	}
	return s, age >= 0
}

// good tells whether what was read from disk could have come from adverts and messages. The identity may be missing: it is then made anew.
func (s Saved) good() bool {
	if s.Gateway.IsValid() && !s.Gateway.IsLinkLocalUnicast() || s.MTU != 0 && s.MTU < 1280 {
		return false
	}
	for _, n := range s.Networks {
		if n.Prefix.Bits() != 64 || !public(n.Prefix) {
			return false
		}
	}
	for _, a := range s.DNS {
		if !host(a) {
			return false
		}
	}
	return s.Binding == nil || s.Binding.good()
}

func (b *binding) good() bool {
	for _, a := range b.Addresses {
		if a.Prefix.Bits() != 128 || !public(a.Prefix) {
			return false
		}
	}
	for _, p := range b.Prefixes {
		if p.Prefix.Bits() > 64 || !public(p.Prefix) {
			return false
		}
	}
	return len(b.Server) > 0
}

// FileStore is a Store in one file. A file that cannot be read counts as none.
type FileStore struct{ Path string }

// Load returns what was saved, false when there is nothing good.
func (f FileStore) Load() (Saved, bool) {
	raw, err := os.ReadFile(f.Path)
	if err != nil {
		return Saved{}, false
	}
	var s Saved
	if json.Unmarshal(raw, &s) != nil || !s.good() {
		return Saved{}, false
	}
	return s, true
}

// Save replaces the file as a whole: after a power cut it is the old one or the new one.
func (f FileStore) Save(s Saved) error {
	raw, err := json.MarshalIndent(s, "", "  ")
	if err == nil {
		err = durable.Replace(f.Path, append(raw, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("save IPv6 lease in %s: %w", f.Path, err)
	}
	return nil
}
