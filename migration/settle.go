package migration

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode"
)

// together reads what a sync group says of its members.
func (k *keepalived) together(g *entry) {
	var members []*draft
	for _, e := range k.instances {
		if k.memberOf[e.value(1)] == g {
			members = append(members, k.drafts[e.value(1)])
		}
	}
	if len(members) == 0 {
		k.note(g.place, nil, "vrrp_sync_group %s: none of its members is there", g.value(1))
		return
	}
	members = slices.Compact(members)
	for _, m := range members {
		m.group = word(g.value(1))
		if m.group == "" {
			m.group = fmt.Sprintf("group-%d", g.line)
		}
	}
	for _, e := range g.block {
		switch e.keyword() {
		case "group", "global_tracking", "sync_group_tracking_weight":
		case "track_script", "track_process", "track_interface":
			for _, m := range members {
				k.track(m, e, g, true)
			}
		case "notify", "notify_master", "notify_backup", "notify_fault":
			k.groupScript(members, e)
		default:
			k.note(e.place, members[0].section, "%s: %s", e, instanceReason(e.keyword()))
		}
	}
}

// groupScript gives a group's script to the first member that has none of the kind: one is enough, they move together.
func (k *keepalived) groupScript(members []*draft, e *entry) {
	for _, m := range members {
		if m.has(e.keyword()) {
			continue
		}
		k.script(m, e)
		if m.has(e.keyword()) {
			k.note(e.place, m.section, "%s: of the whole group; it is called with INSTANCE %s here, not with GROUP", e, m.name)
		}
		return
	}
	k.note(e.place, members[0].section, "%s: left out, every member has a script of its own for that", e)
}

func (d *draft) has(keyword string) bool {
	return map[string]string{
		"notify": d.onChange, "notify_master": d.onActive, "notify_backup": d.onBackup, "notify_fault": d.onFault,
	}[keyword] != ""
}

// settle makes a section that Twinpath accepts of what was read.
func (k *keepalived) settle(d *draft) {
	if d.device == "" && len(k.device) > 0 {
		d.device = k.device
	}
	k.standing(d)
	k.preemption(d)
	k.families(d)
	k.unicast(d)
	k.timing(d)
	k.authenticate(d)
	if d.virtualMAC && len(d.peers) > 0 {
		d.virtualMAC = false
		k.note(d.place, d.section, "use_vmac: goes with multicast only; left out")
	}
	k.whole(d.section)
}

// standing finds the priority. keepalived's default depends on the state, and AH changes the state (2.2.7).
func (k *keepalived) standing(d *draft) {
	if d.priority == 0 {
		d.priority = 100
		if d.state == "MASTER" {
			d.priority = 255
			k.note(d.place, d.section, "state MASTER without priority is priority 255, the owner of the addresses, in keepalived")
		}
	}
	if d.kind == "AH" {
		d.state = "BACKUP"
	}
	if d.priority == 255 {
		return // nothing adds to it, or takes anything off
	}
	if d.priority += d.raise; d.priority > 254 {
		k.note(d.place, d.section, "priority %d is more than there is; 254 is taken", d.priority)
		d.priority = 254
	}
}

// whole makes a comment of a section that lacks what every one needs. A link-local address is only good to have.
func (t *translation) whole(s *section) {
	if i := slices.IndexFunc(s.addresses, isSix); i >= 0 && !slices.ContainsFunc(s.addresses, isSixLocal) {
		t.note(s.place, s, "%s: RFC 9568 wants a link-local address among those of IPv6, such as fe80::1/64: "+
			"a peer may drop adverts without", s.addresses[i])
	}
	switch {
	case s.broken:
	case s.id == 0:
		t.breaks(s, "it has no VRID")
	case !isDevice(s.device):
		t.breaks(s, "it has no interface")
	case s.device == "br-lan":
		t.breaks(s, "br-lan is the bridge that Twinpath makes itself: write a [lan] section, and no interface here")
	case len(s.addresses) == 0:
		t.breaks(s, "it has no address")
	}
}

