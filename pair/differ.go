package pair

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Differences says what of two configurations does not fit together, the worst first, each in a sentence that says what to do. What each
// router may have its own way is not in it.
func Differences(ours, theirs Digest) []string {
	c := comparison{ours: ours, theirs: theirs, them: cmp.Or(theirs.Router, "the other router")}
	if ours.Router == theirs.Router {
		c.them = "the other router"
		c.say("[router] name: both routers are called %s: give each a name of its own", ours.Router)
	}
	c.addresses()
	for _, v := range ours.VRRP {
		c.contest(v)
	}
	for _, v := range theirs.VRRP {
		if _, there := counterpart(ours.VRRP, v); !there {
			c.say("[[vrrp]] %s: %s serves %s, this router has no such section: nobody takes that over", v.Name, c.them, words(v.Addresses))
		}
	}
	c.leases()
	c.names()
	c.inet6()
	c.together()
	return c.found
}

// comparison is what has been found so far.
type comparison struct {
	ours, theirs Digest
	them         string
	found        []string
}

func (c *comparison) say(format string, args ...any) {
	c.found = append(c.found, fmt.Sprintf(format, args...)+".")
}

func (c *comparison) addresses() {
	us, other := c.ours.Address, c.theirs.Address
	if us.Masked() != other.Masked() {
		c.say("[lan] address: this router is in %s, %s in %s: both have to be in one network", us.Masked(), c.them, other.Masked())
	}
	if c.ours.Peer != other.Addr() {
		c.say("[pair] peer: this router looks for %s at %s, whose address is %s: name its lan.address here", c.them, c.ours.Peer, other.Addr())
	}
	if c.theirs.Peer != us.Addr() {
		c.say("[pair] peer: %s looks for this router at %s, whose address is %s: name its lan.address there", c.them, c.theirs.Peer, us.Addr())
	}
}

// counterpart is what another router has of the same virtual router: the same id, or one of the same addresses.
func counterpart(all []Contest, v Contest) (Contest, bool) {
	for _, same := range [...]func(o Contest) bool{
		func(o Contest) bool { return o.ID == v.ID },
		func(o Contest) bool { return shares(o.Addresses, v.Addresses) },
	} {
		if i := slices.IndexFunc(all, same); i >= 0 {
			return all[i], true
		}
	}
	return Contest{}, false
}

func shares(a, b []netip.Prefix) bool {
	return slices.ContainsFunc(a, func(p netip.Prefix) bool {
		return slices.ContainsFunc(b, func(o netip.Prefix) bool { return o.Addr() == p.Addr() })
	})
}

// contest compares one election of the house.
func (c *comparison) contest(v Contest) {
	o, there := counterpart(c.theirs.VRRP, v)
	on := "[[vrrp]] " + v.Name
	if !there {
		c.say("%s: %s has no [[vrrp]] with id %d: it cannot take %s over; give it the same section", on, c.them, v.ID, words(v.Addresses))
		return
	}
	if v.ID != o.ID {
		c.say("%s: this router has id %d, %s id %d for the same address: both would serve it; use one id", on, v.ID, c.them, o.ID)
		return
	}
	if !slices.Equal(v.Addresses, o.Addresses) {
		c.say("%s: this router serves %s, %s %s: the house would lose its gateway when it moves; name the same addresses",
			on, words(v.Addresses), c.them, words(o.Addresses))
	}
	c.manners(on, v, o)
	c.rank(on, v, o)
}

// manners are how two routers speak of an election.
func (c *comparison) manners(on string, v, o Contest) {
	switch {
	case v.Version != o.Version:
		c.say("%s: this router speaks version %d of VRRP, %s version %d: they do not understand each other; use one version", on, v.Version, c.them, o.Version)
	case v.Auth != o.Auth:
		c.say("%s: auth is %q here and %q at %s: they do not believe each other; use one kind", on, v.Auth, o.Auth, c.them)
	case v.Key != o.Key:
		c.say("%s: auth.key is another one at %s: they do not believe each other; use the same", on, c.them)
	case v.Interval != o.Interval && v.Version == 2:
		c.say("%s: interval is %s here and %s at %s: in version 2 they do not hear each other; use the same", on, v.Interval, o.Interval, c.them)
	case v.Interval != o.Interval:
		c.say("%s: interval is %s here and %s at %s: how fast the house moves depends on who served it; use the same", on, v.Interval, o.Interval, c.them)
	}
	if (len(v.Peers) == 0) != (len(o.Peers) == 0) {
		alone, open := "this router", c.them
		if len(v.Peers) == 0 {
			alone, open = open, alone
		}
		c.say("%s: %s speaks to its peers alone, %s to everybody: set peers on both or on none", on, alone, open)
	}
}

