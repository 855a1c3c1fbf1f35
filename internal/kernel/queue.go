package kernel

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/twinpath/twinpath/router"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// From linux/pkt_sched.h and linux/rtnetlink.h.
const (
	tcaOptions   = 2
	atRoot       = 0xffffffff
	ingressRoot  = 0xfffffff1
	ingress      = 0xffff0000
	cakeRate     = 2 // bytes per second, 64 bits
	cakeDiffserv = 3
	cakeNAT      = 11
	cakeIngress  = 15

	threeTins  = 0 // CAKE_DIFFSERV_DIFFSERV3
	bestEffort = 3 // what a provider's marks say about packets is not to be trusted
)

// ourQueue is the handle of queues of ours.
const ourQueue = uint32(router.QueueHandle) << 16

// qdisc is a queue in the kernel.
type qdisc struct {
	index          int
	handle, parent uint32
	kind           string
	cake           cake
}

// cake is what we want of a CAKE queue, and look at (tc-cake(8)).
type cake struct {
	rate          uint64 // bytes per second
	diffserv, nat uint32
	ingress       uint32
}

func upward(bits uint64) cake { return cake{rate: bits / 8, diffserv: threeTins, nat: 1} }
func downward(bits uint64) cake {
	return cake{rate: bits / 8, diffserv: bestEffort, nat: 1, ingress: 1}
}

// queue keeps the plan's devices below their rates. Queues that somebody else has put on a device stay.
func (p *pass) queue() {
	if len(p.plan.Queues) == 0 && !p.k.queued {
		return
	}
	p.k.queued = len(p.plan.Queues) > 0
	all, err := p.session.qdiscs()
	if err != nil {
		p.mind("look at the queues", err)
		return
	}
	keep := map[string]bool{} // devices and intermediates with a queue of ours
	for _, q := range p.plan.Queues {
		d, there := p.devices[q.Device]
		if !there {
			continue
		}
		if q.Up != 0 {
			keep[d.Name] = true
			p.mind("queue what leaves by "+d.Name, p.root(d, all, upward(q.Up)))
		}
		if q.Down != 0 {
			keep[q.Intermediate()] = true
			p.mind("queue what arrives on "+d.Name, p.shapeDown(q, d, all))
		}
	}
	p.dequeue(all, keep)
}

// root puts a CAKE queue in front of a device.
func (p *pass) root(d device, all []qdisc, want cake) error {
	for _, q := range all {
		switch {
		case q.index != d.Index || q.parent != atRoot || q.handle == 0: // the kernel's own have no number
			continue
		case q.handle != ourQueue || q.kind != "cake":
			return fmt.Errorf("somebody else's queue %s stands there", q.kind)
		case q.cake == want:
			return nil
		}
	}
	return p.did(fmt.Sprintf("queue %d bytes/s on %s", want.rate, d.Name), p.session.setCake(d.Index, want))
}

// did counts a change that was made.
func (p *pass) did(what string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	p.change(what, nil)
	return nil
}

// shapeDown sends what arrives on a device through an intermediate one, where it queues.
func (p *pass) shapeDown(q router.Queue, d device, all []qdisc) error {
	between, err := p.intermediate(q)
	if err != nil {
		return err
	}
	if err := p.root(between, all, downward(q.Down)); err != nil {
		return err
	}
	has := ""
	for _, q := range all {
		if q.index == d.Index && q.parent == ingressRoot {
			has = q.kind
		}
	}
	leads, foreign, err := p.session.detours(d.Index)
	switch {
	case has != "" && err != nil:
		return err
	case has == "ingress" && leads == between.Index:
		return nil
	case has == "clsact" || foreign:
		return fmt.Errorf("somebody else's filters stand there")
	case has != "": // of ours, to an interface that is gone
		if err := p.did("remove the detour of "+d.Name, netlink.QdiscDel(ingressOf(d.Index))); err != nil {
			return err
		}
	}
	return p.did(fmt.Sprintf("lead what arrives on %s through %s", d.Name, between.Name), detour(d.Index, between.Index))
}

// intermediate returns the device on which what arrives is queued, and makes it where it is not there yet.
func (p *pass) intermediate(q router.Queue) (device, error) {
	name := q.Intermediate()
	b, there := p.devices[name]
	switch {
	case there && !(b.Kind == "ifb" && noted(b)):
		return b, fmt.Errorf("someone else's interface is called %s", name)
	case !there:
		if err := p.did("make interface "+name, p.session.addIntermediate(name)); err != nil {
			return b, err
		}
		if b, there = p.mark(name); !there {
			return b, fmt.Errorf("interface %s is gone", name)
		}
	}
	if b.Up {
		return b, nil
	}
	return b, p.did("switch on "+name, p.session.setUp(b.Index))
}

func (s *session) addIntermediate(name string) error {
	kind := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	kind.AddRtAttr(unix.IFLA_INFO_KIND, nl.NonZeroTerminated("ifb"))
	return s.do(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL, nl.NewIfInfomsg(unix.AF_UNSPEC),
		nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(name)), kind)
}

