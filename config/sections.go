package config

import (
	"net/netip"
	"time"

	"github.com/twinpath/twinpath/firewall"
	"github.com/twinpath/twinpath/router"
)

// Limits chosen here. 16 WANs are more than a box has ports; the other lists are longer than any home's.
const (
	maxWANs     = 16
	maxChecks   = 16
	maxHosts    = 1024
	maxPolicies = 256
	maxForwards = 256
	maxVirtual  = 255 // as many as there are ids on one interface
	maxNames    = 16  // of accounts with keepers of names
)

func rootKeys() keys[router.Config] {
	return keys[router.Config]{
		{"router", func(c *router.Config, v value) { routerKeys().read(v, c) }},
		{"lan", func(c *router.Config, v value) { c.LAN.IPv6 = true; lanKeys().read(v, &c.LAN) }},
		{"wan", func(c *router.Config, v value) {
			tables(v, maxWANs, wanKeys(), &c.WANs)
			for i := range c.WANs {
				settle(v.r, element(v.path, i), &c.WANs[i])
			}
		}},
		{"policy", func(c *router.Config, v value) { tables(v, maxPolicies, policyKeys(), &c.Policies) }},
		{"vrrp", func(c *router.Config, v value) {
			tables(v, maxVirtual, vrrpKeys(), &c.VRRP)
			for i := range c.VRRP {
				settleVRRP(v.r, element(v.path, i), &c.VRRP[i])
			}
		}},
		{"firewall", func(c *router.Config, v value) { firewallKeys().read(v, c) }},
		{"web", func(c *router.Config, v value) { c.Web.On = true; webKeys().read(v, &c.Web) }},
		{"pair", func(c *router.Config, v value) { pairKeys().read(v, &c.Pair); v.r.settlePair(&c.Pair) }},
		{"alert", func(c *router.Config, v value) {
			c.Alert.Wait, c.Alert.Remind, c.Alert.Every = time.Minute, 24*time.Hour, 5*time.Minute
			alertKeys().read(v, &c.Alert)
		}},
		{"drill", func(c *router.Config, v value) { drillKeys().read(v, &c.Drill) }},
		{"ddns", func(c *router.Config, v value) { tables(v, maxNames, ddnsKeys(), &c.DDNS) }},
	}
}

func routerKeys() keys[router.Config] {
	return keys[router.Config]{
		{"name", func(c *router.Config, v value) { c.Name = v.word(64) }},
	}
}

func lanKeys() keys[router.LAN] {
	return keys[router.LAN]{
		{"interface", func(l *router.LAN, v value) { l.Interface = v.device() }},
		{"ports", func(l *router.LAN, v value) {
			v.list(func(v value) { l.Ports = append(l.Ports, v.device()) })
		}},
		{"address", func(l *router.LAN, v value) { l.Address = v.ownAddress(8, 30) }},
		{"dhcp", func(l *router.LAN, v value) { l.DHCP.Lease = 12 * time.Hour; dhcpKeys().read(v, &l.DHCP) }},
		{"dns", func(l *router.LAN, v value) { l.DNS.On = true; dnsKeys().read(v, &l.DNS) }},
		{"ipv6", func(l *router.LAN, v value) {
			mode := v.choice("auto", "off", "translate")
			l.IPv6, l.Translate = mode != "off", mode == "translate"
		}},
		{"prefix", func(l *router.LAN, v value) { l.Prefix = v.localPrefix() }},
		{"host", func(l *router.LAN, v value) { tables(v, maxHosts, hostKeys(), &l.Hosts) }},
	}
}

func dhcpKeys() keys[router.DHCPServer] {
	return keys[router.DHCPServer]{
		{"range", func(d *router.DHCPServer, v value) {
			if list, _ := elements(v.raw); len(list) != 2 {
				v.problem(`for example ["192.168.1.100", "192.168.1.199"]`, "must be a list of two addresses, the first and the last")
				return
			}
			var ends []netip.Addr
			v.list(func(v value) { ends = append(ends, v.address4()) })
			d.First, d.Last = ends[0], ends[1]
		}},
		{"lease", func(d *router.DHCPServer, v value) { d.Lease = v.duration(2*time.Minute, 30*24*time.Hour) }},
	}
}

func dnsKeys() keys[router.DNSServer] {
	return keys[router.DNSServer]{
		{"domain", func(d *router.DNSServer, v value) { d.Domain = v.hostName() }},
		{"upstream", func(d *router.DNSServer, v value) {
			v.list(func(v value) { d.Upstream = append(d.Upstream, v.address()) })
		}},
	}
}

func hostKeys() keys[router.Host] {
	return keys[router.Host]{
		{"mac", func(h *router.Host, v value) { h.MAC = v.mac() }},
		{"address", func(h *router.Host, v value) { h.Address = v.address4() }},
		{"name", func(h *router.Host, v value) { h.Name = v.hostName() }},
	}
}

func policyKeys() keys[router.Policy] {
	return keys[router.Policy]{
		{"device", func(p *router.Policy, v value) { v.some(func(v value) { p.Devices = append(p.Devices, v.mac()) }) }},
		{"source", func(p *router.Policy, v value) { v.some(func(v value) { p.Sources = append(p.Sources, v.network()) }) }},
		{"destination", func(p *router.Policy, v value) {
			v.some(func(v value) { p.Destinations = append(p.Destinations, v.network()) })
		}},
		{"port", func(p *router.Policy, v value) { v.some(func(v value) { p.Ports = append(p.Ports, v.ports()) }) }},
		{"wan", func(p *router.Policy, v value) { v.some(func(v value) { p.WANs = append(p.WANs, v.word(32)) }) }},
		{"else", func(p *router.Policy, v value) { p.Block = v.choice("block", "any") == "block" }},
		{"metered", func(p *router.Policy, v value) { p.Metered = v.class() }},
	}
}

func firewallKeys() keys[router.Config] {
	return keys[router.Config]{
		{"forward", func(c *router.Config, v value) { tables(v, maxForwards, forwardKeys(), &c.Forwards) }},
		{"offload", func(c *router.Config, v value) { c.Offload = v.choice("auto", "off") == "auto" }},
	}
}

func forwardKeys() keys[firewall.Forward] {
	return keys[firewall.Forward]{
		{"proto", func(f *firewall.Forward, v value) { f.Proto = v.choice("tcp", "udp") }},
		{"port", func(f *firewall.Forward, v value) { f.Ports = v.ports() }},
		{"to", func(f *firewall.Forward, v value) { f.To = v.destination() }},
		{"wan", func(f *firewall.Forward, v value) { v.some(func(v value) { f.WANs = append(f.WANs, v.word(32)) }) }},
	}
}
