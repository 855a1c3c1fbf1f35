package config

import (
	"strings"
	"time"

	"github.com/twinpath/twinpath/health"
	"github.com/twinpath/twinpath/router"
)

func wanKeys() keys[router.WANConfig] {
	return keys[router.WANConfig]{
		{"name", func(w *router.WANConfig, v value) { w.Name = v.word(32) }},
		{"interface", func(w *router.WANConfig, v value) { w.Interface = v.device() }},
		{"kind", func(w *router.WANConfig, v value) { w.Kind = kindOf(v.choice("dhcp", "static", "pppoe", "peer")) }},
		{"cost", func(w *router.WANConfig, v value) { w.Cost = v.number(0, 253) }},
		{"weight", func(w *router.WANConfig, v value) { w.Weight = v.number(1, 255) }},
		{"pppoe", func(w *router.WANConfig, v value) { pppoeKeys().read(v, &w.PPPoE) }},
		{"static", func(w *router.WANConfig, v value) { staticKeys().read(v, &w.Static) }},
		{"peer", func(w *router.WANConfig, v value) { peerKeys().read(v, w) }},
		{"mtu", func(w *router.WANConfig, v value) {
			if v.raw != "auto" {
				w.MTU = v.mtu()
			}
		}},
		{"metered", func(w *router.WANConfig, v value) { w.Metered = v.flag() }},
		{"vlan", func(w *router.WANConfig, v value) { w.VLAN = v.number(1, 4094) }},
		{"mac", func(w *router.WANConfig, v value) { w.MAC = v.mac() }},
		{"ipv6", func(w *router.WANConfig, v value) { w.NoIPv6 = v.choice("auto", "off") == "off" }},
		{"shape", func(w *router.WANConfig, v value) { shapeKeys().read(v, &w.Shape) }},
		{"failback", func(w *router.WANConfig, v value) {
			if v.choice("drain", "move") == "move" {
				w.Failback = router.Move
			}
		}},
		{"heartbeat", func(w *router.WANConfig, v value) { w.Heartbeat = v.secretPage() }},
		{"budget", func(w *router.WANConfig, v value) { budgetKeys().read(v, &w.Budget) }},
		{"health", func(w *router.WANConfig, v value) { healthKeys().read(v, &w.Health) }},
		{"check", func(w *router.WANConfig, v value) {
			tables(v, maxChecks, checkKeys(), &w.Health.Checks)
			for i := range w.Health.Checks {
				settleCheck(v.r, element(v.path, i), &w.Health.Checks[i])
			}
		}},
	}
}

func kindOf(word string) router.Kind {
	for kind := router.DHCP; kind <= router.Peer; kind++ {
		if kind.String() == word {
			return kind
		}
	}
	return router.NoKind
}

// mtu reads the size of the largest packet: 576 is IPv4's least (RFC 791), 9000 the usual jumbo frame.
func (v value) mtu() int {
	if _, text := v.raw.(string); text {
		v.problem(`for example mtu = 1492`, `must be "auto" or a number, not %s`, v.kind())
		return 0
	}
	return v.number(576, 9000)
}

func pppoeKeys() keys[router.Credentials] {
	return keys[router.Credentials]{
		{"user", func(c *router.Credentials, v value) { c.User = v.text(255) }},
		{"password", func(c *router.Credentials, v value) { c.Password = v.secret(255) }},
		{"service", func(c *router.Credentials, v value) { c.Service = v.text(64) }},
		{"dial", func(c *router.Credentials, v value) {
			c.Dial = map[string]router.Dial{"always": router.DialAlways, "active": router.DialActive}[v.choice("auto", "always", "active")]
		}},
	}
}

// secret is text whose value never appears in a problem.
func (v value) secret(limit int) string {
	if _, ok := v.raw.(string); !ok {
		v.problem("write it in quotes", "must be text")
		return ""
	}
	return v.text(limit)
}

func staticKeys() keys[router.StaticLine] {
	return keys[router.StaticLine]{
		{"address", func(s *router.StaticLine, v value) { s.Address = v.ownAddress(1, 32) }},
		{"gateway", func(s *router.StaticLine, v value) { s.Gateway = v.address4() }},
		{"dns", func(s *router.StaticLine, v value) { v.some(func(v value) { s.DNS = append(s.DNS, v.address()) }) }},
	}
}

func peerKeys() keys[router.WANConfig] {
	return keys[router.WANConfig]{
		{"gateway", func(w *router.WANConfig, v value) { w.Peer = v.address4() }},
	}
}

// healthKeys leaves what the file does not give at zero: the defaults are the health package's.
func healthKeys() keys[health.Config] {
	return keys[health.Config]{
		{"interval", func(h *health.Config, v value) { h.Interval = v.duration(100*time.Millisecond, 10*time.Minute) }},
		{"timeout", func(h *health.Config, v value) { h.Timeout = v.duration(50*time.Millisecond, 10*time.Second) }},
		{"confirm", func(h *health.Config, v value) { h.Confirm = v.duration(50*time.Millisecond, 10*time.Second) }},
		{"fall", func(h *health.Config, v value) { h.Fall = v.number(1, 100) }},
		{"rise", func(h *health.Config, v value) { h.Rise = v.number(1, 1000) }},
		{"quorum", func(h *health.Config, v value) { h.Quorum = v.number(1, 1600) }},
	}
}

func checkKeys() keys[health.Check] {
	return keys[health.Check]{
		{"ping", func(c *health.Check, v value) { c.Kind, c.Target = health.Ping, v.target() }},
		{"tcp", func(c *health.Check, v value) { c.Kind, c.Target = health.TCP, v.endpoint() }},
		{"http", func(c *health.Check, v value) { c.Kind, c.Target = health.HTTP, v.page() }},
		{"dns", func(c *health.Check, v value) {
			c.Kind = health.DNS
			if a := v.address(); a.IsValid() {
				c.Target = a.String()
			}
		}},
		{"weight", func(c *health.Check, v value) { c.Weight = v.number(1, 100) }},
		{"status", func(c *health.Check, v value) { c.Status = v.number(200, 599) }},
	}
}

// probes are the keys of a check of which it has exactly one.
var probes = [...]string{"ping", "tcp", "http", "dns"}

// settleCheck gives a check its defaults and looks at what its keys say together.
func settleCheck(r *reading, path string, c *health.Check) {
	var given []string
	for _, probe := range probes {
		if r.has(join(path, probe)) {
			given = append(given, probe)
		}
	}
	switch {
	case len(given) == 0:
		r.problem(path, `for example ping = "1.1.1.1"`, "has no target: needs one of ping, tcp, http, dns")
	case len(given) > 1:
		r.problem(path, "write one [[wan.check]] for each", "has %d targets, %s: needs exactly one", len(given), strings.Join(given, " and "))
	case given[0] != "http" && r.has(join(path, "status")):
		r.problem(join(path, "status"), "", "is only for http checks")
	}
	if !r.has(join(path, "weight")) {
		c.Weight = 20
	}
}
