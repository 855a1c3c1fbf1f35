package router

import (
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/twinpath/twinpath/firewall"
	"github.com/twinpath/twinpath/health"
	"github.com/twinpath/twinpath/wan"
	"github.com/twinpath/twinpath/wan/rescue"
)

// patience is how long a fresh line may ask for its lease before it counts as down: a DHCP exchange with two lost packets.
const patience = 10 * time.Second

// line is all that is known of one WAN.
type line struct {
	config WANConfig
	number int // of its mark and table, from 0: at first its place in the configuration

	port      Link // what the configuration names: the socket in the wall of the box
	link      Link // with the cable: port, or the tagged interface on it; zero Index: there is none
	way       Link // that packets leave by: link, or what the lease names; zero Index: there is none now
	seen      time.Time
	lease     *wan.Lease
	address   netip.Addr // of the newest lease, be it gone
	asking    string     // the client's own words while there is no lease
	ours      bool       // what they say is the owner's to mend
	failure   string     // the newest of them that said why it did not work; empty since there is a lease
	parked    string     // why the line is not dialled; empty: it is
	reported  bool       // the client has spoken
	connected bool       // it has had a carrier since the link appeared
	leased    bool       // it has had a lease since the link appeared
	verdict   health.Verdict
	checked   bool          // verdict is of this lease
	tally     *health.Tally // of its probes, over all monitors
	suspect   bool          // the next monitor starts from failing: the line was lost
	hold      health.Hold
	volume    bool   // a peer's: what the other router sends on by is paid by volume
	partner   string // a peer's Ethernet address as the firewall knows it; empty: it does not
	drained   bool
	rehearsed time.Time // until then a rehearsal has it count as failed
	flows     int       // left on a drained line; -1: not counted yet

	diagnosis *DiagnosisSeen
	six       six
	rescue    rescue.Ladder
	rescued   rescue.Step // the last one that could be taken
	path      PathView

	// what was last said of it
	told  condition
	since time.Time
}

func newLine(c WANConfig, number int, now time.Time) *line {
	return &line{config: c, number: number, flows: -1, tally: new(health.Tally), asking: "asking for an address", since: now}
}

func (l *line) mark() firewall.Mark { return firewall.MarkOf(l.number) }

// condition is a line's state with its reason, as a function of the facts.
type condition struct {
	State  health.State
	Lost   int
	Reason string
	Blame  Blame
	Ready  bool // it has what it takes to carry packets: link, carrier, lease
	Held   time.Time

	Rehearsed time.Time // until when; zero: it is not
	Limited   Class     // what everybody may still use it for, its data being used up; Unclassed: it is not
}

func (c condition) usable() bool { return c.Ready && c.State.Usable() }

// ComingBack is the reason of a line that has its cable and its lease again, but has not answered for long enough yet.
const ComingBack = "it is back, but has to answer for a while first"

// condition walks down the ladder and stops at the first broken thing.
func (l *line) condition(now time.Time, lan LAN) condition {
	if c, broken := l.attachment(now, lan); broken {
		return c
	}
	c := condition{State: health.Unknown, Reason: "first checks under way", Ready: true}
	if l.suspect {
		c = condition{State: health.Down, Lost: 100, Reason: ComingBack, Ready: true}
	}
	if l.checked {
		c.State, c.Lost, c.Reason = l.verdict.State, l.verdict.Lost, l.verdict.Reason
		c.Blame = blameOf(l.verdict)
		if l.diagnosis != nil && c.State == health.Down {
			c.Reason, c.Blame = l.diagnosis.Clause, l.diagnosis.Blame
		}
	}
	if until := l.hold.Until(); c.State.Usable() && until.After(now) {
		c.Held = until
		c.State, c.Lost = health.Degraded, 100
		c.Reason = fmt.Sprintf("works again; held back until %s because it keeps failing", until.Local().Format("15:04:05"))
	}
	if l.rehearsed.After(now) {
		c.Rehearsed = l.rehearsed
		c.Reason = fmt.Sprintf("a rehearsal has it count as failed until %s (%s)", l.rehearsed.Local().Format("15:04:05"), c.Reason)
	}
	return c
}

