package setup

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// The box's name in the house.
const (
	hostName = "twinpath"
	domain   = "home.arpa" // RFC 8375
)

// Dnsmasq is the program that hands out addresses and answers names on the LAN.
type Dnsmasq struct {
	Program string
	User    string // that it becomes
	Leases  string // its file of leases
}

// run serves a LAN until ctx ends, or the program does: then the error says what it printed.
func (d Dnsmasq) run(ctx context.Context, device string, own netip.Prefix, resolvers []string, log *slog.Logger) error {
	const patience = 3 * time.Second // for its end
	cmd := exec.CommandContext(ctx, d.Program, d.arguments(device, own, resolvers)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = patience
	out := new(lastWords)
	cmd.Stdout, cmd.Stderr = out, out
	log.Info("dnsmasq serves the house", "device", device, "address", own)
	err := cmd.Run()
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("dnsmasq ended: %v: %s", err, strings.TrimSpace(string(*out)))
}

// arguments leave out everything that a file of the machine's would add.
func (d Dnsmasq) arguments(device string, own netip.Prefix, resolvers []string) []string {
	address := own.Addr().String()
	all := []string{
		"--keep-in-foreground", "--conf-file=/dev/null", "--log-facility=-", "--pid-file=", "--user=" + d.User,
		"--interface=" + device, "--except-interface=lo", "--bind-dynamic",
		"--dhcp-leasefile=" + d.Leases, "--dhcp-authoritative", "--no-ping", "--quiet-dhcp",
		fmt.Sprintf("--dhcp-range=%s,%s,10m", host(own, 100), host(own, 199)), // short: the owner's network comes soon
		"--no-resolv", "--no-hosts", "--domain-needed", "--bogus-priv", "--domain=" + domain, "--local=/" + domain + "/",
		fmt.Sprintf("--host-record=%s,%s.%s,%s", hostName, hostName, domain, address),
	}
	if d.User == "root" {
		all = append(all, "--group=") // none to change to: a user namespace may have no other
	}
	for _, r := range resolvers {
		all = append(all, "--server="+r)
	}
	return all
}

// host is the n-th address of a /24.
func host(network netip.Prefix, n byte) netip.Addr {
	a := network.Masked().Addr().As4()
	a[3] = n
	return netip.AddrFrom4(a)
}

// lastWords keeps the end of what a program prints, however long it runs.
type lastWords []byte

func (w *lastWords) Write(p []byte) (int, error) {
	const enough = 2000
	all := append(*w, p...)
	*w = append([]byte{}, all[max(0, len(all)-enough):]...)
	return len(p), nil
}
