package migration

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// isFreeVRRPd reports whether the first statement heads a section of freevrrpd.conf.
func isFreeVRRPd(text []byte) bool {
	for l := range strings.Lines(string(text)) {
		if l = strings.TrimSpace(l); l != "" && l[0] != '#' {
			return strings.HasPrefix(l, "[VRID]")
		}
	}
	return false
}

// vrid is a [VRID] section on its way.
type vrid struct {
	*section
	follows []int // VRIDs that go to Backup with it
}

// freeVRRPd reads freevrrpd.conf: "key = value" lines in [VRID] sections. freevrrpd speaks version 2, once a second.
func (t *translation) freeVRRPd(name string, text []byte) error {
	var all []*vrid
	at := place{name, 0}
	for l := range strings.Lines(string(text)) {
		at.line++
		l = strings.TrimSpace(l)
		if l == "" || l[0] == '#' {
			continue
		}
		if strings.HasPrefix(l, "[VRID]") {
			if len(all) == maxRouters {
				return at.errorf("has more than %d routers", maxRouters)
			}
			s := &section{place: at, version: 2, priority: 100, interval: time.Second, virtualMAC: true}
			t.sections = append(t.sections, s)
			all = append(all, &vrid{section: s})
			continue
		}
		key, value, ok := strings.Cut(l, "=")
		if !ok {
			return at.errorf("%s: is neither [VRID] nor a key with its value", printable(l))
		}
		t.option(all[len(all)-1], at, strings.TrimSpace(key), strings.TrimSpace(value))
	}
	for _, v := range all {
		t.finish(v)
	}
	t.dependents(all)
	t.unique()
	if len(all) > 0 {
		t.note(all[0].place, nil, "interfaces keep the names that FreeBSD gave them: put in those of this machine")
	}
	return nil
}

// option reads one line of a section.
func (t *translation) option(v *vrid, at place, key, value string) {
	switch key {
	case "serverid":
		v.id = t.decimal(v, at, key, value, 1)
	case "interface":
		v.device, _, _ = strings.Cut(value, ",")
		v.device = strings.TrimSpace(v.device)
	case "priority":
		v.priority = t.decimal(v, at, key, value, 0)
		if v.priority == 0 {
			t.note(at, v.section, "priority 0 means good-bye on the wire: the lowest is 1")
			v.priority = 1
		}
	case "addr":
		for one := range strings.SplitSeq(value, ",") {
			t.alias(v, at, strings.TrimSpace(one))
		}
	case "useVMAC":
		v.virtualMAC = value != "no"
	case "password":
		t.password(v.section, at, "password", value)
	case "masterscript":
		v.onActive = t.program(v, at, key, value)
	case "backupscript":
		v.onBackup = t.program(v, at, key, value)
	case "vridsdep":
		for one := range strings.SplitSeq(value, ",") {
			if n, err := strconv.Atoi(strings.TrimSpace(one)); err == nil && !slices.Contains(v.follows, n) && len(v.follows) < 255 {
				v.follows = append(v.follows, n)
			}
		}
	case "sendgratuitousarp": // always
	default:
		t.note(at, v.section, "%s: %s", key, optionReason(key))
	}
}

func optionReason(key string) string {
	switch key {
	case "monitoredcircuits", "MCClearErrorsCount", "carriertimeout":
		return "has no counterpart: the kernel's word on carrier counts"
	case "spanningtreelatency":
		return "is not needed: a router starts when it has proof that it can hear"
	case "AHencryption", "useIKE", "presharedkey":
		return "freevrrpd never did it; auth = { kind = \"ah\" } or \"hmac\" is the counterpart"
	}
	return "is not known"
}

func (t *translation) decimal(v *vrid, at place, key, value string, least int) int {
	n, err := strconv.Atoi(value)
	if err != nil || n < least || n > 255 {
		t.note(at, v.section, "%s = %s: must be %d to 255", key, value, least)
		return map[string]int{"priority": 100}[key]
	}
	return n
}

// alias reads one of addr: "192.168.1.1/24" or "em1:192.168.1.1/24".
func (t *translation) alias(v *vrid, at place, text string) {
	if text == "" {
		return
	}
	device, address, named := strings.Cut(text, ":")
	if !named {
		address = text
	} else if device != v.device {
		t.note(at, v.section, "addr %s: an address lives on the interface of the adverts: %s needs a [[vrrp]] section of its own "+
			"in the same group", text, device)
		return
	}
	prefix, err := parsePrefix(address)
	if err != nil || !prefix.Addr().Is4() || !isHost(prefix.Addr()) || isEdge(prefix) || prefix.Bits() == 0 {
		t.note(at, v.section, "addr %s: is not an IPv4 address with its length", text)
		return
	}
	if len(v.addresses) < maxAddresses && !slices.ContainsFunc(v.addresses, func(p netip.Prefix) bool { return p.Addr() == prefix.Addr() }) {
		v.addresses = append(v.addresses, prefix)
	}
}

func (t *translation) program(v *vrid, at place, key, value string) string {
	line, why := t.command(value)
	if why != "" {
		t.note(at, v.section, "%s = %s: %s", key, value, why)
	}
	return line
}

// finish names the section and says what it lacks.
func (t *translation) finish(v *vrid) {
	name := fmt.Sprintf("vrid-%d", v.id)
	v.name = t.nameOf(v.section, name, name)
	if v.priority == 255 {
		t.note(v.place, v.section, "priority 255 is the owner of the addresses: no check lowers it")
	}
	t.whole(v.section)
}

// dependents makes groups of vridsdep: what depends on each other, over several steps too, moves together.
func (t *translation) dependents(all []*vrid) {
	for _, v := range all {
		for _, other := range all {
			if v != other && slices.Contains(v.follows, other.id) {
				join(all, v, other)
			}
		}
	}
	for _, v := range all {
		if len(v.follows) > 0 {
			t.note(v.place, v.section, "vridsdep: a group moves together, both ways")
		}
	}
}

// join puts two sections, and what is with them already, into one group.
func join(all []*vrid, a, b *vrid) {
	switch {
	case a.group != "" && a.group == b.group:
	case a.group == "" && b.group == "":
		a.group, b.group = "with-"+a.name, "with-"+a.name
	case a.group == "":
		a.group = b.group
	case b.group == "":
		b.group = a.group
	default:
		old := b.group
		for _, v := range all {
			if v.group == old {
				v.group = a.group
			}
		}
	}
}
