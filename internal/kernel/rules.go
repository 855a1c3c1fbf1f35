package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/twinpath/twinpath/router"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// toTable is the action of a rule that looks a table up (FR_ACT_TO_TBL).
const toTable = 1

// everyPrefix is the value of a rule that suppresses nothing.
const everyPrefix = 1<<32 - 1

// rule is a policy rule as the kernel knows it. Rules that match or do anything else have other set.
type rule struct {
	family   int
	priority int
	mark     uint32
	mask     uint32
	table    int
	suppress uint32
	other    bool
}

// shown is a rule in the kernel, with the message that shows it.
type shown struct {
	rule
	ours bool
	body raw
}

func (s *session) rules() ([]shown, error) {
	bodies, err := s.dump(unix.RTM_GETRULE, &nl.RtMsg{})
	if err != nil {
		return nil, fmt.Errorf("list rules: %w", err)
	}
	var all []shown
	for _, body := range bodies {
		if len(body) < unix.SizeofRtMsg || body[0] != unix.AF_INET && body[0] != unix.AF_INET6 {
			continue // multicast routing has rules of its own
		}
		all = append(all, readRule(body))
	}
	return all, nil
}

func readRule(body []byte) shown {
	r := shown{body: body, rule: rule{family: int(body[0]), table: int(body[4]), suppress: everyPrefix}}
	// Bytes 1 to 3 are the lengths of destination and source and the type of service, 7 is the action.
	r.other = body[1] != 0 || body[2] != 0 || body[3] != 0 || body[7] != toTable || binary.NativeEndian.Uint32(body[8:])&unix.FIB_RULE_INVERT != 0
	for kind, v := range attributes(body, unix.SizeofRtMsg) {
		switch kind {
		case unix.FRA_PRIORITY:
			r.priority = int(value(v))
		case unix.FRA_FWMARK:
			r.mark = value(v)
		case unix.FRA_FWMASK:
			r.mask = value(v)
		case unix.FRA_TABLE:
			r.table = int(value(v))
		case unix.FRA_SUPPRESS_PREFIXLEN:
			r.suppress = value(v)
		case unix.FRA_PROTOCOL:
			r.ours = len(v) == 1 && v[0] == router.Protocol
		case unix.FRA_SUPPRESS_IFGROUP:
			r.other = r.other || value(v) != everyPrefix
		case unix.FRA_IIFNAME, unix.FRA_OIFNAME, unix.FRA_UID_RANGE, unix.FRA_IP_PROTO, unix.FRA_SPORT_RANGE,
			unix.FRA_DPORT_RANGE, unix.FRA_TUN_ID, unix.FRA_L3MDEV, unix.FRA_GOTO, unix.FRA_FLOW:
			r.other = true
		}
	}
	return r
}

// rule makes the plan's rules in both families. An equal rule of someone else serves as well.
func (p *pass) rule() {
	wanted := make(map[rule]bool)
	for _, r := range p.plan.Rules {
		for _, family := range p.families() {
			if r.OnlyIPv6 && family != unix.AF_INET6 {
				continue
			}
			w := resolveRule(r, family)
			wanted[w] = true
			p.want(ruleText(w), nil, func() outcome { return p.addRule(w) })
		}
	}
	for _, r := range p.rules {
		if r.ours && !wanted[r.rule] && r.priority != divertWayNumber {
			p.later("remove "+ruleText(r.rule), func() error { return p.session.do(unix.RTM_DELRULE, 0, r.body) })
		}
	}
}

// families are those that the kernel routes.
func (p *pass) families() []int {
	if _, err := os.Stat("/proc/sys/net/ipv6"); err != nil {
		return []int{unix.AF_INET}
	}
	return []int{unix.AF_INET, unix.AF_INET6}
}

func resolveRule(r router.Rule, family int) rule {
	w := rule{family: family, priority: r.Priority, mark: uint32(r.Mark), table: r.Table, suppress: everyPrefix}
	if r.Mark != 0 {
		w.mask = uint32(r.Mask)
	}
	if r.OnlySpecific {
		w.suppress = 0
	}
	return w
}

func (p *pass) addRule(w rule) outcome {
	if slices.ContainsFunc(p.rules, func(r shown) bool { return r.rule == w }) {
		return found
	}
	err := p.session.addRule(w)
	if errors.Is(err, unix.EEXIST) {
		return found
	}
	if p.change("add "+ruleText(w), err) {
		return added
	}
	return absent
}

func (s *session) addRule(r rule) error {
	m := &nl.RtMsg{RtMsg: unix.RtMsg{Family: uint8(r.family), Type: toTable}}
	parts := []nl.NetlinkRequestData{m,
		number(unix.FRA_PRIORITY, uint32(r.priority)),
		number(unix.FRA_TABLE, uint32(r.table)),
		nl.NewRtAttr(unix.FRA_PROTOCOL, []byte{router.Protocol}),
	}
	if r.mask != 0 {
		parts = append(parts, number(unix.FRA_FWMARK, r.mark), number(unix.FRA_FWMASK, r.mask))
	}
	if r.suppress != everyPrefix {
		parts = append(parts, number(unix.FRA_SUPPRESS_PREFIXLEN, r.suppress))
	}
	return s.do(unix.RTM_NEWRULE, unix.NLM_F_CREATE|unix.NLM_F_EXCL, parts...)
}

// ruleText writes a rule as "ip rule" has it, with the family in front where it is IPv6.
func ruleText(r rule) string {
	s := "rule"
	if r.family == unix.AF_INET6 {
		s = "-6 rule"
	}
	s += fmt.Sprintf(" %d: from all", r.priority)
	if r.mask != 0 {
		s += fmt.Sprintf(" fwmark %#x/%#x", r.mark, r.mask)
	}
	s += fmt.Sprintf(" lookup %d", r.table)
	if r.suppress != everyPrefix {
		s += fmt.Sprintf(" suppress_prefixlength %d", r.suppress)
	}
	return s
}
