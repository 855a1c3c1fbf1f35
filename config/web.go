package config

import (
	"net/netip"
	"regexp"
	"strconv"

	"github.com/twinpath/twinpath/router"
)

func webKeys() keys[router.Web] {
	return keys[router.Web]{
		{"listen", func(w *router.Web, v value) { v.some(func(v value) { w.Listen = append(w.Listen, v.listener(80)) }) }},
		{"tls", func(w *router.Web, v value) { v.some(func(v value) { w.TLS = append(w.TLS, v.listener(443)) }) }},
		{"password", func(w *router.Web, v value) { w.Password = v.bcrypt() }},
		{"names", func(w *router.Web, v value) { v.some(func(v value) { w.Names = append(w.Names, v.hostName()) }) }},
	}
}

// listener reads an address of this machine with a port; usual is the port to show in a hint.
func (v value) listener(usual int) netip.AddrPort {
	text := v.text(64)
	if text == "" {
		return netip.AddrPort{}
	}
	at, err := netip.ParseAddrPort(text)
	hint := `for example "192.168.1.2:` + strconv.Itoa(usual) + `" or "[fd00::2]:` + strconv.Itoa(usual) + `"`
	if a, lone := netip.ParseAddr(text); lone == nil && a.Zone() == "" {
		hint = strconv.Quote(netip.AddrPortFrom(a, uint16(usual)).String())
		v.problem("write "+hint, "%s lacks a port", quote(text))
		return netip.AddrPort{}
	}
	switch a := at.Addr(); {
	case err != nil || at.Port() == 0:
		v.problem(hint, "%s is not an address and a port", quote(text))
	case !a.IsUnspecified() && !a.IsLoopback() && !isHost(a) || a.Zone() != "" || a.Is4In6():
		v.problem("", "%s is not an address that one host can have", a)
	default:
		return at
	}
	return netip.AddrPort{}
}

// bcryptForm is "$2a$10$" with 22 characters of salt and 31 of hash; other letters than a are other programs'.
var bcryptForm = regexp.MustCompile(`^\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{53}$`)

// mostCost is the highest cost of a bcrypt hash accepted. Chosen here: one more, and a login takes over 10 s on the slowest boards.
const mostCost = 14

// bcrypt reads the hash of a password. What the owner wrote never appears in a problem: it may be the password itself.
func (v value) bcrypt() string {
	const hint = `"twinpath password" makes one, and the page's wizard sets it`
	if v.raw == "" {
		v.problem("leave it out: the page then only shows, and nobody can log in", "is empty")
		return ""
	}
	text := v.secret(256)
	if text == "" {
		return ""
	}
	form := bcryptForm.FindStringSubmatch(text)
	if form == nil {
		v.problem(hint, "is not a bcrypt hash")
		return ""
	}
	if cost, err := strconv.Atoi(form[1]); err != nil || cost < 4 || cost > mostCost {
		v.problem(hint, "is a bcrypt hash of cost %s: 4 to %d", form[1], mostCost)
		return ""
	}
	return text
}
