package lan

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// hostName is what every router of ours is called in its house, beside its own name.
const hostName = "twinpath"

// names is how many answers are remembered. Chosen here: a house asks for a few thousand names a day, and one takes about 100 bytes.
const names = 1000

// Chosen here. An answer that has run out is given for as long as the house may take to move to another line, while it is asked for anew:
// after that a device is better off waiting than sent to where a server no longer is. A query that gets no answer is asked again long
// before the device asks again, which takes one (Windows, Apple) to five seconds (glibc, Android).
const (
	stale = 5 * time.Minute
	retry = 500 * time.Millisecond
)

// arguments are dnsmasq's for what does not change while it runs (dnsmasq(8)); those of a process itself come before. They leave
// out everything that a file of the machine's would add.
func (w Wanted) arguments() []string {
	all := []string{
		"--conf-file=/dev/null", "--no-resolv", "--no-hosts", fmt.Sprintf("--cache-size=%d", names),
		"--interface=" + w.Device, "--except-interface=lo", "--bind-dynamic",
		// A name without a dot, or one for a private address, means something in the house only.
		"--domain-needed", "--bogus-priv", "--stop-dns-rebind", "--rebind-localhost-ok",
		fmt.Sprintf("--use-stale-cache=%d", stale/time.Second), fmt.Sprintf("--fast-dns-retry=%d", retry/time.Millisecond),
	}
	if w.Virtual != "" {
		all = append(all, "--interface="+w.Virtual, "--no-dhcp-interface="+w.Virtual)
	}
	if w.Domain != "" {
		all = append(all, "--domain="+w.Domain, "--local=/"+w.Domain+"/", "--rebind-domain-ok=/"+w.Domain+"/", "--expand-hosts")
	}
	if w.Router != "" && !strings.EqualFold(w.Router, hostName) && known.MatchString(w.Router) {
		all = append(all, w.record(w.Router, w.Own.Addr().String()))
	}
	all = append(all, w.record(hostName, w.Gateway.String()))
	for _, h := range w.Hosts {
		if h.Name != "" {
			all = append(all, w.record(h.Name, h.Address.String()))
		}
	}
	return append(all, w.dhcp()...)
}

// known are names that the DNS can know (RFC 1035 §2.3.4): with another one dnsmasq would not start. A machine may be called anything.
var known = regexp.MustCompile(`^[\w-]{1,63}(\.[\w-]{1,63})*$`)

// ordered are names of devices that dnsmasq would take for an order there: not to serve them, or for how long.
var ordered = regexp.MustCompile(`^(?i:ignore|infinite|\d+[smhdw]?)$`)

// record is a name of the house, with and without the domain.
func (w Wanted) record(name, address string) string {
	if w.Domain == "" || strings.Contains(name, ".") {
		return fmt.Sprintf("--host-record=%s,%s", name, address)
	}
	return fmt.Sprintf("--host-record=%s,%s.%s,%s", name, name, w.Domain, address)
}

func (w Wanted) dhcp() []string {
	d := w.DHCP
	if !d.First.IsValid() {
		return nil
	}
	lease := int(d.Lease / time.Second)
	all := []string{
		"--dhcp-authoritative", "--quiet-dhcp", // authoritative: leases of the other router of a pair are taken over when their devices renew them
		fmt.Sprintf("--dhcp-range=%s,%s,%d", d.First, d.Last, lease),
		"--dhcp-option=option:router," + w.Gateway.String(),
		"--dhcp-option=option:dns-server," + w.Gateway.String(),
		// A device of that name would be every browser's proxy (CERT VU#598349).
		"--dhcp-name-match=set:proxy,wpad", "--dhcp-ignore-names=tag:proxy",
	}
	for _, h := range w.Hosts {
		host := fmt.Sprintf("--dhcp-host=%s,%s", h.MAC, h.Address)
		if h.Name != "" && !strings.Contains(h.Name, ".") && !ordered.MatchString(h.Name) {
			host += "," + h.Name
		}
		all = append(all, host+fmt.Sprintf(",%d", lease))
	}
	return all
}

// servers are whom dnsmasq is to ask, in its own words.
func (w Wanted) servers() []string {
	var all []string
	for _, u := range w.Upstream {
		all = append(all, u.String())
	}
	return all
}

// String is the server in dnsmasq's words: "198.51.100.1@wan0".
func (u Upstream) String() string {
	switch {
	case u.Device == "":
		return u.Server.String()
	case u.Server.Is6() && u.Server.IsLinkLocalUnicast():
		return u.Server.String() + "%" + u.Device
	}
	return u.Server.String() + "@" + u.Device
}
