package lan

import (
	"fmt"
	"strings"
	"time"
)

// hostName is what every router of ours is called in its house, beside its own name.
const hostName = "twinpath"

// names is how many answers are remembered. Chosen here: a house asks for a few thousand names a day, and one takes about 100 bytes.
const names = 1000

// arguments are dnsmasq's for what does not change while it runs (dnsmasq(8)); those of a process itself come before. They leave
// out everything that a file of the machine's would add.
func (w Wanted) arguments() []string {
	all := []string{
		"--conf-file=/dev/null", "--no-resolv", "--no-hosts", fmt.Sprintf("--cache-size=%d", names),
		"--interface=" + w.Device, "--except-interface=lo", "--bind-dynamic",
		// A name without a dot, or one for a private address, means something in the house only.
		"--domain-needed", "--bogus-priv", "--stop-dns-rebind", "--rebind-localhost-ok",
	}
	if w.Virtual != "" {
		all = append(all, "--interface="+w.Virtual, "--no-dhcp-interface="+w.Virtual)
	}
	if w.Domain != "" {
		all = append(all, "--domain="+w.Domain, "--local=/"+w.Domain+"/", "--rebind-domain-ok=/"+w.Domain+"/", "--expand-hosts")
	}
	if w.Router != "" && !strings.EqualFold(w.Router, hostName) {
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
		if h.Name != "" && !strings.Contains(h.Name, ".") {
			host += "," + h.Name
		}
		all = append(all, host+fmt.Sprintf(",%d", lease))
	}
	return all
}

// servers is the file that dnsmasq reads anew at each SIGHUP.
func (w Wanted) servers() string {
	var all strings.Builder
	for _, u := range w.Upstream {
		fmt.Fprintf(&all, "server=%s", u.Server)
		if u.Device != "" {
			fmt.Fprintf(&all, "@%s", u.Device)
		}
		all.WriteByte('\n')
	}
	return all.String()
}
