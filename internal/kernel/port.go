package kernel

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/twinpath/twinpath/router"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// unchanged stands in a note for an address that we left as it was.
const unchanged = "-"

// original is what a port was before we changed it. It stands in a note on the port, so that whoever comes after us can put it back.
type original struct {
	mac string // unchanged: we left it
	mtu int    // 0: we left it
}

func (o original) String() string { return fmt.Sprintf("%s was %s %d", alias, o.mac, o.mtu) }

// originalOf reads the note on a port.
func originalOf(note string) (original, bool) {
	var o original
	rest, ours := strings.CutPrefix(note, alias+" was ")
	if !ours { // as of nearly every interface, at each comparison
		return o, false
	}
	n, err := fmt.Sscan(rest, &o.mac, &o.mtu)
	return o, n == 2 && err == nil
}

// own is the address that an interface came with: of our note, or burnt into it; empty where that is not known.
func (d device) own() string {
	if o, ok := originalOf(d.alias); ok && o.mac != unchanged {
		return o.mac
	}
	return d.permanent
}

// port gives ports the addresses and sizes of the plan, and takes them back from those that have no such wish any more.
func (p *pass) port() {
	wished := make(map[string]bool, len(p.plan.Ports))
	for _, w := range p.plan.Ports {
		wished[w.Device] = true
		if d, there := p.devices[w.Device]; there {
			p.dress(d, w)
		}
	}
	for name, d := range p.devices {
		if o, ours := originalOf(d.alias); ours && !wished[name] && d.Kind != "vlan" {
			p.undress(d, o)
		}
	}
}

// dress makes one port what it is to be.
func (p *pass) dress(d device, w router.Port) {
	before, changed := originalOf(d.alias)
	if !changed {
		before = original{mac: unchanged}
	}
	after := before
	mac := w.MAC
	if mac == "" && before.mac != unchanged {
		mac, after.mac = before.mac, unchanged
	}
	if mac != "" && !strings.EqualFold(mac, d.MAC) {
		if w.MAC != "" && before.mac == unchanged {
			after.mac = d.MAC
		}
		if !p.address802(d, mac) {
			after.mac = before.mac
		}
	}
	mtu := p.fitting(d, w.MTU)
	if w.MTU == 0 && before.mtu != 0 {
		mtu, after.mtu = before.mtu, 0
	}
	if mtu != 0 && mtu != d.MTU && (mtu > d.MTU || w.MTU == 0) {
		if w.MTU != 0 && before.mtu == 0 {
			after.mtu = d.MTU
		}
		if !p.resize(d, mtu) {
			after.mtu = before.mtu
		}
	}
	p.annotate(d, before, after)
}

// annotate keeps a port's note true. Somebody else's is left alone: then nobody after us will know.
func (p *pass) annotate(d device, before, after original) {
	if before == after || d.alias != "" && !noted(d) {
		return
	}
	d = p.devices[d.Name]
	text := after.String()
	if after == (original{mac: unchanged}) {
		text = ""
		if d.Kind == "vlan" {
			text = alias
		}
	}
	p.mind("note on "+d.Name+" what it was", p.session.note(d.Index, text))
	d.alias = text
	p.devices[d.Name] = d
}

// undress makes a port what it was.
func (p *pass) undress(d device, o original) {
	if o.mac != unchanged {
		p.address802(d, o.mac)
	}
	if o.mtu != 0 {
		p.resize(p.devices[d.Name], o.mtu)
	}
	p.annotate(p.devices[d.Name], o, original{mac: unchanged})
}

// fitting is a size that the port, and the one below a tagged interface, can take; 0 when there is nothing to be had.
func (p *pass) fitting(d device, mtu int) int {
	if d.largest != 0 {
		mtu = min(mtu, d.largest)
	}
	if d.Kind == "vlan" {
		for _, below := range p.devices {
			if below.Index == d.parent {
				mtu = min(mtu, below.MTU)
			}
		}
	}
	return mtu
}

// address802 gives an interface another Ethernet address. Many drivers want it switched off for that, and routes go with it: another
// look puts them back. One that refused even then is not switched off again: each time would be an outage.
func (p *pass) address802(d device, mac string) bool {
	what := fmt.Sprintf("give %s the address %s", d.Name, mac)
	bytes, err := net.ParseMAC(mac)
	if err == nil {
		err = p.session.setAddress(d.Index, bytes)
	}
	if errors.Is(err, unix.EBUSY) && !p.k.complained[what] {
		p.k.sawOff(d.Index)
		p.again = true
		err = errors.Join(p.session.setDown(d.Index), p.session.setAddress(d.Index, bytes), p.session.setUp(d.Index))
	}
	p.mind(what, err)
	if err != nil {
		return false
	}
	p.change(what, nil)
	d.MAC = mac
	p.devices[d.Name] = d
	return true
}

func (p *pass) resize(d device, mtu int) bool {
	what := fmt.Sprintf("let %s carry packets of %d bytes", d.Name, mtu)
	err := p.session.setSize(d.Index, mtu)
	p.mind(what, err)
	if err != nil {
		return false
	}
	p.change(what, nil)
	d.MTU = mtu
	p.devices[d.Name] = d
	return true
}

func (s *session) setAddress(index int, mac net.HardwareAddr) error {
	return s.set(index, nl.NewRtAttr(unix.IFLA_ADDRESS, mac))
}

func (s *session) setSize(index, mtu int) error {
	return s.set(index, number(unix.IFLA_MTU, uint32(mtu)))
}

func (s *session) set(index int, what *nl.RtAttr) error {
	m := nl.NewIfInfomsg(unix.AF_UNSPEC)
	m.Index = int32(index)
	return s.do(unix.RTM_NEWLINK, 0, m, what)
}

func (s *session) setDown(index int) error {
	m := nl.NewIfInfomsg(unix.AF_UNSPEC)
	m.Index, m.Change = int32(index), unix.IFF_UP
	return s.do(unix.RTM_NEWLINK, 0, m)
}

// removePorts makes ports what they were, and removes tagged interfaces of ours.
func (k *Kernel) removePorts(s *session) error {
	devices, err := s.links()
	if err != nil {
		return err
	}
	p := &pass{k: k, session: s, devices: devices}
	p.unqueue()
	p.port()
	p.unvlan()
	p.remove()
	return errors.Join(p.errs...)
}
