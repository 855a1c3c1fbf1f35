package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/twinpath/twinpath/router"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// noted reports whether a note on an interface is ours.
func noted(d device) bool { return d.alias == alias || strings.HasPrefix(d.alias, alias+" ") }

// vlan makes the tagged interfaces of the plan. One that somebody else has made for the same tag is used as it is.
func (p *pass) vlan() {
	for _, v := range p.plan.VLANs {
		parent, there := p.device(v.Parent)
		if !there {
			continue
		}
		d, exists := p.devices[v.Name]
		switch {
		case exists && d.Kind == "vlan" && d.parent == parent.Index && d.tag == v.ID:
			continue
		case exists && !(d.Kind == "vlan" && noted(d)):
			p.mind("make interface "+v.Name, errors.New("someone else's interface has this name"))
			continue
		case exists && !p.change("remove interface "+v.Name, p.session.removeLink(d.Index)):
			continue
		}
		p.makeVLAN(v, parent)
	}
}

func (p *pass) makeVLAN(v router.VLAN, parent device) {
	what := fmt.Sprintf("make interface %s on %s", v.Name, v.Parent)
	if err := p.session.addVLAN(v, parent.Index); err != nil {
		p.mind(what, err)
		return
	}
	p.change(what, nil)
	p.mark(v.Name)
}

// mark lists the interfaces again, after one was made, and puts our note on it: the kernel takes none while it makes one.
func (p *pass) mark(name string) (device, bool) {
	p.relook()
	d, there := p.devices[name]
	if there && p.change("note on "+name+" whose it is", p.session.setAlias(d.Index)) {
		d.alias = alias
		p.devices[name] = d
	}
	return d, there
}

// unvlan removes tagged interfaces of ours that the plan does not have, after what hangs on them.
func (p *pass) unvlan() {
	wanted := make(map[string]bool, len(p.plan.VLANs))
	for _, v := range p.plan.VLANs {
		wanted[v.Name] = true
	}
	for name, d := range p.devices {
		if d.Kind == "vlan" && noted(d) && !wanted[name] {
			p.later("remove interface "+name, func() error { return p.session.removeLink(d.Index) })
		}
	}
}

func (s *session) addVLAN(v router.VLAN, parent int) error {
	kind := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	kind.AddRtAttr(unix.IFLA_INFO_KIND, nl.NonZeroTerminated("vlan"))
	kind.AddRtAttr(unix.IFLA_INFO_DATA, nil).AddRtAttr(unix.IFLA_VLAN_ID, nl.Uint16Attr(uint16(v.ID)))
	return s.do(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL, nl.NewIfInfomsg(unix.AF_UNSPEC),
		nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(v.Name)), number(unix.IFLA_LINK, uint32(parent)), kind)
}

// tagOf reads the tag of a VLAN from IFLA_LINKINFO.
func tagOf(info []byte) int {
	for kind, v := range attributes(info, 0) {
		if kind != unix.IFLA_INFO_DATA {
			continue
		}
		for kind, v := range attributes(v, 0) {
			if kind == unix.IFLA_VLAN_ID && len(v) >= 2 {
				return int(binary.NativeEndian.Uint16(v))
			}
		}
	}
	return 0
}

// relook lists the interfaces again.
func (p *pass) relook() {
	devices, err := p.session.links()
	if err != nil {
		p.fail(err)
		return
	}
	p.devices = devices
}

// mind tells once what could not be done for a line's comfort. It is no failure: the line may well carry the house without.
func (p *pass) mind(what string, err error) {
	if err == nil {
		delete(p.k.complained, what)
		return
	}
	if !p.k.complained[what] {
		p.k.complained[what] = true
		p.k.log.Warn("left as it is", "what", what, "reason", err)
	}
}
