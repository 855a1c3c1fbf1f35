package lan

import (
	"fmt"
	"os"
	"os/user"
	"strconv"
	"strings"
)

// account are dnsmasq's arguments for whom it becomes: its own account, or the one of nobody. In a user namespace without
// either it stays what it is. A service without all privileges needs CAP_SETUID and CAP_SETGID for that, CAP_KILL to signal the process
// that it has become, and what dnsmasq keeps: CAP_NET_ADMIN, CAP_NET_RAW and CAP_NET_BIND_SERVICE.
func account() []string {
	for _, name := range [...]string{"dnsmasq", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		g, err := user.LookupGroupId(u.Gid)
		if err == nil && mapped("uid", u.Uid) && mapped("gid", u.Gid) {
			return []string{"--user=" + u.Username, "--group=" + g.Name}
		}
	}
	return []string{"--user=root", "--group="}
}

// mapped reports whether this user namespace has the id (user_namespaces(7)).
func mapped(kind, id string) bool {
	number, err := strconv.ParseUint(id, 10, 32)
	if err != nil {
		return false
	}
	text, err := os.ReadFile("/proc/self/" + kind + "_map")
	if err != nil {
		return true // no namespaces
	}
	for line := range strings.Lines(string(text)) {
		var inside, outside, length uint64
		if _, err := fmt.Sscan(line, &inside, &outside, &length); err == nil && number >= inside && number-inside < length {
			return true
		}
	}
	return false
}
