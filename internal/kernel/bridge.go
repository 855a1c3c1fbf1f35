package kernel

import (
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/twinpath/twinpath/router"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// alias is the note by which a bridge of ours is told from someone else's of the same name.
const alias = "twinpath"

// bridge makes the bridge and gives it its ports.
func (p *pass) bridge() {
	b, there := p.devices[router.BridgeName]
	switch {
	case there && b.alias != alias:
		if len(p.plan.Bridge) > 0 {
			p.fail(fmt.Errorf("make bridge %s: someone else's interface has this name", router.BridgeName))
		}
		return
	case len(p.plan.Bridge) == 0:
		return
	case !there:
		if b, there = p.makeBridge(); !there {
			return
		}
	}
	p.enslave(b)
	p.release(b)
}

// unbridge removes a bridge of ours that the plan no longer has, after what hangs on it.
func (p *pass) unbridge() {
	if b, there := p.devices[router.BridgeName]; there && b.alias == alias && len(p.plan.Bridge) == 0 {
		p.later("remove bridge "+router.BridgeName, func() error { return p.session.removeLink(b.Index) })
	}
}

func (p *pass) makeBridge() (device, bool) {
	if !p.change("make bridge "+router.BridgeName, p.session.addBridge(p.bridgeAddress())) {
		return device{}, false
	}
	devices, err := p.session.links()
	if err != nil {
		p.fail(err)
		return device{}, false
	}
	p.devices = devices
	b := devices[router.BridgeName]
	b.Up, p.k.raised[b.Index] = true, true
	p.devices[b.Name] = b
	return b, p.change("switch on "+router.BridgeName, errors.Join(p.session.setAlias(b.Index), p.session.setUp(b.Index)))
}

// bridgeAddress is the first port's: a bridge left alone takes the lowest address of its ports and changes it
// with them, and the house's devices would ask for the router again.
func (p *pass) bridgeAddress() net.HardwareAddr {
	for _, port := range p.plan.Bridge {
		if mac, err := net.ParseMAC(p.devices[port].MAC); err == nil {
			return mac
		}
	}
	return nil
}

func (p *pass) enslave(b device) {
	for _, name := range p.plan.Bridge {
		port, ok := p.device(name)
		if !ok || port.master == b.Index {
			continue
		}
		if port.master != 0 {
			p.fail(fmt.Errorf("bridge %s into %s: it belongs to another bridge already", name, router.BridgeName))
			continue
		}
		if p.change(fmt.Sprintf("bridge %s into %s", name, router.BridgeName), p.session.setMaster(port.Index, b.Index)) {
			p.k.enslaved[port.Index] = true
		}
	}
}

// release frees ports that the plan does not name, if we enslaved them or the plan uses them for something else.
// Others were put there by someone: hostapd adds its radio to the bridge by itself.
func (p *pass) release(b device) {
	for name, port := range p.devices {
		if port.master != b.Index || slices.Contains(p.plan.Bridge, name) {
			continue
		}
		if p.k.enslaved[port.Index] || slices.Contains(p.plan.Links, name) {
			p.later(fmt.Sprintf("free %s from %s", name, router.BridgeName), func() error {
				delete(p.k.enslaved, port.Index)
				return p.session.setMaster(port.Index, 0)
			})
		}
	}
}

func (s *session) addBridge(mac net.HardwareAddr) error {
	kind := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	kind.AddRtAttr(unix.IFLA_INFO_KIND, nl.NonZeroTerminated("bridge"))
	parts := []nl.NetlinkRequestData{nl.NewIfInfomsg(unix.AF_UNSPEC), nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(router.BridgeName)), kind}
	if mac != nil {
		parts = append(parts, nl.NewRtAttr(unix.IFLA_ADDRESS, mac))
	}
	return s.do(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL, parts...)
}

func (s *session) setAlias(index int) error {
	m := nl.NewIfInfomsg(unix.AF_UNSPEC)
	m.Index = int32(index)
	return s.do(unix.RTM_NEWLINK, 0, m, nl.NewRtAttr(unix.IFLA_IFALIAS, []byte(alias)))
}

func (s *session) setMaster(index, master int) error {
	m := nl.NewIfInfomsg(unix.AF_UNSPEC)
	m.Index = int32(index)
	return s.do(unix.RTM_NEWLINK, 0, m, number(unix.IFLA_MASTER, uint32(master)))
}

func (s *session) removeLink(index int) error {
	m := nl.NewIfInfomsg(unix.AF_UNSPEC)
	m.Index = int32(index)
	return s.do(unix.RTM_DELLINK, 0, m)
}