// dequeue removes queues of ours that are not to be kept. A detour goes before the interface that it leads to: what arrives would
// be dropped there.
func (p *pass) dequeue(all []qdisc, keep map[string]bool) {
	names := map[int]string{}
	between := map[int]device{}
	for name, d := range p.devices {
		names[d.Index] = name
		if d.Kind == "ifb" && noted(d) && !keep[name] {
			between[d.Index] = d
		}
	}
	for _, q := range all {
		name := names[q.index]
		if q.parent == atRoot && q.handle == ourQueue && !keep[name] && between[q.index].Index == 0 {
			p.mind("remove the queue of "+name, p.did("remove the queue of "+name, p.session.dropQueue(q)))
		}
		if q.parent != ingressRoot || len(between) == 0 {
			continue
		}
		if leads, foreign, err := p.session.detours(q.index); err == nil && !foreign && between[leads].Index != 0 {
			p.mind("remove the detour of "+name, p.did("remove the detour of "+name, netlink.QdiscDel(ingressOf(q.index))))
		}
	}
	for _, d := range between {
		p.mind("remove interface "+d.Name, p.did("remove interface "+d.Name, p.session.removeLink(d.Index)))
	}
}

// unqueue removes every queue of ours.
func (p *pass) unqueue() {
	if all, err := p.session.qdiscs(); err == nil {
		p.dequeue(all, nil)
	}
}

func (s *session) qdiscs() ([]qdisc, error) {
	bodies, err := s.dump(unix.RTM_GETQDISC, &nl.TcMsg{})
	if err != nil {
		return nil, fmt.Errorf("list queues: %w", err)
	}
	all := make([]qdisc, 0, len(bodies))
	for _, body := range bodies {
		if len(body) >= nl.SizeofTcMsg {
			all = append(all, readQdisc(body))
		}
	}
	return all, nil
}

func readQdisc(body []byte) qdisc {
	m := nl.DeserializeTcMsg(body)
	q := qdisc{index: int(m.Ifindex), handle: m.Handle, parent: m.Parent}
	for kind, v := range attributes(body, nl.SizeofTcMsg) {
		switch {
		case kind == unix.TCA_KIND:
			q.kind = text(v)
		case kind == tcaOptions && q.kind == "cake":
			q.cake = readCake(v)
		}
	}
	return q
}

func readCake(options []byte) cake {
	var c cake
	for kind, v := range attributes(options, 0) {
		switch {
		case kind == cakeRate && len(v) >= 8:
			c.rate = binary.NativeEndian.Uint64(v)
		case kind == cakeDiffserv:
			c.diffserv = value(v)
		case kind == cakeNAT:
			c.nat = value(v)
		case kind == cakeIngress:
			c.ingress = value(v)
		}
	}
	return c
}

func (s *session) setCake(index int, c cake) error {
	options := nl.NewRtAttr(tcaOptions, nil)
	options.AddRtAttr(cakeRate, binary.NativeEndian.AppendUint64(nil, c.rate))
	options.AddRtAttr(cakeDiffserv, nl.Uint32Attr(c.diffserv))
	options.AddRtAttr(cakeNAT, nl.Uint32Attr(c.nat))
	options.AddRtAttr(cakeIngress, nl.Uint32Attr(c.ingress))
	m := &nl.TcMsg{Ifindex: int32(index), Handle: ourQueue, Parent: atRoot}
	err := s.do(unix.RTM_NEWQDISC, unix.NLM_F_CREATE|unix.NLM_F_REPLACE, m, nl.NewRtAttr(unix.TCA_KIND, nl.ZeroTerminated("cake")), options)
	if errors.Is(err, unix.ENOENT) {
		return errors.New("this kernel has no CAKE")
	}
	return err
}

func (s *session) dropQueue(q qdisc) error {
	return s.do(unix.RTM_DELQDISC, 0, &nl.TcMsg{Ifindex: int32(q.index), Handle: q.handle, Parent: q.parent})
}

func ingressOf(index int) netlink.Qdisc {
	return &netlink.Ingress{QdiscAttrs: netlink.QdiscAttrs{LinkIndex: index, Handle: ingress, Parent: netlink.HANDLE_INGRESS}}
}

// detour leads everything that arrives on a device through another one (tc-matchall(8), tc-mirred(8)).
func detour(index, through int) error {
	if err := netlink.QdiscAdd(ingressOf(index)); err != nil {
		return err
	}
	return netlink.FilterAdd(&netlink.MatchAll{
		FilterAttrs: netlink.FilterAttrs{LinkIndex: index, Parent: ingress, Priority: router.QueueHandle, Protocol: unix.ETH_P_ALL},
		Actions:     []netlink.Action{netlink.NewMirredAction(through)},
	})
}

// detours returns where our filter on a device leads, 0 when there is none, and whether there are filters of others.
func (s *session) detours(index int) (through int, foreign bool, err error) {
	bodies, err := s.dump(unix.RTM_GETTFILTER, &nl.TcMsg{Ifindex: int32(index), Parent: ingress})
	if err != nil {
		return 0, false, fmt.Errorf("list filters: %w", err)
	}
	for _, body := range bodies {
		if len(body) < nl.SizeofTcMsg {
			continue
		}
		if nl.DeserializeTcMsg(body).Info>>16 != router.QueueHandle {
			foreign = true
			continue
		}
		if to := leading(body); to != 0 {
			through = to
		}
	}
	return through, foreign, nil
}

// leading finds the interface that a filter's mirred action leads to: at the end of struct tc_mirred.
func leading(body []byte) int {
	const tcMirredSize = 28
	path := []uint16{tcaOptions, nl.TCA_MATCHALL_ACT, 1, nl.TCA_ACT_OPTIONS, nl.TCA_MIRRED_PARMS}
	at := bytes.Clone(body[nl.SizeofTcMsg:])
	for _, want := range path {
		next := []byte(nil)
		for kind, v := range attributes(at, 0) {
			if kind == want {
				next = v
			}
		}
		at = next
	}
	if len(at) < tcMirredSize {
		return 0
	}
	return int(binary.NativeEndian.Uint32(at[tcMirredSize-4:]))
}
