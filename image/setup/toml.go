package setup

import (
	"fmt"
	"slices"
	"strings"
)

// TOML is the configuration that the daemon runs in setup mode.
func (l Layout) TOML() []byte {
	w := new(writer)
	w.say("Made by \"twinpath setup\" for as long as there is no configuration of the owner's. Written anew at every",
		"change of a cable: what is changed here is lost.")
	w.lan(l, l.with(House))
	w.lines(l)
	w.aside(slices.Concat(l.with(Aside), l.with(Spare), l.with(Looking)))
	return []byte(w.String())
}

// Example is a configuration for exactly this box's ports, for its owner to go on with.
func (l Layout) Example() []byte {
	w := new(writer)
	w.say("A Twinpath configuration for the ports of this box, as they were when it was downloaded.",
		"Change what you like and put it as twinpath.toml on the partition TWINPATH. Every key is explained in",
		"docs/configuration.md of the project.",
		"",
		"This version hands out no addresses on the LAN once it is configured (a later one will): let another DHCP",
		"server of the house do it, or give the devices fixed addresses.")
	w.lan(l, slices.Concat(l.with(House), l.with(Spare)))
	w.lines(l)
	var left []Place
	for _, p := range l.with(Aside) {
		if p.Port.Upstream.PPPoE {
			w.dialled(p)
			continue
		}
		left = append(left, p)
	}
	w.aside(left)
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

func (w *writer) lan(l Layout, ports []Place) {
	if m, is := l.Member(); is {
		ports = []Place{m}
	}
	address := l.Address
	if !address.IsValid() {
		if _, is := l.Member(); is || len(ports) == 0 {
			return // no address of the network yet, or nobody to have one for
		}
		address = l.free() // the example's: a port may still be free
	}
	w.WriteString("\n[lan]\n")
	for _, p := range ports {
		w.because(p)
	}
	if _, is := l.Member(); is {
		w.say("An address that the network's router gives to nobody else.")
		w.key("interface", quoted(ports[0].Port.Name))
	} else {
		w.key("ports", list(names(ports)))
	}
	w.key("address", quoted(address.String()))
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

// dialled shows how a PPPoE line is written down.
func (w *writer) dialled(p Place) {
	w.WriteString("\n")
	w.because(p)
	w.say("This version cannot dial it; a later one can:", "[[wan]]",
		fmt.Sprintf("name = %q", p.Port.Name), fmt.Sprintf("interface = %q", p.Port.Name), `kind = "pppoe"`,
		`pppoe = { user = "as the provider wrote", password = "as the provider wrote" }`)
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
	for i, s := range all {
		all[i] = quoted(s)
	}
	return "[" + strings.Join(all, ", ") + "]"
}
