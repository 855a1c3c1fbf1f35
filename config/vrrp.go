package config

import (
	"net/netip"
	"time"

	"github.com/twinpath/twinpath/check"
	"github.com/twinpath/twinpath/program"
	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/vrrp"
)

func vrrpKeys() keys[router.VirtualRouter] {
	return append(keys[router.VirtualRouter]{
		{"name", func(o *router.VirtualRouter, v value) { o.Name = v.word(32) }},
		{"id", func(o *router.VirtualRouter, v value) { o.ID = uint8(v.number(1, 255)) }},
		{"interface", func(o *router.VirtualRouter, v value) { o.Interface = v.virtualDevice() }},
		{"version", func(o *router.VirtualRouter, v value) { o.Version = uint8(v.number(2, 3)) }},
		{"priority", func(o *router.VirtualRouter, v value) { o.Base = v.number(1, vrrp.Owner) }},
		{"interval", func(o *router.VirtualRouter, v value) { o.Interval = v.duration(10*time.Millisecond, 255*time.Second) }},
		{"addresses", func(o *router.VirtualRouter, v value) {
			v.some(func(v value) { o.Addresses = append(o.Addresses, v.virtualAddress()) })
		}},
		{"preempt", func(o *router.VirtualRouter, v value) { o.Preempt = v.flag() }},
		{"fast_preempt", func(o *router.VirtualRouter, v value) { o.FastPreempt = v.flag() }},
		{"preempt_delay", func(o *router.VirtualRouter, v value) { o.PreemptDelay = v.duration(0, 1000*time.Second) }},
		{"virtual_mac", func(o *router.VirtualRouter, v value) { o.VirtualMAC = v.flag() }},
		{"accept", func(o *router.VirtualRouter, v value) { o.Accept = v.flag() }},
		{"checksum", func(o *router.VirtualRouter, v value) { o.Checksum = checksumOf(v.choice("auto", "rfc9568", "pseudo")) }},
		{"peers", func(o *router.VirtualRouter, v value) {
			v.list(func(v value) { o.Peers = append(o.Peers, v.address()) })
		}},
		{"group", func(o *router.VirtualRouter, v value) {
			if v.raw != "" {
				o.Group = v.word(32)
			}
		}},
		{"track", func(o *router.VirtualRouter, v value) {
			o.TrackAll = false
			if list, ok := elements(v.raw); !ok || len(list) > 0 {
				v.some(func(v value) { o.Track = append(o.Track, v.word(32)) })
			}
		}},
		{"auth", func(o *router.VirtualRouter, v value) { authKeys().read(v, &o.Auth) }},
		{"check", func(o *router.VirtualRouter, v value) {
			tables(v, maxChecks, vrrpCheckKeys(), &o.Checks)
			for i := range o.Checks {
				settleVRRPCheck(v.r, element(v.path, i), &o.Checks[i])
			}
		}},
	}, scriptKeys()...)
}

func scriptKeys() keys[router.VirtualRouter] {
	return keys[router.VirtualRouter]{
		{"on_change", func(o *router.VirtualRouter, v value) { o.OnChange = v.program(true) }},
		{"on_active", func(o *router.VirtualRouter, v value) { o.OnActive = v.program(true) }},
		{"on_backup", func(o *router.VirtualRouter, v value) { o.OnBackup = v.program(true) }},
		{"on_fault", func(o *router.VirtualRouter, v value) { o.OnFault = v.program(true) }},
	}
}

// virtualDevice is device, but names the way to the house's own bridge.
func (v value) virtualDevice() string {
	if v.raw == router.BridgeName {
		v.problem("leave it out: without interface it is the house's side", "%s is the bridge that Twinpath makes itself", router.BridgeName)
		return ""
	}
	return v.device()
}

// virtualAddress reads an address of either family with its network's length; without one it stands alone.
func (v value) virtualAddress() netip.Prefix {
	text := v.text(64)
	if text == "" {
		return netip.Prefix{}
	}
	p, err := netip.ParsePrefix(text)
	if a, single := netip.ParseAddr(text); single == nil && a.Zone() == "" {
		p, err = netip.PrefixFrom(a, a.BitLen()), nil
	}
	switch {
	case err != nil || p.Addr().Is4In6():
		v.problem(`for example "192.168.1.1/24" or "fd00::1/64"`, "%s is not an address with the length of its network", quote(text))
	case !isHost(p.Addr()) || p.Bits() == 0:
		v.problem("", "%s is not an address that one host can have", text)
	case edge(p, p.Addr()) != "":
		v.problem("", "%s is the %s address of %s", p.Addr(), edge(p, p.Addr()), p.Masked())
	default:
		return p
	}
	return netip.Prefix{}
}

func checksumOf(word string) vrrp.Checksum {
	switch word {
	case "rfc9568":
		return vrrp.ChecksumMessage
	case "pseudo":
		return vrrp.ChecksumPseudo
	}
	return vrrp.ChecksumAuto
}

// program reads a program with its arguments. Where it may be empty, that means none.
func (v value) program(mayBeEmpty bool) string {
	if mayBeEmpty && v.raw == "" {
		return ""
	}
	text := v.text(1024)
	if text == "" {
		return ""
	}
	words, err := program.Split(text)
	switch {
	case err != nil:
		v.problem("", "%s: %v", quote(text), err)
		return ""
	case len(words) == 0:
		v.problem(`for example "/usr/local/sbin/vrrp-changed"`, "names no program")
		return ""
	}
	if err := program.Safe(words[0]); err != nil {
		v.problem("it runs as root: name an executable by its whole path that only root can change", "%v", err)
		return ""
	}
	return text
}

func vrrpCheckKeys() keys[check.Check] {
	return keys[check.Check]{
		{"name", func(c *check.Check, v value) { c.Name = v.word(32) }},
		{"ping", func(c *check.Check, v value) { c.Kind, c.Target = check.Ping, v.target() }},
		{"tcp", func(c *check.Check, v value) { c.Kind, c.Target = check.TCP, v.endpoint() }},
		{"http", func(c *check.Check, v value) { c.Kind, c.Target = check.HTTP, v.page() }},
		{"dns", func(c *check.Check, v value) {
			c.Kind = check.DNS
			if target := v.target(); isAddress(target) {
				c.Target = target
			} else if target != "" {
				v.problem("", "%s is not an IP address", quote(target))
			}
		}},
		{"process", func(c *check.Check, v value) { c.Kind, c.Target = check.Process, v.word(64) }},
		{"run", func(c *check.Check, v value) { c.Kind, c.Target = check.Run, v.program(false) }},
		{"status", func(c *check.Check, v value) { c.Status = v.number(200, 599) }},
		{"interval", func(c *check.Check, v value) { c.Interval = v.duration(100*time.Millisecond, 10*time.Minute) }},
		{"timeout", func(c *check.Check, v value) { c.Timeout = v.duration(50*time.Millisecond, time.Minute) }},
		{"fall", func(c *check.Check, v value) { c.Fall = v.number(1, 100) }},
		{"rise", func(c *check.Check, v value) { c.Rise = v.number(1, 1000) }},
		{"weight", func(c *check.Check, v value) { c.Weight = v.number(0, 253) }},
	}
}
