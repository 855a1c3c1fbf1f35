package router

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twinpath/twinpath/health"
)

// USBPrefix begins the name of an interface by the socket that its device is in: "usb:1-1.2".
const USBPrefix = "usb:"

// nameLimit is the kernel's IFNAMSIZ without its final zero.
const nameLimit = 15

// QueueHandle is the number by which queues of ours are told from those of others, "tp" in hexadecimal: of their handles (tc(8)), and of
// the filters that lead to them.
const QueueHandle = 0x7470

// jumbo4638 is the size of a port that carries PPPoE packets of 1500 bytes (RFC 4638 §4): its headers take 8.
const jumbo4638 = 1508

// VLANName is the kernel name of a tagged interface: its parent's with the tag behind it. Of a name that is too long the end is
// kept, in which parents differ.
func VLANName(parent string, id int) string {
	tag := fmt.Sprintf(".%d", id)
	return parent[max(0, len(parent)+len(tag)-nameLimit):] + tag
}

// locate finds the port that a WAN is plugged into and its link: the port, or the tagged interface on it. A device that comes back
// under another name is known by its socket.
func (l *line) locate(links []Link, lan LAN, taken func(Link) bool) Link {
	port, there := find(links, l.pattern(lan))
	if !there && l.port.USB != "" {
		if port, there = find(links, USBPrefix+l.port.USB); there && taken(port) {
			port = Link{}
		}
	}
	if port.Index != 0 || l.port.USB == "" {
		l.port = port
	} else {
		l.port.Index = 0 // its socket is remembered
	}
	if l.config.VLAN == 0 || port.Index == 0 {
		return port
	}
	link, _ := find(links, VLANName(port.Name, l.config.VLAN))
	return link
}

// taken reports whether an interface is meant for the house or for another WAN than l.
func (s *State) taken(l *line) func(Link) bool {
	return func(link Link) bool {
		return s.config.LAN.Uses(link) || slices.ContainsFunc(s.lines, func(o *line) bool {
			_, named := find([]Link{link}, o.pattern(s.config.LAN))
			return o != l && named && o.config.Kind != Peer
		})
	}
}

// planPort is what a WAN's port is to be like, and the queues on its way.
func (l *line) planPort(p *Plan) {
	if l.port.Index == 0 || l.config.Kind == Peer {
		return
	}
	size := l.frame()
	if l.config.VLAN != 0 {
		p.VLANs = append(p.VLANs, VLAN{Name: VLANName(l.port.Name, l.config.VLAN), Parent: l.port.Name, ID: l.config.VLAN})
		if !slices.Contains(p.Links, l.port.Name) {
			p.Links = append(p.Links, l.port.Name)
		}
		p.wish(Port{Device: l.port.Name, MTU: size})
	}
	if l.link.Index != 0 {
		p.wish(Port{Device: l.link.Name, MAC: l.config.MAC, MTU: size})
	}
	if l.way.Index != 0 && l.config.Shape != (Shape{}) {
		p.Queues = append(p.Queues, Queue{Device: l.way.Name, Up: l.config.Shape.Up, Down: l.config.Shape.Down})
	}
}

// wish adds what an interface is to be like to what is wished of it already: the largest size serves all.
func (p *Plan) wish(w Port) {
	if w == (Port{Device: w.Device}) {
		return
	}
	for i := range p.Ports {
		if o := &p.Ports[i]; o.Device == w.Device {
			o.MTU = max(o.MTU, w.MTU)
			if o.MAC == "" {
				o.MAC = w.MAC
			}
			return
		}
	}
	p.Ports = append(p.Ports, w)
}

// frame is how large packets the port has to carry, where that is more than any port does; else 0.
func (l *line) frame() int {
	const usual = 1500
	switch {
	case l.config.Kind == PPPoE && (l.config.MTU == 0 || l.config.MTU > usual-8):
		return max(jumbo4638, l.config.MTU+8)
	case l.config.MTU > usual:
		return l.config.MTU
	}
	return 0
}

// dressed reports whether the link has the address that the configuration wants: a client that asked with another one would
// get another one's lease. A port that refuses goes without after a while.
func (l *line) dressed(now time.Time) bool {
	return l.config.MAC == "" || strings.EqualFold(l.link.MAC, l.config.MAC) || !now.Before(l.seen.Add(patience))
}

// making is the condition of a line whose tagged interface is about to be.
func (l *line) making(now time.Time) (condition, bool) {
	if l.config.VLAN == 0 || l.port.Index == 0 || l.link.Index != 0 {
		return condition{}, false
	}
	name := VLANName(l.port.Name, l.config.VLAN)
	if l.told.State != health.Down && now.Before(l.since.Add(patience)) {
		return condition{State: health.Unknown, Reason: name + " is being made"}, true
	}
	return condition{State: health.Down, Lost: 100, Blame: BlameOther, Reason: "there is no interface " + name}, true
}

// metered reports whether what a WAN carries is paid for: by its owner's word or, where that is not given, because it comes by a
// phone or a modem.
func (l *line) metered() bool {
	return l.config.Metered || l.volume || !l.config.Priced && l.port.Mobile && l.config.Kind != Peer
}

// ports prints what is to become of ports as ip(8) takes it.
func (p Plan) ports() string {
	var b strings.Builder
	for _, v := range p.VLANs {
		fmt.Fprintf(&b, "ip link add link %s name %s type vlan id %d\n", v.Parent, v.Name, v.ID)
	}
	for _, w := range p.Ports {
		if w.MAC != "" {
			fmt.Fprintf(&b, "ip link set %s address %s\n", w.Device, w.MAC)
		}
		if w.MTU != 0 {
			fmt.Fprintf(&b, "ip link set %s mtu %d\n", w.Device, w.MTU)
		}
	}
	return b.String()
}

// Intermediate is the kernel name of the interface through which what arrives on a device is queued.
func (q Queue) Intermediate() string {
	const prefix = "ifb-"
	return prefix + q.Device[max(0, len(q.Device)+len(prefix)-nameLimit):]
}

// String prints the queue as ip(8) and tc(8) take it.
func (q Queue) String() string {
	var b strings.Builder
	if q.Up != 0 {
		fmt.Fprintf(&b, "tc qdisc replace dev %s root handle %x: cake bandwidth %dbit nat\n", q.Device, QueueHandle, q.Up)
	}
	if q.Down != 0 {
		name := q.Intermediate()
		fmt.Fprintf(&b, "ip link add %s type ifb\nip link set %s up\n", name, name)
		fmt.Fprintf(&b, "tc qdisc replace dev %s root handle %x: cake bandwidth %dbit besteffort nat ingress\n", name, QueueHandle, q.Down)
		fmt.Fprintf(&b, "tc qdisc add dev %s handle ffff: ingress\n", q.Device)
		fmt.Fprintf(&b, "tc filter add dev %s parent ffff: pref %d matchall action mirred egress redirect dev %s\n", q.Device, QueueHandle, name)
	}
	return b.String()
}

// offloads reports whether known flows of a line may pass by the ruleset: not where what they carry is counted, rationed or shaped, and
// not on a line that is to be left. Tags, sessions and bridges have ways through the kernel of their own, which nobody has proved not to
// hold on to a flow: they go without.
func (s *State) offloads(l *line, c condition) bool {
	plain := l.way.Index != 0 && l.way.Index == l.port.Index && len(s.config.LAN.Ports) == 0
	return s.config.Offload && plain && l.lease != nil && c.usable() && !s.left(s.index(l.config.Name), c) &&
		!l.metered() && c.Limited == Unclassed && l.config.Shape == (Shape{}) && l.config.Kind != Peer
}
