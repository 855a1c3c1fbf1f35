package lab

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// Virtual is a virtual router of one family as each of the daemons can be told of it.
type Virtual struct {
	ID        int
	Version   int
	Priority  int
	Interval  time.Duration
	Addresses []netip.Prefix
	NoPreempt bool
	Auth      string // "", "password" or "ah"
	Key       string
	Self      netip.Addr // unicast to Peer, if both are set
	Peer      netip.Addr
	Extra     string // more lines of the [[vrrp]] section or vrrp_instance
}

// v6 reports whether the addresses are IPv6.
func (v Virtual) v6() bool { return len(v.Addresses) > 0 && v.Addresses[0].Addr().Is6() }

// TOML is a [[vrrp]] section.
func (v Virtual) TOML() string {
	var s strings.Builder
	quoted := make([]string, len(v.Addresses))
	for i, a := range v.Addresses {
		quoted[i] = fmt.Sprintf("%q", a)
	}
	fmt.Fprintf(&s, "\n[[vrrp]]\nname = \"lan%d\"\nid = %d\ninterface = \"lan0\"\nversion = %d\npriority = %d\ninterval = %q\naddresses = [%s]\n",
		v.ID, v.ID, v.Version, v.Priority, v.Interval, strings.Join(quoted, ", "))
	if v.NoPreempt {
		s.WriteString("preempt = false\n")
	}
	if v.Auth != "" {
		fmt.Fprintf(&s, "auth = { kind = %q, key = %q }\n", v.Auth, v.Key)
	}
	if v.Peer.IsValid() {
		fmt.Fprintf(&s, "peers = [\"%s\"]\n", v.Peer)
	}
	return s.String() + v.Extra
}

// Keepalived is a vrrp_instance of keepalived.conf. It starts as Backup: with AH it would otherwise not learn the peer's numbers.
func (v Virtual) Keepalived() string {
	var s strings.Builder
	fmt.Fprintf(&s, "vrrp_instance lan%d {\n state BACKUP\n interface lan0\n virtual_router_id %d\n version %d\n priority %d\n advert_int %g\n",
		v.ID, v.ID, v.Version, v.Priority, v.Interval.Seconds())
	if v.NoPreempt {
		s.WriteString(" nopreempt\n")
	}
	if v.Auth != "" {
		kind := map[string]string{"password": "PASS", "ah": "AH"}[v.Auth]
		fmt.Fprintf(&s, " authentication {\n  auth_type %s\n  auth_pass %s\n }\n", kind, v.Key)
	}
	if v.Peer.IsValid() {
		fmt.Fprintf(&s, " unicast_src_ip %s\n unicast_peer {\n  %s\n }\n", v.Self, v.Peer)
	}
	s.WriteString(" virtual_ipaddress {\n")
	for _, a := range v.Addresses {
		fmt.Fprintf(&s, "  %s\n", a)
	}
	return s.String() + " }\n" + v.Extra + "}\n"
}

// frrPriority is the line of frr.conf that may change while vrrpd runs.
func (v Virtual) frrPriority() string { return fmt.Sprintf("vrrp %d priority %d", v.ID, v.Priority) }

// FRR is the section of an interface in frr.conf.
func (v Virtual) FRR() string {
	s := fmt.Sprintf("interface lan0\n vrrp %[1]d version %d\n %s\n vrrp %[1]d advertisement-interval %[4]d\n",
		v.ID, v.Version, v.frrPriority(), v.Interval.Milliseconds())
	if v.NoPreempt {
		s += fmt.Sprintf(" no vrrp %d preempt\n", v.ID)
	}
	for _, a := range v.Addresses {
		family := "ip"
		if a.Addr().Is6() {
			family = "ipv6"
		}
		s += fmt.Sprintf(" vrrp %d %s %s\n", v.ID, family, a.Addr())
	}
	return s
}