// attachment is the part of the ladder below the checks: interface, cable, lease.
func (l *line) attachment(now time.Time, lan LAN) (condition, bool) {
	down := func(blame Blame, format string, args ...any) (condition, bool) {
		return condition{State: health.Down, Lost: 100, Reason: fmt.Sprintf(format, args...), Blame: blame}, true
	}
	switch {
	case l.port.Index == 0:
		return down(BlameCable, "there is no interface %s", l.pattern(lan))
	case l.link.Index == 0:
		return l.making(now)
	case !l.link.Up && !l.connected && now.Before(l.seen.Add(patience)): // as after every boot: the plan switches it on
		return condition{State: health.Unknown, Reason: l.link.Name + " is being switched on"}, true
	case !l.link.Up:
		return down(BlameOwner, "%s is switched off", l.link.Name)
	case !l.link.Carrier && !l.connected && now.Before(l.seen.Add(patience)): // the two ends are still negotiating
		return condition{State: health.Unknown, Reason: l.link.Name + " is waiting for a link"}, true
	case !l.link.Carrier:
		return down(BlameCable, "no cable in %s, or nothing behind it has power", l.link.Name)
	case l.lease == nil && l.drained:
		return down(BlameOwner, "it is drained, and its address given back")
	case l.parked != "":
		return condition{State: health.Unknown, Reason: l.parked}, true
	case l.lease == nil && l.ours:
		return down(BlameOwner, "%s", l.asking)
	case l.lease == nil && !l.leased && now.Before(l.seen.Add(patience)):
		return condition{State: health.Unknown, Reason: l.asking}, true
	case l.lease == nil:
		return down(BlameISP, "%s", l.asking)
	case l.way.Index == 0 && l.config.Kind == PPPoE: // the client says why as soon as it knows
		return down(BlameISP, "its session has ended")
	case l.way.Index == 0:
		return down(BlameOther, "there is no interface %s", l.lease.Device)
	case l.clashes(lan):
		return down(BlameOwner, "the modem's network %s is the house's own: change [lan] address or the modem's", l.lease.Address.Masked())
	}
	return condition{}, false
}

// clashes reports whether the line's network is the house's own, or a part of it.
func (l *line) clashes(lan LAN) bool {
	return l.config.Kind != Peer && lan.Address.IsValid() && l.lease.Address.Overlaps(lan.Address.Masked())
}

func (l *line) pattern(lan LAN) string {
	if l.config.Interface == "" && l.config.Kind == Peer {
		return lan.Device()
	}
	return l.config.Interface
}

// Device is the name by which the house's side is configured: the bridge of its ports, or its interface.
func (l LAN) Device() string {
	if len(l.Ports) > 0 {
		return BridgeName
	}
	return l.Interface
}

// Link returns the LAN's interface among those that there are.
func (l LAN) Link(links []Link) (Link, bool) { return find(links, l.Device()) }

// Uses reports whether an interface is the LAN's, or one of its bridge's ports.
func (l LAN) Uses(link Link) bool {
	names := l.Ports
	if len(names) == 0 {
		names = []string{l.Interface}
	}
	return slices.ContainsFunc(names, func(name string) bool {
		_, is := find([]Link{link}, name)
		return is && name != ""
	})
}

// find returns the first interface that a name, MAC address, USB socket or pattern stands for. Hardware comes first: bridges and
// VLANs carry their port's address, and a name that begins like its.
func find(links []Link, pattern string) (Link, bool) {
	isMAC := strings.Count(pattern, ":") == 5
	for _, hardware := range []bool{true, false} {
		for _, l := range links {
			if (l.Kind == "") == hardware && l.fits(pattern, isMAC) {
				return l, true
			}
		}
	}
	return Link{}, false
}

func (l Link) fits(pattern string, isMAC bool) bool {
	if isMAC {
		return strings.EqualFold(l.identity(), pattern)
	}
	if socket, is := strings.CutPrefix(pattern, USBPrefix); is {
		return l.USB == socket && socket != ""
	}
	ok, err := path.Match(pattern, l.Name)
	return err == nil && ok
}

func blameOf(v health.Verdict) Blame {
	switch {
	case v.State == health.Captive:
		return BlamePortal
	case v.State == health.Down:
		return BlameISP
	case v.Broken == health.DNSOnly:
		return BlameDNS
	case v.Broken == health.OneTarget:
		return BlameTarget
	}
	return BlameNobody
}