// breaks makes a comment of the section.
func (t *translation) breaks(s *section, why string) {
	s.broken = true
	t.note(s.place, s, "%s is left out: %s", s.name, why)
}

// families finds the version, and gives IPv6 addresses beside a version 2 router a section of their own.
func (k *keepalived) families(d *draft) {
	switch {
	case !slices.ContainsFunc(d.addresses, isSix):
	case slices.IndexFunc(d.addresses, isSix) < max(d.main, 1):
		d.version = 3 // keepalived's rule
	case d.version == 2:
		second := *d.section
		second.derived, second.version, second.auth, second.remarks = true, 3, "", nil
		second.checks = slices.Clone(d.checks)
		second.onChange, second.onActive, second.onBackup, second.onFault = "", "", "", ""
		second.peers = slices.DeleteFunc(slices.Clone(d.peers), func(p netip.Addr) bool { return !p.Is6() })
		second.addresses = slices.DeleteFunc(slices.Clone(d.addresses), func(p netip.Prefix) bool { return !isSix(p) })
		d.addresses = slices.DeleteFunc(d.addresses, isSix)
		if d.group == "" {
			d.group = d.name
		}
		second.group = d.group
		second.interval = time.Second
		second.name = k.nameOf(&second, word(d.name)+"-v6", "")
		k.note(d.place, &second, "%s: version 2 has no IPv6: its IPv6 addresses have an election of their own, in the same group", d.name)
		if len(d.peers) > 0 && len(second.peers) == 0 {
			k.breaks(&second, "it has no unicast_peer")
		}
		k.whole(&second)
		at := slices.Index(k.sections, d.section)
		k.sections = slices.Insert(k.sections, at+1, &second)
	}
	if d.version == 2 {
		d.checksum = ""
	}
}

// unicast takes out peers without address of their family, and addresses whose family has no peer.
func (k *keepalived) unicast(d *draft) {
	if len(d.peers) == 0 {
		return
	}
	for _, p := range d.peers {
		if !slices.ContainsFunc(d.addresses, func(a netip.Prefix) bool { return a.Addr().Is6() == p.Is6() }) {
			k.note(d.place, d.section, "unicast_peer %s: left out: there is no address of its family", p)
		}
		if slices.ContainsFunc(d.addresses, func(a netip.Prefix) bool { return a.Addr() == p }) {
			k.breaks(d.section, fmt.Sprintf("%s is a peer and a virtual address", p))
			return
		}
	}
	for _, a := range d.addresses {
		if !slices.ContainsFunc(d.peers, func(p netip.Addr) bool { return a.Addr().Is6() == p.Is6() }) {
			k.note(d.place, d.section, "%s: left out: there is no unicast_peer of its family", a)
		}
	}
	peers := d.peers
	d.peers = slices.DeleteFunc(slices.Clone(peers), func(p netip.Addr) bool {
		return !slices.ContainsFunc(d.addresses, func(a netip.Prefix) bool { return a.Addr().Is6() == p.Is6() })
	})
	d.addresses = slices.DeleteFunc(d.addresses, func(a netip.Prefix) bool {
		return !slices.ContainsFunc(peers, func(p netip.Addr) bool { return a.Addr().Is6() == p.Is6() })
	})
}

// timing fits the interval to what the version can say: whole seconds, or hundredths up to 40.95 s.
func (k *keepalived) timing(d *draft) {
	unit, most := time.Second, 255*time.Second
	if d.version == 3 {
		unit, most = 10*time.Millisecond, 40950*time.Millisecond
	}
	wanted := time.Duration(math.Min(d.seconds, 1000) * float64(time.Second))
	d.interval = min(max(wanted.Round(unit), unit), most)
	if (d.interval - wanted).Abs() > time.Millisecond {
		k.note(d.place, d.section, "advert_int %v: version %d has no such interval; %s is taken", d.seconds, d.version, short(d.interval))
	}
}

