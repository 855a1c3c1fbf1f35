package ddns

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/twinpath/twinpath/router"
)

// Custom is the provider that inadyn does not know.
const Custom = "custom"

// configure is inadyn.conf(5) for one entry, whose address is said at an address of this machine.
func configure(e router.DDNS, said netip.AddrPort) string {
	var b strings.Builder
	set := func(key, value string) {
		if value != "" {
			fmt.Fprintf(&b, "    %s = %s\n", key, quote(value))
		}
	}
	b.WriteString("allow-ipv6 = true\n")
	if e.Provider == Custom {
		b.WriteString("custom twinpath {\n")
		server, plain := strings.CutPrefix(e.Server, "http://")
		set("ddns-server", server)
		set("ddns-path", e.Path)
		fmt.Fprintf(&b, "    ssl = %t\n", !plain)
	} else {
		fmt.Fprintf(&b, "provider %s {\n", quote(e.Provider))
	}
	set("username", e.User)
	set("password", e.Password)
	hosts := make([]string, len(e.Hosts))
	for i, host := range e.Hosts {
		hosts[i] = quote(host)
	}
	fmt.Fprintf(&b, "    hostname = { %s }\n", strings.Join(hosts, ", "))
	set("checkip-server", said.String())
	b.WriteString("    checkip-path = '/'\n    checkip-ssl = false\n}\n")
	return b.String()
}

// quote writes a text between single quotes: between double ones, libconfuse puts environment variables in.
func quote(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'"
}
