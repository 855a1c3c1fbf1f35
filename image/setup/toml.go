package setup

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// The box's name in the house, and what the house is called meanwhile.
const (
	hostName = "twinpath"
	domain   = "home.arpa" // RFC 8375
)

// TOML is the configuration that the daemon runs in setup mode. Who knows the password, which is given as its bcrypt hash, may
// become the owner; without one the page only shows.
func (l Layout) TOML(password string) []byte {
	w := new(writer)
	w.say("Made by \"twinpath setup\" for as long as there is no configuration of the owner's. Written anew at every",
		"change of a cable: what is changed here is lost.")
	if l.Address.IsValid() {
		w.lan(l)
		w.web(l, password)
	}
	w.lines(l)
	w.aside(slices.Concat(l.with(Aside), l.with(Spare), l.with(Looking)))
	return []byte(w.String())
}

// writer makes TOML with comments.
type writer struct{ strings.Builder }

func (w *writer) say(lines ...string) {
	for _, line := range lines {
		w.WriteString(strings.TrimRight("# "+line, " ") + "\n")
	}
}

// because says why a port is where it is.
func (w *writer) because(p Place) { w.say(fmt.Sprintf("%s (%s): %s", p.Port.Name, p.Port.MAC, p.Why)) }

func (w *writer) key(name, value string) { fmt.Fprintf(w, "%s = %s\n", name, value) }

// lan hands out addresses only where no other router does.
func (w *writer) lan(l Layout) {
	w.WriteString("\n[lan]\n")
	if m, is := l.Member(); is {
		w.because(m)
		w.say("An address that the network's router gives to nobody else.")
		w.key("interface", quoted(m.Port.Name))
		w.key("address", quoted(l.Address.String()))
		return
	}
	for _, p := range l.with(House) {
		w.because(p)
	}
	w.key("ports", list(l.LAN()))
	w.key("address", quoted(l.Address.String()))
	// Short: the owner's network comes soon.
	w.key("dhcp", fmt.Sprintf("{ range = [%q, %q], lease = \"10m\" }", host(l.Address, 100), host(l.Address, 199)))
	w.key("dns", fmt.Sprintf("{ domain = %q }", domain))
}

func (w *writer) web(l Layout, password string) {
	w.WriteString("\n[web]\n")
	names := []string{hostName}
	if label := strings.ToLower(l.Domain); label != "" && isName(label) {
		names = append(names, hostName+"."+label)
	}
	w.key("names", list(names))
	if password != "" {
		w.say("The claim code's, which the console shows.")
		w.key("password", quoted(password))
	}
}

// isName keeps out what a stranger's DHCP server may say and no host name has (RFC 1123 §2.1).
func isName(text string) bool {
	if len(text) > 200 {
		return false
	}
	for label := range strings.SplitSeq(text, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' ||
			strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
	}
	return true
}

func (w *writer) lines(l Layout) {
	if l.Gateway.IsValid() {
		w.WriteString("\n[[wan]]\n")
		w.say("The router of the network that this box is a member of.")
		w.key("name", quoted("router"))
		w.key("kind", quoted("peer"))
		w.key("peer", fmt.Sprintf("{ gateway = %q }", l.Gateway.String()))
	}
	for _, p := range l.lines() {
		w.WriteString("\n[[wan]]\n")
		w.because(p)
		w.key("name", quoted(p.Port.Name))
		w.key("interface", quoted(p.Port.Name))
		w.key("kind", quoted("dhcp"))
		w.key("cost", fmt.Sprint(p.Cost))
		if p.Mobile {
			w.key("metered", "true")
		}
	}
}

// aside names the ports that are not used.
func (w *writer) aside(unused []Place) {
	if len(unused) == 0 {
		return
	}
	w.WriteString("\n")
	w.say("Nothing leads here, or not to the Internet:")
	for _, p := range unused {
		w.because(p)
	}
}

func quoted(s string) string { return fmt.Sprintf("%q", s) }

func list(all []string) string {
	texts := make([]string, len(all))
	for i, s := range all {
		texts[i] = quoted(s)
	}
	return "[" + strings.Join(texts, ", ") + "]"
}

// host is the n-th address of a /24.
func host(network netip.Prefix, n byte) netip.Addr {
	a := network.Masked().Addr().As4()
	a[3] = n
	return netip.AddrFrom4(a)
}