// rank is who of the two is to serve.
func (c *comparison) rank(on string, v, o Contest) {
	switch {
	case v.Priority == o.Priority:
		c.say("%s: both routers have priority %d: their addresses decide who serves; give the one with the better line the higher one", on, v.Priority)
	case !v.Preempt && !o.Preempt:
		c.say("%s: preempt is false on both routers: the house stays where it is, also on the worse line, until that router fails", on)
	}
}

func (c *comparison) leases() {
	us, other := c.ours, c.theirs
	switch {
	case us.DHCP[0].IsValid() && !other.DHCP[0].IsValid():
		c.say("[lan] dhcp: %s has no range: devices get no address while it serves the house; set the same range there", c.them)
	case other.DHCP[0].IsValid() && !us.DHCP[0].IsValid():
		c.say("[lan] dhcp: this router has no range: devices get no address while it serves the house; set the same range here")
	case us.DHCP != other.DHCP:
		c.say("[lan] dhcp: the range is %s to %s here and %s to %s at %s: devices would get another address when the house moves; use the same",
			us.DHCP[0], us.DHCP[1], other.DHCP[0], other.DHCP[1], c.them)
	case us.Lease != other.Lease:
		c.say("[lan] dhcp: a lease lasts %s here and %s at %s; use the same", written(us.Lease), written(other.Lease), c.them)
	}
	if us.Hosts != other.Hosts {
		c.say("[[lan.host]]: the fixed addresses and names are not the same at %s: some devices would be elsewhere when the house moves", c.them)
	}
}

func (c *comparison) names() {
	if c.ours.Domain != c.theirs.Domain {
		c.say("[lan] dns: the domain of the house is %q here and %q at %s: names would be others when the house moves", c.ours.Domain, c.theirs.Domain, c.them)
	}
	if c.ours.Doors != c.theirs.Doors {
		c.say("[[firewall.forward]]: the port forwards are not the same at %s: from outside, some services are reached by one router's lines only", c.them)
	}
}

func (c *comparison) inet6() {
	us, other := c.ours, c.theirs
	switch {
	case us.IPv6 != other.IPv6:
		with, without := "this router", c.them
		if other.IPv6 {
			with, without = without, with
		}
		c.say("[lan] ipv6: %s gives the house IPv6, %s does not: devices would lose it when the house moves; set the same on both", with, without)
	case us.Prefix != other.Prefix || us.NPT != other.NPT:
		c.say("[lan] ipv6: the house's own prefix or its translation is another one at %s: devices would have other addresses when the house moves; use the same", c.them)
	}
}

// together is how the pair itself works.
func (c *comparison) together() {
	switch us, other := c.ours, c.theirs; {
	case us.Breaks != other.Breaks:
		with, without := "this router", c.them
		if us.Breaks {
			with, without = without, with
		}
		c.say("[pair] handover: %s keeps connections alive when the house moves, %s does not; set the same on both", with, without)
	case (us.Beat == 0) != (other.Beat == 0):
		c.say("[pair] heartbeat: one of the two routers gives no sign of life, so that VRRP alone finds a dead one; set the same on both")
	}
	if c.ours.Version != c.theirs.Version {
		c.say("This router runs Twinpath %s, %s %s: update the older one", c.ours.Version, c.them, c.theirs.Version)
	}
}

// words are addresses without the length of their network.
func words(all []netip.Prefix) string {
	var list []string
	for _, p := range all {
		list = append(list, p.Addr().String())
	}
	if len(list) == 0 {
		return "nothing"
	}
	return strings.Join(list, ", ")
}

// written is a duration as a configuration has it.
func written(d time.Duration) string {
	text := d.String()
	for _, none := range [...]string{"m0s", "h0m"} {
		if strings.HasSuffix(text, none) {
			text = text[:len(text)-2]
		}
	}
	return text
}
