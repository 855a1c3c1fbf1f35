package config

import (
	"net"
	"strings"

	"github.com/twinpath/twinpath/router"
)

func ddnsKeys() keys[router.DDNS] {
	return keys[router.DDNS]{
		{"provider", func(d *router.DDNS, v value) { d.Provider = v.provider() }},
		{"host", func(d *router.DDNS, v value) { v.some(func(v value) { d.Hosts = append(d.Hosts, v.hostName()) }) }},
		{"user", func(d *router.DDNS, v value) { d.User = v.text(255) }},
		{"password", func(d *router.DDNS, v value) { d.Password = v.secret(255) }},
		{"wan", func(d *router.DDNS, v value) { d.WAN = v.word(32) }},
		{"ipv6", func(d *router.DDNS, v value) { d.IPv6 = v.flag() }},
		{"server", func(d *router.DDNS, v value) { d.Server = v.updateServer() }},
		{"path", func(d *router.DDNS, v value) { d.Path = v.updatePath() }},
	}
}

// provider reads a name of inadyn.conf(5): "dyndns@he.net", "cloudflare.com:2".
func (v value) provider() string {
	text := v.text(64)
	if strings.Trim(text, lower+upper+digits+".-_@:") != "" || strings.HasPrefix(text, "-") {
		v.problem(`for example "duckdns.org"; inadyn.conf(5) lists them`, "%s is not the name of a provider", quote(text))
		return ""
	}
	return text
}

// updateServer reads a host with or without a port, which is asked by HTTPS, or in the house by "http://".
func (v value) updateServer() string {
	text := v.text(255)
	if text == "" {
		return ""
	}
	at, plain := strings.CutPrefix(text, "http://")
	host, p, err := net.SplitHostPort(at)
	if err != nil {
		host, p = at, "443"
	}
	switch {
	case !isTarget(host) || port(p) == 0:
		v.problem(`for example "dyndns.example.org" or "dyndns.example.org:8443", without a path`, "%s is not a host", quote(text))
	case plain && !private(host):
		v.problem("leave http:// out; it is only for an address in the house", "is not encrypted")
	default:
		return text
	}
	return ""
}

// updatePath reads what is asked for, with inadyn's marks for what it fills in. Without the address the server would take that of the
// line by which it is asked.
func (v value) updatePath() string {
	text := v.text(1024)
	rest := strings.NewReplacer("%u", "", "%p", "", "%h", "", "%i", "").Replace(text)
	const hint = `for example "/update?host=%h&ip=%i"`
	switch {
	case text == "":
	case !strings.HasPrefix(text, "/") || strings.ContainsAny(text, " #"):
		v.problem(hint, "is not a path")
	case !strings.Contains(text, "%i"):
		v.problem(hint, "lacks %%i, the address")
	case strings.Contains(rest, "%"):
		v.problem("%h is the name, %i the address, %u the user and %p the password", "has a %% that stands for nothing")
	default:
		return text
	}
	return ""
}
