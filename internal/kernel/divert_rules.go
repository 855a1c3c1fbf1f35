package kernel

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"github.com/twinpath/twinpath/firewall"
	"github.com/twinpath/twinpath/pair/flow"
	"github.com/twinpath/twinpath/pair/handover"
)

// Names of the lists, to which the family's number is added: the other router's flows, this one's, and those that All has remembered.
const (
	listKept = "kept"
	listOwn  = "own"
	listSeen = "seen"
)

// Places among the hooks: before connection tracking and our own raw chain, and after it, before the line is chosen.
const (
	priorityDivert = -310
	priorityStrays = -151
)

// remembered is how long All remembers a flow after its last packet. A Backup may be ready for months.
const remembered = 10 * time.Second

func divertSets() []*nftables.Set {
	ports := []nftables.SetDatatype{nftables.TypeInetProto, nftables.TypeInetService, nftables.TypeInetService}
	var sets []*nftables.Set
	for _, list := range []string{listKept, listOwn, listSeen} {
		for i, address := range []nftables.SetDatatype{nftables.TypeIPAddr, nftables.TypeIP6Addr} {
			s := &nftables.Set{Table: ourDiverted(), Name: list + []string{"4", "6"}[i], Concatenation: true, KeyByteOrder: binaryutil.BigEndian,
				KeyType: nftables.MustConcatSetType(append([]nftables.SetDatatype{address, address}, ports...)...)}
			if list == listSeen {
				s.Dynamic, s.HasTimeout, s.Timeout, s.Size = true, true, remembered, flow.Most
			}
			sets = append(sets, s)
		}
	}
	return sets
}

// diversion writes the rules of one.
type diversion struct {
	*transaction
	handover.Diversion
	err error
}

func (t *transaction) divert(d handover.Diversion) error {
	w := diversion{transaction: t, Diversion: d}
	switch d.Mode {
	case handover.All:
		w.all()
	case handover.Listed:
		w.listed()
	}
	return w.err
}

// all sends everything to the other router, that is for the Internet and none of this router's own flows'.
func (d *diversion) all() {
	d.mark("divert", true)
	for _, f := range d.families() {
		d.talks(f, func(f side, key []expr.Any) [][]expr.Any {
			rules := [][]expr.Any{
				slices.Concat(key, f.in(listKept), goTo("divert")),
				slices.Concat(key, f.in(listOwn), back()),
			}
			rules = append(rules, d.sources(f)...)
			// What the set has no room for goes there all the same.
			return append(rules, slices.Concat(key, f.remember()), goTo("divert"))
		})
		d.outside(f, "talk"+f.digit)
	}
	d.fromHouse("divert_all", priorityDivert, "outside")
}

// listed sends on what the lists have. Which packets of the house are for the Internet they know.
func (d *diversion) listed() {
	d.mark("divert", true)
	for _, f := range d.families() {
		d.talks(f, func(f side, key []expr.Any) [][]expr.Any {
			rules := [][]expr.Any{slices.Concat(key, f.in(listKept), goTo("divert"))}
			if d.Seen {
				rules = append(rules, slices.Concat(key, f.in(listSeen), goTo("divert")))
			}
			return rules
		})
	}
	d.fromHouse("divert_listed", priorityDivert, "talk")
	d.strays()
}

// strays sends on what can only be in the middle of something that this router does not know: a TCP connection that the other router's line brought in and that the list has not
// yet, or an ICMP error about something of the list, whose packet within is not looked up.
func (d *diversion) strays() {
	d.mark("divert_stray", false)
	for _, f := range d.families() {
		d.chain("stray"+f.digit, append(d.sources(f), goTo("divert_stray"))...)
		d.outside(f, "stray"+f.digit)
		// Whose state is known is no stray, nor is what goes there already: most packets pass one rule.
		known := firewall.Masked{Field: firewall.ConnState, Mask: word32(ctInvalid | ctNew), Value: word32(0)}
		invalid := firewall.Bits{Field: firewall.ConnState, Value: word32(ctInvalid)}
		midstream := firewall.Masked{Field: firewall.TCPFlags, Mask: firewall.Value{Bytes: []byte{tcpOpening}}, Not: true, Value: firewall.Value{Bytes: []byte{tcpSYN}}}
		rules := [][]expr.Any{slices.Concat(d.want(known), back()), slices.Concat(d.want(midstream), goTo("outside"+f.digit))}
		for _, kind := range f.errors {
			rules = append(rules, slices.Concat(d.want(invalid, firewall.Match{Field: f.icmp, Value: firewall.Value{Bytes: []byte{kind}}}), goTo("outside"+f.digit)))
		}
		d.chain("strange"+f.digit, rules...)
	}
	d.fromHouse("divert_strays", priorityStrays, "strange")
}

// Numbers of linux/netfilter/nf_conntrack_common.h, and flags of RFC 9293 §3.1: FIN, SYN, RST and ACK.
const (
	ctInvalid  = 1
	ctNew      = 8
	tcpSYN     = 2
	tcpOpening = 1 | tcpSYN | 4 | 16
)

// fromHouse adds the base chain: what comes from the house's devices, and not from the other router, goes to its family's chain.
func (d *diversion) fromHouse(name string, priority int, to string) {
	station := firewall.Match{Field: firewall.EtherSource, Value: firewall.Value{Bytes: stationOf(d.Partner)}}
	rules := [][]expr.Any{slices.Concat(d.want(station), back())}
	for _, f := range d.families() {
		rules = append(rules, slices.Concat(d.want(f.is()), goTo(to+f.digit)))
	}
	d.chain(name+"_house", rules...)
	var devices [][]expr.Any
	for _, lan := range d.LAN {
		devices = append(devices, slices.Concat(d.want(firewall.Match{Field: firewall.InDevice, Value: deviceName(lan)}), goTo(name+"_house")))
	}
	d.base(name, nftables.ChainHookPrerouting, priority, devices...)
	if priority == priorityDivert && d.Gateway6.IsValid() {
		d.quiet()
	}
}