// preemption follows keepalived: neither nopreempt nor preempt_delay counts with state MASTER, and not both together.
func (k *keepalived) preemption(d *draft) {
	if d.state == "MASTER" && d.noPreempt {
		d.noPreempt = false
		k.note(d.nopreempt, d.section, "nopreempt: keepalived ignores it with state MASTER, so it is left out")
	}
	if d.state == "MASTER" && d.delay > 0 {
		d.delay = 0
		k.note(d.delayAt, d.section, "preempt_delay: keepalived ignores it with state MASTER, so it is left out")
	}
	if d.priority == 255 && (d.noPreempt || d.delay > 0) {
		d.noPreempt, d.delay = false, 0
		k.note(d.place, d.section, "priority 255 is the owner, who always preempts")
	}
	if d.noPreempt && d.delay > 0 {
		d.delay = 0
		k.note(d.delayAt, d.section, "preempt_delay: means nothing with nopreempt")
	}
}

// authenticate gives version 2 its password; keepalived has none for version 3 either.
func (k *keepalived) authenticate(d *draft) {
	kind := map[string]string{"PASS": "password", "AH": "ah"}[d.kind]
	switch {
	case d.kind == "" && d.password == "":
	case kind == "" || d.password == "":
		k.note(d.authAt, d.section, "authentication: its kind or its password is missing; left out")
	case d.version == 3:
		k.note(d.authAt, d.section, "authentication: version 3 has none, and keepalived ignores it; auth = { kind = \"hmac\" } is better")
	default:
		k.password(d.section, d.authAt, kind, d.password)
	}
}

// password sets the first 8 bytes of one, as both programs do.
func (t *translation) password(s *section, at place, kind, text string) {
	s.auth, s.key = kind, strings.ToValidUTF8(text[:min(len(text), 8)], "")
	if s.key != text {
		t.note(at, s, "the password: only its first 8 bytes count, and are taken")
	}
	if s.key == "" || strings.ContainsFunc(s.key, unicode.IsControl) {
		s.auth, s.key = "", ""
		t.note(at, s, "the password: cannot be written in a file; left out")
	}
}

// unique takes out what two sections cannot share: an election, an address. Those of the old file come first.
func (t *translation) unique() {
	seen, count := map[string]string{}, 0
	sections := slices.Clone(t.sections)
	slices.SortStableFunc(sections, func(a, b *section) int {
		return map[bool]int{true: 1}[a.derived] - map[bool]int{true: 1}[b.derived]
	})
	for _, s := range sections {
		if s.broken {
			continue
		}
		if count++; count > 255 {
			t.breaks(s, "there are more than 255 routers")
			continue
		}
		var claims []string
		for _, p := range s.addresses {
			claims = append(claims, fmt.Sprintf("VRID %d on %s for %s", s.id, s.device, family(p)), "the address "+scoped(p, s.device))
		}
		if i := slices.IndexFunc(claims, func(c string) bool { return seen[c] != "" }); i >= 0 {
			t.breaks(s, seen[claims[i]]+" has "+claims[i])
			continue
		}
		for _, c := range claims {
			seen[c] = s.name
		}
	}
}

func isSix(p netip.Prefix) bool { return p.Addr().Is6() }

func isSixLocal(p netip.Prefix) bool { return p.Addr().Is6() && p.Addr().IsLinkLocalUnicast() }

func family(p netip.Prefix) string {
	if p.Addr().Is4() {
		return "IPv4"
	}
	return "IPv6"
}

// scoped names an address; link-local ones may be there once on each interface.
func scoped(p netip.Prefix, device string) string {
	if p.Addr().IsLinkLocalUnicast() {
		return p.Addr().String() + "%" + device
	}
	return p.Addr().String()
}
