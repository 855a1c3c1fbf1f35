package migration

import (
	"strings"
)

// keepalived is the translation of a keepalived.conf.
type keepalived struct {
	*translation
	version   int    // of instances that say none
	strict    bool   // RFC behaviour, which refuses packets to the virtual addresses
	device    string // of instances that say none
	scripts   map[string]*entry
	processes map[string]*entry
	groups    []*entry
	instances []*entry
	memberOf  map[string]*entry // name of an instance → its group
	drafts    map[string]*draft
	served    map[*entry]map[string]bool // interfaces of a group's routers
}

func (t *translation) keepalived(name string, text []byte) error {
	r := &reader{
		from: t.from, variables: map[string]string{}, elsewhere: map[string]place{},
		note: func(at place, format string, args ...any) { t.note(at, nil, format, args...) },
	}
	if err := r.file(name, text, 0); err != nil {
		return err
	}
	r.leftOut()
	root, err := grow(r.lines)
	if err != nil {
		return err
	}
	k := &keepalived{
		translation: t, version: 2,
		scripts: map[string]*entry{}, processes: map[string]*entry{},
		memberOf: map[string]*entry{}, drafts: map[string]*draft{}, served: map[*entry]map[string]bool{},
	}
	if !k.sort(root) && len(root.block) > 0 {
		return place{name, 1}.errorf("%w", errForeign)
	}
	if n := max(len(k.instances), len(k.groups)); n > maxRouters {
		return place{name, 1}.errorf("has %d routers or groups: at most %d", n, maxRouters)
	}
	k.translate()
	return nil
}

// sort puts every block of the file in its place, and reports whether any was known.
func (k *keepalived) sort(root *entry) bool {
	known, services := false, []*entry{}
	for _, e := range root.block {
		found := true
		switch word := e.keyword(); word {
		case "global_defs":
			for _, child := range e.block {
				k.global(child)
			}
		case "vrrp_script":
			k.scripts[e.value(1)] = e
		case "vrrp_track_process", "track_process":
			k.processes[e.value(1)] = e
		case "vrrp_sync_group":
			k.group(e)
		case "vrrp_instance":
			k.instances = append(k.instances, e)
		case "virtual_server", "virtual_server_group", "SSL":
			services = append(services, e)
		default:
			found = k.elsewhere(e)
		}
		known = known || found
	}
	if len(services) > 0 {
		k.note(services[0].place, nil, "%s: LVS stays with keepalived or ipvsadm (%d blocks from here on are left out)",
			services[0], len(services))
	}
	return known
}

// elsewhere notes a block without counterpart, and reports whether it is one of keepalived's.
func (k *keepalived) elsewhere(e *entry) bool {
	reason, known := topReason(e.keyword())
	if !known {
		reason = "is not known"
	}
	k.note(e.place, nil, "%s: %s", e, reason)
	return known
}

func topReason(word string) (string, bool) {
	switch word {
	case "static_ipaddress", "static_routes", "static_rules", "track_group":
		return "addresses and routes that do not move belong into the system's network configuration", true
	case "vrrp_track_file", "track_file", "bfd_instance":
		return "has no counterpart; a [[vrrp.check]] with run = \"/path\" can do it", true
	case "linkbeat_interfaces", "interface_up_down_delays":
		return "has no counterpart: the kernel's word on carrier counts", true
	case "garp_group":
		return "has no counterpart: announcements have a schedule of their own", true
	case "net_namespace", "net_namespace_ipvs", "instance", "use_pid_dir", "linkbeat_use_polling", "child_wait_time":
		return "is of the process, not of the routers: see the flags of twinpath run", true
	}
	return "", false
}

// group remembers who moves together.
func (k *keepalived) group(e *entry) {
	k.groups = append(k.groups, e)
	for _, child := range e.block {
		if child.keyword() != "group" {
			continue
		}
		members := child.words[1:]
		for _, line := range child.block {
			members = append(members, line.words...)
		}
		for _, member := range members {
			k.memberOf[member] = e
		}
	}
}

// global reads a line of global_defs.
func (k *keepalived) global(e *entry) {
	switch e.keyword() {
	case "router_id":
		if k.name = word(e.value(1)); k.name != e.value(1) {
			k.note(e.place, nil, "router_id %q is %q now: a name is letters, digits, \"-\", \"_\" and \".\"", e.value(1), k.name)
		}
	case "vrrp_version":
		if e.value(1) == "3" {
			k.version = 3
		}
	case "vrrp_strict":
		k.strict = boolean(e.value(1))
		k.note(e.place, nil, "vrrp_strict: the virtual addresses accept no packets (accept = false); the rest is not enforced")
	case "default_interface":
		k.device = e.value(1)
	case "enable_script_security", "vrrp_skip_check_adv_addr", "dynamic_interfaces", "process_names":
		// Twinpath always does so.
	default:
		k.note(e.place, nil, "%s: %s", e, globalReason(e.keyword()))
	}
}

func globalReason(word string) string {
	switch {
	case strings.HasPrefix(word, "notification_email"), strings.HasPrefix(word, "smtp_"), word == "no_email_faults":
		return "keepalived's mail has no counterpart here"
	case strings.HasPrefix(word, "vrrp_garp_"), strings.HasPrefix(word, "vrrp_gna_"), word == "vrrp_min_garp":
		return announcements
	case strings.HasPrefix(word, "vrrp_mcast_group"):
		return "adverts go to the standard's multicast group only"
	case word == "script_user":
		return "scripts run as the daemon's user"
	case word == "vrrp_startup_delay", word == "vrrp_delay_after_boot":
		return "is not needed: a router starts when it has proof that it can hear"
	case strings.HasPrefix(word, "lvs_"):
		return "LVS stays with keepalived or ipvsadm"
	case word == "vrrp_lower_prio_no_advert", word == "vrrp_higher_prio_send_advert":
		return losing
	case strings.HasPrefix(word, "vrrp_notify_fifo"), word == "notify_fifo", word == "notify_fifo_script":
		return "the stream of events at /api/v1/stream is the counterpart"
	case strings.HasPrefix(word, "enable_snmp"), strings.HasPrefix(word, "enable_dbus"), word == "snmp_socket":
		return "/metrics and /api/v1/status are the counterpart"
	}
	return "has no counterpart"
}

const (
	announcements = "announcements have a schedule of their own, and are repeated after every conflict"
	losing        = "an Active answers a losing advert with its own, as RFC 9568 wants it"
)

// translate makes the sections.
func (k *keepalived) translate() {
	var order []*draft
	for _, e := range k.instances {
		g := k.memberOf[e.value(1)]
		for _, child := range e.block {
			if child.keyword() == "interface" && g != nil {
				k.serves(g, child.value(1))
			}
		}
	}
	for _, e := range k.instances {
		d := k.instance(e)
		if _, twice := k.drafts[e.value(1)]; twice {
			k.note(e.place, d.section, "vrrp_instance %s is there twice", e.value(1))
		}
		k.drafts[e.value(1)] = d
		order = append(order, d)
	}
	for _, g := range k.groups {
		k.together(g)
	}
	for _, d := range order {
		k.settle(d)
	}
	k.unique()
}

func (k *keepalived) serves(g *entry, device string) {
	if k.served[g] == nil {
		k.served[g] = map[string]bool{}
	}
	k.served[g][device] = true
}

// boolean reads keepalived's on and off; a keyword alone means on.
func boolean(text string) bool {
	switch text {
	case "off", "false", "no":
		return false
	}
	return true
}