// quiet keeps the kernel from telling devices that the other router is the better way (RFC 4861 §8): for IPv4 a sysctl does, IPv6 has none. They would still send
// there when it no longer is.
func (d *diversion) quiet() {
	var rules [][]expr.Any
	for _, lan := range d.LAN {
		rules = append(rules, slices.Concat(d.want(
			firewall.Match{Field: firewall.OutDevice, Value: deviceName(lan)},
			firewall.Match{Field: firewall.ICMPv6Type, Value: firewall.Value{Bytes: []byte{redirectType}}}), []expr.Any{&expr.Verdict{Kind: expr.VerdictDrop}}))
	}
	d.base("divert_quiet", nftables.ChainHookOutput, priorityDivert, rules...)
}

const redirectType = 137 // of ICMPv6, RFC 4861 §4.5

// outside lets pass what is for the Internet to another chain, and leaves the rest where it is.
func (d *diversion) outside(f side, to string) {
	var rules [][]expr.Any
	for _, p := range slices.Concat(d.Subnets, f.local) {
		if p.Addr().Is4() == f.four {
			rules = append(rules, slices.Concat(d.within(f.destination(), p), back()))
		}
	}
	for _, kind := range []uint32{unix.RTN_LOCAL, unix.RTN_BROADCAST, unix.RTN_MULTICAST} {
		rules = append(rules, slices.Concat(d.want(firewall.Match{Field: firewall.DestKind, Value: word32(kind)}), back()))
	}
	rules = append(rules, slices.Concat(d.want(firewall.Match{Field: firewall.RouteThere, Value: word32(0)}), goTo(to)))
	for _, name := range d.Uplinks {
		leads := []expr.Any{&expr.Fib{Register: 1, FlagDADDR: true, ResultOIFNAME: true}, compareTo(expr.CmpOpEq, deviceName(name).Bytes)}
		rules = append(rules, slices.Concat(leads, goTo(to)))
	}
	d.chain("outside"+f.digit, rules...)
}

// sources leaves what comes from networks of this router's own lines where it is.
func (d *diversion) sources(f side) (rules [][]expr.Any) {
	for _, p := range d.Sources6 {
		if !f.four {
			rules = append(rules, slices.Concat(d.within(firewall.Source6, p), back()))
		}
	}
	return rules
}

// talks adds the chains that know what a packet's flow is: its ports, or what an echo is told from others by.
func (d *diversion) talks(f side, rules func(f side, key []expr.Any) [][]expr.Any) {
	ports, echo, plain := "ports"+f.digit, "echo"+f.digit, "plain"+f.digit
	d.chain(ports, rules(f, f.key(f.payload(0), f.payload(2)))...)
	d.chain(echo, rules(f, f.key(f.payload(4), zero))...)
	d.chain(plain, rules(f, f.key(zero, zero))...)
	var kinds [][]expr.Any
	for _, protocol := range []byte{unix.IPPROTO_TCP, unix.IPPROTO_UDP, unix.IPPROTO_SCTP, unix.IPPROTO_DCCP, unix.IPPROTO_UDPLITE} {
		kinds = append(kinds, slices.Concat(d.want(firewall.Match{Field: firewall.Protocol, Value: firewall.Value{Bytes: []byte{protocol}}}), goTo(ports)))
	}
	for _, kind := range f.echoes {
		kinds = append(kinds, slices.Concat(d.want(firewall.Match{Field: f.icmp, Value: firewall.Value{Bytes: []byte{kind}}}), goTo(echo)))
	}
	d.chain("talk"+f.digit, append(kinds, goTo(plain))...)
}

// mark adds the chain of packets that go to the other router.
func (d *diversion) mark(name string, untracked bool) {
	steps := d.want(firewall.SetMark{Field: firewall.PacketMark, Mask: firewall.MarkDiverted, Mark: firewall.MarkDiverted})
	if untracked {
		steps = append(steps, &expr.Notrack{})
	}
	d.chain(name, append(steps, &expr.Verdict{Kind: expr.VerdictAccept}))
}

// want lowers matches and statements that need no set.
func (d *diversion) want(parts ...firewall.Expr) []expr.Any {
	steps, err := d.lower(parts)
	if err != nil && d.err == nil {
		d.err = fmt.Errorf("table inet %s: %w", divertTable, err)
	}
	return steps
}

// within wants an address in a network.
func (d *diversion) within(f firewall.Field, p netip.Prefix) []expr.Any {
	return d.want(firewall.Within{Field: f, Prefix: p.Masked()})
}

func (d *diversion) chain(name string, rules ...[]expr.Any) {
	d.rules(d.conn.AddChain(&nftables.Chain{Name: name, Table: d.table}), rules)
}

func (d *diversion) base(name string, hook *nftables.ChainHook, priority int, rules ...[]expr.Any) {
	policy := nftables.ChainPolicyAccept
	d.rules(d.conn.AddChain(&nftables.Chain{Name: name, Table: d.table, Type: nftables.ChainTypeFilter, Hooknum: hook,
		Priority: nftables.ChainPriorityRef(nftables.ChainPriority(priority)), Policy: &policy}), rules)
}

func (d *diversion) rules(chain *nftables.Chain, rules [][]expr.Any) {
	for _, steps := range rules {
		d.conn.AddRule(&nftables.Rule{Table: d.table, Chain: chain, Exprs: steps})
	}
}
