package migration

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// draft is a vrrp_instance as far as it was read.
type draft struct {
	*section
	old                string // its name in keepalived.conf
	state              string
	seconds            float64 // advert_int
	kind               string  // PASS or AH
	password           string
	authAt             place
	nopreempt, delayAt place
	raise              int // what positive weights add to the priority
	main               int // how many of the addresses are advertised by keepalived too
}

// instance reads a vrrp_instance.
func (k *keepalived) instance(e *entry) *draft {
	s := &section{place: e.place, version: k.version, refuse: k.strict, device: k.device}
	s.name = k.nameOf(s, e.value(1), "vrrp-"+strconv.Itoa(e.line))
	k.sections = append(k.sections, s)
	d := &draft{section: s, old: e.value(1), seconds: 1}
	for _, child := range e.block {
		if !k.election(d, child) && !k.behaviour(d, child) && !k.surroundings(d, child) {
			k.nothing(d, child)
		}
	}
	return d
}

// election reads who takes part in which election.
func (k *keepalived) election(d *draft, e *entry) bool {
	switch e.keyword() {
	case "state":
		d.state = strings.ToUpper(e.value(1))
		k.remark(e.place, d.section, printable(e.String())+": every router begins as Backup; the priority decides")
	case "interface":
		d.device = e.value(1)
	case "virtual_router_id":
		d.id = k.number(d, e, 1, 255, 0)
	case "priority":
		d.priority = k.number(d, e, 1, 255, 100)
	case "version":
		d.version = k.number(d, e, 2, 3, d.version)
	case "advert_int":
		n, err := strconv.ParseFloat(e.value(1), 64)
		if err != nil || !(n > 0 && n < 1e6) {
			k.note(e.place, d.section, "%s: is not a time in seconds; 1 s is taken", e)
			n = 1
		}
		d.seconds = n
	case "authentication":
		k.authentication(d, e)
	case "use_vmac":
		d.virtualMAC = true
		if len(e.words) > 1 {
			k.note(e.place, d.section, "%s: the interface gets a name of Twinpath's, and the standard's MAC address", e)
		}
	default:
		return false
	}
	return true
}

// behaviour reads how it behaves in the election.
func (k *keepalived) behaviour(d *draft, e *entry) bool {
	switch e.keyword() {
	case "nopreempt":
		d.noPreempt, d.nopreempt = true, e.place
	case "preempt":
		d.noPreempt = false
	case "preempt_delay":
		n, err := strconv.ParseFloat(e.value(1), 64)
		if err != nil || !(n >= 0 && n <= 1000) {
			k.note(e.place, d.section, "%s: is not a time of up to 1000 s", e)
			break
		}
		d.delay, d.delayAt = time.Duration(n*float64(time.Second)), e.place
	case "accept":
		d.refuse = false
	case "no_accept":
		d.refuse = true
	case "strict_mode":
		d.refuse = boolean(e.value(1))
		k.note(e.place, d.section, "%s: only its no_accept has a counterpart", e)
	case "v3_checksum_as_v2":
		d.checksum = ""
		if boolean(e.value(1)) {
			d.checksum = "rfc9568"
		}
	case "notify", "notify_master", "notify_backup", "notify_fault":
		k.script(d, e)
	default:
		return false
	}
	return true
}

// surroundings reads addresses, peers and what is watched.
func (k *keepalived) surroundings(d *draft, e *entry) bool {
	switch e.keyword() {
	case "virtual_ipaddress":
		k.addresses(d, e)
	case "virtual_ipaddress_excluded":
		k.excluded(d, e)
	case "unicast_peer":
		k.peers(d, e)
	case "track_script", "track_process", "track_interface":
		k.track(d, e, k.memberOf[d.old], false)
	default:
		return false
	}
	return true
}

// nothing notes a keyword without counterpart; some need none.
func (k *keepalived) nothing(d *draft, e *entry) {
	switch word := e.keyword(); word {
	case "native_ipv6", "vmac_xmit_base", "skip_check_adv_addr", "check_unicast_src", "debug", "linkbeat_use_polling",
		"kernel_rx_buf_size":
		return // Twinpath does so anyway, or the keyword did nothing
	default:
		k.note(e.place, d.section, "%s: %s", e, instanceReason(word))
	}
}

func instanceReason(word string) string {
	switch {
	case strings.HasPrefix(word, "garp_"):
		return announcements
	case strings.HasPrefix(word, "smtp_"):
		return "keepalived's mail has no counterpart here"
	case strings.HasPrefix(word, "lvs_sync_daemon"):
		return "LVS stays with keepalived or ipvsadm"
	case word == "lower_prio_no_advert", word == "higher_prio_send_advert":
		return losing
	case word == "virtual_routes", word == "virtual_rules":
		return "routes do not move with an address; on_active and on_backup can set them"
	case word == "mcast_src_ip", word == "unicast_src_ip":
		return "the first address of the interface is the source of multicast, the route's source that of unicast"
	case word == "mcast_dst_ip":
		return "adverts go to the standard's multicast group only"
	case word == "notify_stop":
		return "nothing runs when the daemon stops; on_change is called with STOP for a router that is taken out of the configuration"
	case word == "dont_track_primary":
		return "a router whose interface is down is never Active"
	case word == "down_timer_adverts":
		return "three missed adverts count, as the standard has it"
	case word == "track_file", word == "track_bfd":
		return "has no counterpart; a [[vrrp.check]] with run = \"/path\" can do it"
	case word == "promote_secondaries":
		return "is not needed: an address that vanishes is put back at once"
	}
	return "has no counterpart"
}

// number reads a whole number; any other gives way to fallback, with a note. No fallback is 0.
func (k *keepalived) number(d *draft, e *entry, least, most, fallback int) int {
	n, err := strconv.Atoi(e.value(1))
	if err == nil && n >= least && n <= most {
		return n
	}
	taken := ""
	if fallback != 0 {
		taken = fmt.Sprintf("; %d is taken", fallback)
	}
	k.note(e.place, d.section, "%s: must be %d to %d%s", e, least, most, taken)
	return fallback
}

func (k *keepalived) authentication(d *draft, e *entry) {
	d.authAt = e.place
	for _, child := range e.block {
		switch child.keyword() {
		case "auth_type":
			d.kind = strings.ToUpper(child.value(1))
		case "auth_pass":
			d.password = child.value(1)
		default:
			k.note(child.place, d.section, "%s: has no counterpart", child.keyword())
		}
		if len(child.words) > 2 {
			k.note(child.place, d.section, "%s: keepalived ignores what else is in the line", child.keyword())
		}
	}
}

// script reads a notify line. Words after the command are the user it runs as.
func (k *keepalived) script(d *draft, e *entry) {
	command, why := k.command(e.value(1))
	if len(e.words) > 2 {
		k.note(e.place, d.section, "%s: scripts run as the daemon's user, not as %s", e.keyword(), e.value(2))
	}
	if why != "" {
		k.note(e.place, d.section, "%s: %s", e, why)
		return
	}
	switch e.keyword() {
	case "notify":
		d.onChange = command
	case "notify_master":
		d.onActive = command
	case "notify_backup":
		d.onBackup = command
	case "notify_fault":
		d.onFault = command
	}
}
